import { StreamOperator } from '../../../engine/task/stream-operator.ts';
import type { StateTtl, ValueState } from '../../../state/keyed/state.ts';
import { PAGED_BACKEND } from '../../harness/operators/backends.ts';
import type { HarnessSnapshot } from '../../harness/operators/harness-snapshot.ts';
import { keyedOneInputHarness } from '../../harness/operators/operator-harness.ts';
import type { VectorType } from '../observed.ts';
import { timeMs, type VectorTime } from '../vector.ts';
import { AnyJson } from './any-json.ts';

interface Access {
  readonly key: string;
  /** Absent: a read. */
  readonly update?: unknown;
}

/** An operator that is nothing but one value state. */
class ValueStateProbe extends StreamOperator<unknown> {
  readonly #ttl: StateTtl;
  #state: ValueState<unknown> = undefined as never;

  constructor(ttl: StateTtl) {
    super();
    this.#ttl = ttl;
  }

  override open(): void {
    this.#state = this.context.keyedState.state({ kind: 'value', name: 'value', schema: AnyJson, ttl: this.#ttl });
  }

  override processElement(access: unknown): void {
    if ('update' in (access as Access)) this.#state.update((access as Access).update);
    else this.output.collect(this.#state.value() ?? null, Number.NaN, 0);
  }
}

/** Upper-case words, as Flink has them, to ours: `OnCreateAndWrite`, `NeverReturnExpired`. */
function lowerFirst<T extends string>(word: unknown): T | undefined {
  return typeof word === 'string' ? ((word[0]!.toLowerCase() + word.slice(1)) as T) : undefined;
}

export const ttlValueState: VectorType = async (vector, observed) => {
  const { ttl, updateType, visibility } = vector.operator;
  const settings: StateTtl = {
    timeToLiveMs: timeMs(ttl as VectorTime),
    timeDomain: 'processingTime',
    update: lowerFirst(updateType),
    visibility: lowerFirst(visibility),
  };
  const harness = await keyedOneInputHarness(
    () => new ValueStateProbe(settings),
    (access: Access) => access.key,
    { backend: PAGED_BACKEND },
  );
  const snapshots = new Map<number, HarnessSnapshot>();
  return {
    async step(step) {
      const key = String(step.key);
      if (step.t === 'clock') harness.setStateTtlProcessingTime(timeMs(step.ts));
      else if (step.t === 'update') harness.processElement({ key, update: step.value });
      else if (step.t === 'snapshot') snapshots.set(step.checkpointId ?? 0, await harness.snapshot());
      else if (step.t === 'restore') await harness.initializeState(snapshots.get(step.checkpointId ?? 0)!);
      else harness.processElement({ key });
      const [found] = harness.takeOutput();
      if (found !== undefined && 'value' in found) observed.assert({ value: found.value });
    },
    close: () => harness.close(),
  };
};
