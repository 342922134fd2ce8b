/* The published entry `tidemark/testing`: harnesses that drive one operator, step by step, under a virtual clock. */
export {
  ORACLE_BACKEND,
  PAGED_BACKEND,
  SMALL_PAGED_BACKEND,
  TEST_BACKENDS,
  type TestBackend,
  type TestBackendKind,
} from './operators/backends.ts';
export {
  type HarnessOptions,
  type HarnessSnapshot,
  OperatorHarness,
  keyedOneInputHarness,
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
