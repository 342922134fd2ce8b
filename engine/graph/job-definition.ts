import type { z } from 'zod';
import type { Environment } from '../base/environment.ts';
import type { MetricGroup } from '../base/metrics.ts';
import type { JobOptions } from './job-options.ts';
import type { StreamGraph } from './stream-graph.ts';

/** Parameters of a job: one zod type each. They become flags, environment variables and `--help`. */
export type ParamsShape = Readonly<Record<string, z.ZodType>>;

/** The values of the parameters after parsing, for `build`. */
export type ParamsOf<P extends ParamsShape> = { readonly [K in keyof P]: z.output<P[K]> };

/**
 * A job, as its module exports it by default. Made by `defineJob`; whoever runs it (command line, worker thread, test)
 * calls `createGraph` and needs to know nothing of the stream API.
 */
export interface JobDefinition<P extends ParamsShape = ParamsShape> {
  readonly name: string;
  /** One line for `--help`. */
  readonly description?: string | undefined;
  readonly params: P;
  /** Defaults that flags override. */
  readonly options?: JobOptions | undefined;
  /** Builds the stream graph; pure but for what it reads from `environment`. Called once per attempt. */
  createGraph(params: ParamsOf<P>, environment: Environment): StreamGraph;
  /** What the job needs beside it while it runs: an embedded database, a simulator, a summary of its own. */
  readonly companion?: ((context: CompanionContext<P>) => Promise<JobCompanion<P>>) | undefined;
}

export interface CompanionContext<P extends ParamsShape = ParamsShape> {
  readonly environment: Environment;
  readonly params: ParamsOf<P>;
  /** Folder for local data of this job; exists. */
  readonly dataDirectory: string;
}

/** Runs beside a job, from before it starts until after it ends. */
export interface JobCompanion<P extends ParamsShape = ParamsShape> {
  /** Parameters filled in by the companion: addresses of what it started. */
  readonly params?: Partial<ParamsOf<P>> | undefined;
  /** A few words for the status line: `matched 97.1 %`. */
  status?(metrics: MetricGroup): string;
  /** Lines to show now and then, and at the end: what the job has done so far. */
  summary?(metrics: MetricGroup, isFinal: boolean): Promise<readonly string[]>;
  close(): Promise<void>;
}
