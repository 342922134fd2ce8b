import { INSERT } from '../../engine/task/row-kind.ts';
import { NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { ValueState } from '../../state/keyed/state.ts';
import { array } from '../../state/schema/collections.ts';
import { int, long } from '../../state/schema/scalars.ts';
import { type TtlOptions, valueState } from '../process/state-spec.ts';
import { HoldingOperator } from '../updating/holding-operator.ts';
import { MiniBatch, type MiniBatchSettings } from '../updating/mini-batch.ts';
import type { ColumnsAccumulator, CompiledAggregates } from './compile-aggregates.ts';
import { keepFilters } from './keep-filters.ts';
import { laterTimestamp } from './mini-batch-aggregate-operator.ts';
import type { PartialGroup } from './partial-group.ts';
import type { SeenValue } from './split-distinct.ts';
import { changeCounts } from './value-counts.ts';

export interface SeenValuesOptions {
  readonly compiled: CompiledAggregates;
  readonly batch: MiniBatchSettings;
  readonly ttl: TtlOptions | undefined;
  /** Rows can be taken back, so that it counts how often a value is there. */
  readonly takesRetractions: boolean;
}

interface OpenPartial extends PartialGroup<ColumnsAccumulator> {
  timestampMs: number;
}

/**
 * Finds values that a group has not seen before, under some filter, or that are gone from it, and sends how many they are:
 * once per group and batch.
 *
 * Stateful: the filters of one value of a group, per key; or how often it is there, by column.
 */
export class SeenValuesOperator extends HoldingOperator<PartialGroup<ColumnsAccumulator>> {
  override readonly takesRetractions = false;
  readonly #compiled: CompiledAggregates;
  readonly #ttl: TtlOptions | undefined;
  protected override readonly held: MiniBatch<OpenPartial>;
  readonly #isCounting: boolean;
  #filters: ValueState<number> = undefined as never;
  #counts: ValueState<number[]> = undefined as never;

  constructor({ compiled, batch, ttl, takesRetractions }: SeenValuesOptions) {
    super();
    this.#isCounting = takesRetractions;
    this.#compiled = compiled;
    // A value that is still seen is kept, even if it is not new.
    this.#ttl = ttl === undefined ? undefined : { ...ttl, update: 'onReadAndWrite' };
    this.held = new MiniBatch(batch, (_group, partial) => {
      this.output.collect(partial, partial.timestampMs, INSERT);
    });
  }

  override open(): void {
    keepFilters(this.context, this.#compiled.sets);
    const options = { ttl: this.#ttl };
    if (this.#isCounting) this.#counts = this.keyedState(valueState(array(long()), options).toDescriptor('counts'));
    else this.#filters = this.keyedState(valueState(int(), options).toDescriptor('filters'));
    this.held.open(this.context);
  }

  override processElement(value: unknown, timestampMs: number): void {
    const seen = value as SeenValue;
    if (this.#isCounting) {
      this.#count(seen, timestampMs);
      return;
    }
    const before = this.#filters.value() ?? 0;
    const fresh = seen.filters & ~before;
    if (fresh === 0) return;
    this.#filters.update(before | fresh);
    this.#compiled.addFresh(this.#partialOf(seen.group, timestampMs), seen.set, fresh, 1);
    this.held.count();
  }

  #count({ group, set, counts }: SeenValue, timestampMs: number): void {
    const { counts: after, come, gone } = changeCounts(this.#compiled.sets[set]!, this.#counts.value(), counts!);
    this.#counts.update(after);
    if ((come | gone) === 0) return;
    const accumulator = this.#partialOf(group, timestampMs);
    if (come !== 0) this.#compiled.addFresh(accumulator, set, come, 1);
    if (gone !== 0) this.#compiled.addFresh(accumulator, set, gone, -1);
    this.held.count();
  }

  #partialOf(group: Key, timestampMs: number): ColumnsAccumulator {
    let partial = this.held.get(group);
    if (partial === undefined) {
      partial = { key: group, accumulator: this.#compiled.create(), rows: 0, timestampMs: NO_TIMESTAMP };
      this.held.set(group, partial);
    }
    partial.timestampMs = laterTimestamp(partial.timestampMs, timestampMs);
    return partial.accumulator;
  }
}
