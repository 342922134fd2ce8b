/* The published entry `tidemark/testing`: drives a whole job, or one operator step by step, under a virtual clock. */
export {
  ORACLE_BACKEND,
  PAGED_BACKEND,
  ROCKSDB_BACKEND,
  SMALL_PAGED_BACKEND,
  TEST_BACKENDS,
  type TestBackend,
  type TestBackendKind,
} from './operators/backends.ts';
export { harnessOf, twoInputHarnessOf } from './operators/harness-of.ts';
export {
  type HarnessSnapshot,
  type HarnessSubtaskSnapshot,
  repackageState,
  repartitionOperatorState,
  type SubtaskPlace,
} from './operators/harness-snapshot.ts';
export type { HarnessOptions, KeySelectors } from './operators/harness-options.ts';
export {
  OperatorHarness,
  keyedBroadcastHarness,
  keyedOneInputHarness,
  multiInputHarness,
  oneInputHarness,
  twoInputHarness,
} from './operators/operator-harness.ts';
export {
  type OutputElement,
  type RecordElement,
  type StatusElement,
  type WatermarkElement,
  isRecord,
  record,
  status,
  watermark,
} from './operators/stream-elements.ts';
export {
  DrivenOutput,
  DrivenSource,
  JobDriver,
  type JobSnapshot,
  type TestJobOptions,
  type TestTime,
  testJob,
} from './test-job.ts';
export { VirtualEnvironment, type VirtualEnvironmentOptions } from '../../engine/base/environment-virtual.ts';
export { type VirtualJob, type VirtualJobOptions, startVirtualJob } from './virtual-job.ts';
export { CollectedRows, collectSink, type CollectedRecord } from '../../operators/sink/collect/collect-sink.ts';
