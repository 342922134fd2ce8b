import type { z } from 'zod';
import type { Environment } from '../engine/base/environment.ts';
import { UserError } from '../engine/base/errors.ts';
import type {
  CompanionContext,
  JobCompanion,
  JobDefinition,
  ParamsOf,
  ParamsShape,
} from '../engine/graph/job-definition.ts';
import type { JobOptions } from '../engine/graph/job-options.ts';
import { StreamExecutionEnvironment } from './stream-execution-environment.ts';

export interface JobSource<P extends ParamsShape> {
  /** Names the job's checkpoints: lower-case words joined by dashes. */
  readonly name: string;
  /** One line for `--help`. */
  readonly description?: string | undefined;
  /** Parameters, a zod type each: they become flags, environment variables and `--help`. */
  readonly params?: P | undefined;
  /** Defaults for the whole job; flags override them. */
  readonly options?: JobOptions | undefined;
  /** Writes the job. Pure: it is called in every thread and for every attempt, and must write the same graph each time. */
  build(env: StreamExecutionEnvironment, params: ParamsOf<P>, environment: Environment): void;
  /** What must run beside the job: an embedded database, a summary of its own. */
  readonly companion?: ((context: CompanionContext<P>) => Promise<JobCompanion<P>>) | undefined;
}

const JOB_NAME = /^[a-z0-9][a-z0-9._-]*$/;

/** Defines a job; its module exports the result as default. */
export function defineJob<const P extends ParamsShape = Record<never, z.ZodType>>(job: JobSource<P>): JobDefinition<P> {
  if (!JOB_NAME.test(job.name)) {
    const suggestion = job.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
    throw new UserError(
      'JOB_DEFINITION',
      `expected a job name of lower-case letters, digits, dots and dashes, found '${job.name}'`,
      {
        hint: `The name is part of paths in the checkpoint storage: try '${suggestion}'.`,
      },
    );
  }
  return {
    name: job.name,
    description: job.description,
    params: job.params ?? ({} as P),
    options: job.options,
    companion: job.companion,
    createGraph(params, environment) {
      const env = new StreamExecutionEnvironment();
      const built: unknown = job.build(env, params, environment);
      if (built instanceof Promise) {
        built.catch(() => {});
        throw new UserError('JOB_DEFINITION', `job '${job.name}': build is an async function`, {
          hint: 'build writes the graph and must be done when it returns. What it needs to wait for goes to the top of the module.',
        });
      }
      return env.streamGraph();
    },
  };
}
