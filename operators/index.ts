/* The published entry `tidemark`: what a job needs. */
export { UserError, TidemarkError } from '../engine/base/errors.ts';
export type { JobOptions } from '../engine/graph/stream-graph.ts';
export { OutputTag } from '../engine/task/output-tag.ts';
export {
  DELETE,
  INSERT,
  UPDATE_AFTER,
  UPDATE_BEFORE,
  isRetraction,
  rowKindName,
  type RowKind,
} from '../engine/task/row-kind.ts';
export { type Duration, durationMs } from '../engine/time/duration.ts';
export { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS, NO_TIMESTAMP, hasTimestamp } from '../engine/time/timestamps.ts';
export {
  WatermarkStrategy,
  type TimestampAssigner,
  type WatermarkGenerator,
  type WatermarkOutput,
} from '../engine/time/watermark-strategy.ts';
export { compositeKey } from '../state/keyed/key-group.ts';
export type { Key } from '../state/keyed/key.ts';
export type { AggregatingState, ListState, MapState, ReducingState, ValueState } from '../state/keyed/state.ts';
export type { Infer, Schema } from '../state/schema/schema.ts';

export { ConnectedStreams, KeyedConnectedStreams } from './connected-streams.ts';
export { DataStream, type KeySelector } from './data-stream.ts';
export { defineJob, type JobSource } from './define-job.ts';
export type { JobCompanion, JobDefinition } from '../engine/graph/job-definition.ts';
export { KeyedStream } from './keyed-stream.ts';
export type { Collector } from './process/collector.ts';
export {
  defineCoProcess,
  defineProcess,
  type CoProcessDefinition,
  type ProcessDefinition,
} from './process/define-process.ts';
export type { FunctionContext } from './process/function-context.ts';
export type { ProcessContext, ProcessTimers, TimerContext } from './process/process-context.ts';
export { CoProcessFunction, KeyedProcessFunction, ProcessFunction } from './process/process-function.ts';
export {
  type AggregateFunction,
  type StateHandles,
  type StateSpec,
  aggregatingState,
  listState,
  mapState,
  reducingState,
  valueState,
} from './process/state-spec.ts';
export { StreamExecutionEnvironment } from './stream-execution-environment.ts';
export type { OperatorOptions, StatefulOperatorOptions } from './stream-graph-builder.ts';
