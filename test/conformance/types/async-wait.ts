import { TidemarkError } from '../../../engine/base/errors.ts';
import type { AsyncFunction } from '../../../operators/async/async-function.ts';
import { AsyncRetryStrategies, RetryPredicates } from '../../../operators/async/async-retry.ts';
import { AsyncWaitOperator } from '../../../operators/async/async-wait-operator.ts';
import { DEFAULT_CAPACITY } from '../../../operators/async/async-wait-options.ts';
import { long } from '../../../state/schema/scalars.ts';
import type { HarnessSnapshot } from '../../harness/operators/harness-snapshot.ts';
import { oneInputHarness } from '../../harness/operators/operator-harness.ts';
import { NotCovered, type VectorType } from '../observed.ts';
import { timeMs } from '../vector.ts';
import { print, rowKindOf } from './from-harness.ts';

const RETRY_DELAY_MS = 10;
const FLUSH_STEPS_MAX = 100;
const SNAPSHOT_FN = 'before the snapshot: never completes; after restore: async v*2 (capacity 6)';

type Fn = AsyncFunction<number, number>;

/** Functions by their string. `released` resolves at the vector's next `release`. */
function functionOf(fn: string, isRestored: boolean, released: () => Promise<void>): Fn {
  const doubled: Fn = { asyncInvoke: (value) => Promise.resolve([value * 2]) };
  const onRelease: Fn = { asyncInvoke: (value) => released().then(() => [value]) };
  switch (fn) {
    case 'async v*2':
      return doubled;
    case 'odd v -> [] ; even v -> [v*2]':
      return { asyncInvoke: (value) => Promise.resolve(value % 2 === 0 ? [value * 2] : []) };
    case 'never completes until released after the clock passed 11; default timeout() throws TimeoutException':
      return onRelease;
    case 'never completes until released; timeout() completes with v*3; otherwise result v':
      return { ...onRelease, timeout: (value) => [value * 3] };
    case SNAPSHOT_FN:
      return isRestored ? doubled : { asyncInvoke: () => new Promise(() => {}) };
    default:
      throw new NotCovered(`function ${fn}`);
  }
}

export const asyncWait: VectorType = async (vector, observed, backend) => {
  const { mode, capacity, timeout, retry } = vector.operator;
  const fn = vector.operator['fn'] as string;
  if (retry !== undefined && retry !== 'fixed delay, on empty result') throw new NotCovered(`retry ${String(retry)}`);
  let release = Promise.withResolvers<void>();
  let isRestored = false;
  let hasEnded = false;
  let nowMs = 0;
  const create = (): AsyncWaitOperator<number, number> =>
    new AsyncWaitOperator<number, number>({
      fn: functionOf(fn, isRestored, () => release.promise),
      schema: long(),
      isOrdered: mode === 'ORDERED',
      capacity: fn === SNAPSHOT_FN && isRestored ? 6 : ((capacity as number | undefined) ?? DEFAULT_CAPACITY),
      timeoutMs: timeout as number | undefined,
      retry:
        retry === undefined
          ? undefined
          : AsyncRetryStrategies.fixedDelay({
              maxAttempts: 2,
              delay: RETRY_DELAY_MS,
              ifResult: RetryPredicates.emptyResult,
            }),
    });
  let operator = create();
  const harness = await oneInputHarness(() => (operator = create()), { backend });
  const snapshots = new Map<number, HarnessSnapshot>();

  const take = async (): Promise<void> => {
    await harness.settle();
    for (const element of harness.takeOutput()) observed.emit(print(element));
    for (const failure of harness.takeFailures()) observed.emitSide('failures', { failure: nameOf(failure) });
  };
  const setClock = async (toMs: number): Promise<void> => {
    nowMs = toMs;
    await harness.setProcessingTime(nowMs);
  };
  return {
    async step(step) {
      if (step.t === 'rec') harness.processElement(step.value, timeMs(step.ts), rowKindOf(step.kind));
      else if (step.t === 'wm') await harness.processWatermark(timeMs(step.ts));
      else if (step.t === 'proc') await setClock(timeMs(step.ts));
      else if (step.t === 'snapshot') snapshots.set(step.checkpointId ?? 0, await harness.snapshot());
      else if (step.t === 'restore') {
        isRestored = true;
        await harness.initializeState(snapshots.get(step.checkpointId ?? 0)!);
      } else if (step.t === 'release') {
        release.resolve();
        release = Promise.withResolvers<void>();
      } else if (step.t === 'end') {
        hasEnded = true;
        await harness.endInput();
      } else throw new NotCovered(`step ${step.t}`);
      await take();
    },
    async end() {
      for (let i = 0; i < FLUSH_STEPS_MAX && !hasEnded && operator.inFlightCount > 0; i++) {
        await setClock(nowMs + RETRY_DELAY_MS);
        await take();
      }
    },
    close: () => harness.close(),
  };
};

function nameOf(failure: unknown): string {
  if (failure instanceof TidemarkError && failure.code === 'TIMEOUT') return 'TimeoutException';
  return failure instanceof Error ? failure.name : String(failure);
}
