import { z } from 'zod';
import { UserError } from '../engine/base/errors.ts';
import type { JobOptions, StreamGraph } from '../engine/graph/stream-graph.ts';
import { StreamExecutionEnvironment } from './stream-execution-environment.ts';

/** Parameters of a job: a zod type each. They become flags, environment variables and `--help`. */
export type JobParameters = Readonly<Record<string, z.ZodType>>;

/** A parameter as people see it. */
export interface ParameterDescription {
  readonly name: string;
  readonly description: string | undefined;
  readonly isRequired: boolean;
  /** Undefined: none. */
  readonly defaultValue: unknown;
  /** `string`, `number`, `boolean`, `enum`, ...: what a flag's text is turned into. */
  readonly type: string;
}

export interface JobOptionsAndGraph {
  readonly options: JobOptions;
  readonly graph: StreamGraph;
}

/** A job as its module exports it. Every thread imports the module and makes the same graph. */
export interface JobDefinition {
  /** Marks the export for the command line, across copies of the package. */
  readonly isTidemarkJob: true;
  readonly name: string;
  readonly parameters: readonly ParameterDescription[];
  /**
   * Checks parameters and builds the graph.
   *
   * @param params by name; text is converted to a parameter's number or boolean.
   * @throws UserError CONFIGURATION for a wrong, missing or unknown parameter, JOB_DEFINITION for a wrong job.
   */
  createGraph(params?: Readonly<Record<string, unknown>>): JobOptionsAndGraph;
}

export interface JobSource<P extends JobParameters> {
  /** Names the job's checkpoints: lower-case words joined by dashes. */
  readonly name: string;
  readonly params?: P | undefined;
  /** Defaults for the whole job; flags override them. */
  readonly options?: JobOptions | undefined;
  /** Writes the job. Pure: it is called in every thread, and must write the same graph each time. */
  build(env: StreamExecutionEnvironment, params: z.output<z.ZodObject<P>>): void;
}

const JOB_NAME = /^[a-z0-9][a-z0-9._-]*$/;

/** Defines a job; its module exports the result as default. */
export function defineJob<P extends JobParameters = Record<never, never>>(job: JobSource<P>): JobDefinition {
  if (!JOB_NAME.test(job.name)) {
    throw new UserError(
      'JOB_DEFINITION',
      `expected a job name of lower-case letters, digits, dots and dashes, found '${job.name}'`,
      {
        hint: `The name is part of paths in the checkpoint storage: try '${job.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}'.`,
      },
    );
  }
  const shape: JobParameters = job.params ?? {};
  return {
    isTidemarkJob: true,
    name: job.name,
    parameters: Object.entries(shape).map(([name, type]) => describeParameter(name, type)),
    createGraph(params = {}) {
      const env = new StreamExecutionEnvironment(job.options);
      job.build(env, parseParameters(job.name, shape, params) as z.output<z.ZodObject<P>>);
      return { options: env.options, graph: env.streamGraph() };
    },
  };
}

/** Whether a module's export is a job. */
export function isJobDefinition(value: unknown): value is JobDefinition {
  return typeof value === 'object' && value !== null && (value as Partial<JobDefinition>).isTidemarkJob === true;
}

function parseParameters(
  jobName: string,
  shape: JobParameters,
  params: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const converted = Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, convertText(value, shape[name])]),
  );
  const result = z.strictObject(shape).safeParse(converted);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => `${issue.path.join('.') || 'parameters'}: ${issue.message}`);
  throw new UserError('CONFIGURATION', `parameters of job '${jobName}' do not fit: ${issues.join('; ')}`, {
    hint: `It takes ${Object.keys(shape).join(', ') || 'no parameters'}.`,
  });
}

/** Flags and environment variables are text; zod is strict about numbers and booleans. */
function convertText(value: unknown, type: z.ZodType | undefined): unknown {
  if (typeof value !== 'string' || type === undefined) return value;
  const kind = baseTypeName(type);
  if (kind === 'number' && value.trim() !== '' && !Number.isNaN(Number(value))) return Number(value);
  if (kind === 'boolean' && (value === 'true' || value === 'false')) return value === 'true';
  return value;
}

function describeParameter(name: string, type: z.ZodType): ParameterDescription {
  const absent = type.safeParse(undefined);
  return {
    name,
    description: type.description ?? innerType(type)?.description,
    isRequired: !absent.success,
    defaultValue: absent.success ? absent.data : undefined,
    type: baseTypeName(type),
  };
}

function baseTypeName(type: z.ZodType): string {
  const inner = innerType(type);
  return inner === undefined ? type.def.type : baseTypeName(inner);
}

/** The type under a default, an optional or a nullable. */
function innerType(type: z.ZodType): z.ZodType | undefined {
  return 'innerType' in type.def ? (type.def.innerType as z.ZodType) : undefined;
}
