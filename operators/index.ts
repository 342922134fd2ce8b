/* The published entry `tidemark`: what a job needs. */
export { UserError, TidemarkError } from '../engine/base/errors.ts';
export type { JobOptions, RestartStrategyOptions } from '../engine/graph/job-options.ts';
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
export type { BroadcastState } from '../engine/task/operator-state.ts';
export { compositeKey } from '../state/keyed/key-group.ts';
export type { Key } from '../state/keyed/key.ts';
export type { AggregatingState, ListState, MapState, ReducingState, ValueState } from '../state/keyed/state.ts';
export type { Infer, Schema } from '../state/schema/schema.ts';
export { boolean, bytes, float64, int, long, string, timestampMs } from '../state/schema/scalars.ts';
export { array, map } from '../state/schema/collections.ts';
export { decimal } from '../state/schema/decimal.ts';
export { enumeration } from '../state/schema/enumeration.ts';
export { optional } from '../state/schema/optional.ts';
export { pick, record } from '../state/schema/record.ts';
export { union } from '../state/schema/union.ts';
export { withAliases, withDefault, withDoc } from '../state/schema/attributes.ts';

export {
  avg,
  count,
  countDistinct,
  max,
  min,
  sum,
  type AggregateColumn,
  type ColumnOptions,
} from './aggregate/aggregate-columns.ts';
export { aggregates, type AggregateRow, type ColumnsAggregate } from './aggregate/aggregates.ts';
export type { GroupAggregateFunction } from './aggregate/group-aggregate-function.ts';
export type { GroupAggregateOptions } from './aggregate/group-aggregate-options.ts';
export type { GroupResultFunction } from './aggregate/group-changes.ts';
export type { MiniBatchOptions } from './updating/mini-batch.ts';
export type { AsyncContext, AsyncFunction, AsyncInvoke } from './async/async-function.ts';
export {
  AsyncRetryStrategies,
  type AsyncRetryStrategy,
  type ExponentialBackoffRetryOptions,
  type FixedDelayRetryOptions,
  RetryPredicates,
} from './async/async-retry.ts';
export type { AsyncCapacityOptions, AsyncWaitOptions } from './async/async-wait-options.ts';
export { httpLookupTable, type HttpLookupTableOptions } from './async/lookup/http-lookup-table.ts';
export type { FullCacheOptions, LookupCacheOptions, PartialCacheOptions } from './async/lookup/lookup-cache-options.ts';
export type {
  InnerLookupJoinOptions,
  LeftLookupJoinOptions,
  LookupJoinOptions,
  LookupMissRetry,
} from './async/lookup/lookup-join.ts';
export type { LookupContext, LookupTable } from './async/lookup/lookup-table.ts';
export {
  postgresLookupTable,
  type PostgresLookupTableOptions,
  type PostgresQueryOptions,
  type PostgresRow,
  type PostgresTableOptions,
} from './async/lookup/postgres-lookup-table.ts';
export {
  CoGroupedStreams,
  UnkeyedCoGroup,
  WindowedCoGroup,
  WindowedPair,
  type CoGroupFunction,
} from './co-grouped-streams.ts';
export { BroadcastConnectedStreams, KeyedBroadcastConnectedStreams } from './broadcast-connected-streams.ts';
export { ConnectedStreams, KeyedConnectedStreams } from './connected-streams.ts';
export { BroadcastStream, DataStream, type KeySelector } from './data-stream.ts';
export { defineJob, type JobSource } from './define-job.ts';
export type { JobCompanion, JobDefinition } from '../engine/graph/job-definition.ts';
export {
  IntervalJoin,
  IntervalJoinedStreams,
  OuterIntervalJoin,
  type OuterJoinOptions,
} from './interval-joined-streams.ts';
export type { JoinFunction, JoinOptions } from './join-options.ts';
export { ProcessJoinFunction, type JoinContext, type JoinLogic } from './join/join-function.ts';
export { JoinedStreams, UnkeyedJoin, WindowedJoin } from './joined-streams.ts';
export { AfterMatchSkipStrategy } from './cep/after-match-skip-strategy.ts';
export type { ConditionContext, PatternCondition } from './cep/condition.ts';
export { Pattern } from './cep/pattern.ts';
export type { PatternMatch } from './cep/pattern-match.ts';
export type { MatchContext, PatternProcessFunction } from './cep/pattern-process-function.ts';
export type { WithinType } from './cep/stage.ts';
export { type PatternBegin, type PatternOptions, PatternStream } from './pattern-stream.ts';
export { KeyedStream, type ReduceOptions } from './keyed-stream.ts';
export {
  BroadcastProcessFunction,
  KeyedBroadcastProcessFunction,
  defineBroadcastProcess,
  defineKeyedBroadcastProcess,
  type BroadcastContext,
  type BroadcastProcessDefinition,
  type BroadcastProcessLogic,
  type BroadcastTimerContext,
  type KeyedBroadcastContext,
  type KeyedBroadcastProcessDefinition,
  type KeyedBroadcastProcessLogic,
  type ReadOnlyBroadcastContext,
  type ReadOnlyContext,
} from './process/broadcast-process-function.ts';
export {
  broadcastState,
  type BroadcastHandles,
  type BroadcastStateSpec,
  type BroadcastStateSpecs,
  type ReadOnlyBroadcastHandles,
  type ReadOnlyBroadcastState,
} from './process/broadcast-state-spec.ts';
export type { Collector } from './process/collector.ts';
export {
  defineCoProcess,
  defineProcess,
  type CoProcessDefinition,
  type ProcessDefinition,
} from './process/define-process.ts';
export type { FunctionContext } from './process/function-context.ts';
export type { OperatorListState } from '../engine/task/operator-state.ts';
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
export type { NumericField, OrderedField } from './process/rolling.ts';
export { StreamExecutionEnvironment } from './stream-execution-environment.ts';
export type { OperatorOptions, StatefulOperatorOptions } from './stream-graph-builder.ts';
export { TemporalJoin } from './temporal-joined-streams.ts';
export type { EmitMode } from './updating/changelog-output.ts';
export type { DeduplicateOptions } from './updating/deduplicate.ts';
export type { Compare, OrderBy, OrderField } from './updating/order-by.ts';
export type {
  RegularJoinFunction,
  RegularJoinOptions,
  RegularJoinSide,
  SelfJoinOptions,
  SelfJoinSide,
} from './updating/regular-join.ts';
export type { Ranked, TopNOptions } from './updating/top-n.ts';
export {
  WindowedStream,
  type WindowAggregateOptions,
  type WindowFunction,
  type WindowOptions,
} from './windowed-stream.ts';

export type { CoGroup, TaggedRow } from './window/co-group-contents.ts';
export { ContinuousEventTimeTrigger } from './window/continuous-event-time-trigger.ts';
export { ContinuousProcessingTimeTrigger } from './window/continuous-processing-time-trigger.ts';
export { CountTrigger } from './window/count-trigger.ts';
export { DeltaTrigger } from './window/delta-trigger.ts';
export { EndOfStreamTrigger } from './window/end-of-stream-trigger.ts';
export { EventTimeTrigger } from './window/event-time-trigger.ts';
export {
  Evictor,
  type EvictorContext,
  type TimestampedValue,
  countEvictor,
  deltaEvictor,
  timeEvictor,
} from './window/evictor.ts';
export {
  SlidingEventTimeWindows,
  SlidingProcessingTimeWindows,
  TumblingEventTimeWindows,
  TumblingProcessingTimeWindows,
} from './window/fixed-windows.ts';
export { GlobalWindows } from './window/global-windows.ts';
export { NeverTrigger } from './window/never-trigger.ts';
export { ProcessingTimeoutTrigger, type ProcessingTimeoutOptions } from './window/processing-timeout-trigger.ts';
export { ProcessingTimeTrigger } from './window/processing-time-trigger.ts';
export { PurgingTrigger } from './window/purging-trigger.ts';
export { EventTimeSessionWindows, ProcessingTimeSessionWindows } from './window/session-windows.ts';
export {
  CONTINUE,
  FIRE,
  FIRE_AND_PURGE,
  type OnMergeContext,
  PURGE,
  Trigger,
  type TriggerContext,
  type TriggerResult,
} from './window/trigger.ts';
export { GlobalWindow, TimeWindow, type Window } from './window/window.ts';
export { MergingWindowAssigner, WindowAssigner, type WindowAssignerContext } from './window/window-assigner.ts';
export {
  ProcessWindowFunction,
  type WindowFunctionContext,
  type WindowLogic,
  defineWindowFunction,
} from './window/window-function.ts';
export {
  collectionSource,
  type CollectionSourceOptions,
  type IndexedValues,
} from './source/collection/collection-source.ts';
export { generatorSource, type GeneratorSourceOptions } from './source/collection/generator-source.ts';
export {
  CollectedRows,
  collectSink,
  type CollectedRecord,
  type CollectSinkOptions,
} from './sink/collect/collect-sink.ts';
export { kafkaSink } from './sink/kafka/kafka-sink.ts';
export type { KafkaSinkOptions } from './sink/kafka/kafka-sink-options.ts';
export type { CommittedFile } from './sink/parquet/committed-file.ts';
export {
  readManifests,
  type ParquetManifest,
  type ReadManifestsOptions,
  type StoredManifest,
} from './sink/parquet/manifest.ts';
export { removeOrphans, type RemoveOrphansOptions, voidManifestsAfter } from './sink/parquet/orphans.ts';
export { parquetSink, type ParquetSinkOptions } from './sink/parquet/parquet-sink.ts';
export type { RollPolicy } from './sink/parquet/roll-policy.ts';
export { printSink, type PrintSinkOptions } from './sink/print/print-sink.ts';
export {
  twoPhaseCommitSink,
  type TwoPhaseCommitSinkOptions,
  type TwoPhaseCommitTarget,
} from './sink/two-phase-commit/two-phase-commit-sink.ts';
export {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from './sink/warehouse/embedded-postgres.ts';
export { warehouseSink, type WarehouseSinkOptions } from './sink/warehouse/warehouse-sink.ts';
export { fileSource } from './source/file/file-source.ts';
export type { FileSourceOptions, UndecodableFileRecord } from './source/file/file-source-options.ts';
export { hybridSource, type HybridSourceOptions } from './source/hybrid/hybrid-source.ts';
export type { HybridSplit } from './source/hybrid/hybrid-split.ts';
export type { FollowingSource } from './source/hybrid/hybrid-stages.ts';
export { kafkaSource } from './source/kafka/kafka-source.ts';
export type { KafkaSourceOptions, KafkaStartPosition, UndecodableRecord } from './source/kafka/kafka-source-options.ts';
export type { KafkaRecordView } from './source/kafka/kafka-record-view.ts';
export type { KafkaConnectionOptions } from './kafka/connect.ts';
export { avroBinary, avroBinaryEncoder, type AvroBinaryOptions } from './format/avro/avro-binary.ts';
export { avroContainer } from './format/avro/avro-container.ts';
export { AvroContainerWriter, type AvroContainerWriterOptions } from './format/avro/avro-container-writer.ts';
export { confluentAvro, confluentAvroEncoder } from './format/avro/confluent-avro.ts';
export { HttpSchemaRegistry, type HttpSchemaRegistryOptions } from './format/avro/http-schema-registry.ts';
export {
  lengthPrefixedAvro,
  lengthPrefixedAvroEncoder,
  type LengthPrefixedAvroOptions,
} from './format/avro/length-prefixed-avro.ts';
export { MemorySchemaRegistry, type SchemaRegistry } from './format/avro/schema-registry.ts';
export { csv, type CsvOptions } from './format/csv/csv.ts';
export { csvEncoder, type CsvEncodeOptions } from './format/csv/csv-encode.ts';
export { DecodeError, type DecodeErrorDetails, type DecodeReason } from './format/decode-error.ts';
export { DecodeOutput, type DecodeFormat, type Framing, type RecordDecoder } from './format/decode-format.ts';
export type { EncodeFormat } from './format/encode-format.ts';
export { json, jsonLines, type JsonOptions } from './format/json/json.ts';
export { jsonEncoder, type JsonEncodeOptions } from './format/json/json-encode.ts';
