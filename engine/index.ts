/* The published entry `tidemark/engine`: for those who extend the engine or run jobs from a program of their own. */
export type { Clock, Environment, Scheduler } from './base/environment.ts';
export { createNodeEnvironment } from './base/environment-node.ts';
export { VirtualEnvironment } from './base/environment-virtual.ts';
export { describeError, ERROR_CODES, ExternalError, TidemarkError, UserError } from './base/errors.ts';
export { MetricGroup } from './base/metrics.ts';
export type { CheckpointManifest } from './checkpoint/manifest.ts';
export { createExecutionPlan } from './graph/execution-plan.ts';
export { createJobGraph } from './graph/job-graph.ts';
export type { JobCompanion, JobDefinition } from './graph/job-definition.ts';
export type { StreamGraph } from './graph/stream-graph.ts';
export { JobExecution, type JobResult, type JobStatus } from './runtime/job-execution.ts';
export type { RuntimeOptions } from './runtime/runtime-options.ts';
export type { Committer, Sink, SinkContext, SinkWriter } from './task/sink.ts';
export type { Source, SourceReader, SplitEnumerator } from './task/source.ts';
export { StreamOperator } from './task/stream-operator.ts';
