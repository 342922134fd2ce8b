import { checkedKey } from '../../engine/exchange/checked-key.ts';
import { INSERT, isRetraction, type RowKind } from '../../engine/task/row-kind.ts';
import type { Output } from '../../engine/task/output.ts';
import { NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import { compositeKey } from '../../state/keyed/key-group.ts';
import type { Key } from '../../state/keyed/key.ts';
import { HoldingOperator } from '../updating/holding-operator.ts';
import { MiniBatch, type MiniBatchSettings } from '../updating/mini-batch.ts';
import type { DistinctValue } from './aggregate-columns.ts';
import type { ColumnsAccumulator, CompiledAggregates } from './compile-aggregates.ts';
import { refuseRetraction } from './group-aggregate-operator.ts';
import { laterTimestamp } from './mini-batch-aggregate-operator.ts';
import type { PartialGroup } from './partial-group.ts';
import { SEEN_VALUES, type SeenValue } from './split-distinct.ts';

export interface LocalSplitOptions<IN> {
  readonly compiled: CompiledAggregates;
  readonly keySelector: (value: IN) => Key;
  readonly batch: MiniBatchSettings;
  readonly takesRetractions: boolean;
}

const HINT = "Write input: 'changelog', so that it is counted how often a value is there.";

/** What a batch has of a group: all that is not about different values, and the values with their filters, by set. */
interface OpenGroup extends PartialGroup<ColumnsAccumulator> {
  rows: number;
  timestampMs: number;
}

/**
 * The first phase of an aggregation with different values, in front of the shuffle: adds up what rows are added up for, and
 * sends each value once per batch, with all filters under which the batch has seen it, to where the value's state is.
 *
 * Stateless: the batch is sent on before every barrier.
 */
export class LocalSplitOperator<IN> extends HoldingOperator<PartialGroup<ColumnsAccumulator>> {
  override readonly takesRetractions: boolean;
  readonly #compiled: CompiledAggregates;
  readonly #keySelector: (value: IN) => Key;
  protected override readonly held: MiniBatch<OpenGroup>;
  readonly #values: GroupValues[] = [];
  #seen: Output<SeenValue> = undefined as never;
  readonly #valuesByGroup = new Map<Key, GroupValues>();
  #latest: OpenGroup | undefined;
  #latestValues: GroupValues | undefined;

  constructor({ compiled, keySelector, batch, takesRetractions }: LocalSplitOptions<IN>) {
    super();
    this.takesRetractions = takesRetractions;
    this.#compiled = compiled;
    this.#keySelector = keySelector;
    this.held = new MiniBatch(batch, (_key, group) => this.#send(group));
  }

  override open(): void {
    this.held.open(this.context);
    this.#seen = this.context.sideOutput(SEEN_VALUES);
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    const by = isRetraction(kind) ? -1 : 1;
    if (by < 0 && !this.takesRetractions) refuseRetraction(this.context.operatorName, kind, HINT);
    const key = this.#keySelector(value as IN);
    let group = this.#latest;
    if (group === undefined || group.key !== key) group = this.#groupOf(key, value);
    const compiled = this.#compiled;
    const filters = compiled.filtersOf(value);
    compiled.add(group.accumulator, value, filters, by);
    group.rows += by;
    group.timestampMs = laterTimestamp(group.timestampMs, timestampMs);
    this.#latestValues!.add(value, filters, by);
    this.held.count();
  }

  #groupOf(key: Key, value: unknown): OpenGroup {
    let group = this.held.get(key);
    if (group === undefined) {
      checkedKey(key, value, this.context.operatorName);
      group = { key, accumulator: this.#compiled.create(), rows: 0, timestampMs: NO_TIMESTAMP };
      this.held.set(key, group);
      this.#valuesByGroup.set(key, this.#values.pop() ?? this.#newValues());
    }
    this.#latest = group;
    this.#latestValues = this.#valuesByGroup.get(key);
    return group;
  }

  #newValues(): GroupValues {
    return this.takesRetractions ? new CountedValues(this.#compiled) : new FilteredValues(this.#compiled);
  }

  #send(group: OpenGroup): void {
    const { key, timestampMs } = group;
    const values = this.#valuesByGroup.get(key)!;
    this.#valuesByGroup.delete(key);
    this.#latest = undefined;
    this.#latestValues = undefined;
    this.output.collect(group, timestampMs, INSERT);
    values.send(key, timestampMs, this.#seen);
    if (this.#values.length < GROUPS_KEPT_MAX) this.#values.push(values);
  }
}

/** Empty ones that are kept for the next batch. */
const GROUPS_KEPT_MAX = 64;

/** The different values that a batch has of a group, by set. */
interface GroupValues {
  add(row: unknown, filters: number, by: 1 | -1): void;
  /** Sends all and is empty then. */
  send(group: Key, timestampMs: number, output: Output<SeenValue>): void;
}

/** With the filters under which it has seen them. */
class FilteredValues implements GroupValues {
  readonly #compiled: CompiledAggregates;
  readonly #filtersByValue: Map<DistinctValue, number>[];

  constructor(compiled: CompiledAggregates) {
    this.#compiled = compiled;
    this.#filtersByValue = compiled.sets.map(() => new Map());
  }

  add(row: unknown, filters: number): void {
    const { sets } = this.#compiled;
    for (let set = 0; set < sets.length; set++) {
      const { of, filters: ofSet } = sets[set]!;
      const held = filters & ofSet;
      if (held === 0) continue;
      const value = of(row as never);
      if (value === undefined || value === null) continue;
      const filtersByValue = this.#filtersByValue[set]!;
      const before = filtersByValue.get(value) ?? 0;
      if ((before & held) !== held) filtersByValue.set(value, before | held);
    }
  }

  send(group: Key, timestampMs: number, output: Output<SeenValue>): void {
    for (const [set, filtersByValue] of this.#filtersByValue.entries()) {
      for (const [value, filters] of filtersByValue) {
        const seen = { key: compositeKey(group, set, value), group, set, filters, counts: undefined };
        output.collect(seen, timestampMs, INSERT);
      }
      filtersByValue.clear();
    }
  }
}

/** With how often they were added, less how often taken out, by column. */
class CountedValues implements GroupValues {
  readonly #compiled: CompiledAggregates;
  readonly #countsByValue: Map<DistinctValue, number[]>[];

  constructor(compiled: CompiledAggregates) {
    this.#compiled = compiled;
    this.#countsByValue = compiled.sets.map(() => new Map());
  }

  add(row: unknown, filters: number, by: 1 | -1): void {
    for (const [set, { of, filters: ofSet, columns }] of this.#compiled.sets.entries()) {
      const value = (filters & ofSet) === 0 ? undefined : of(row as never);
      if (value === undefined || value === null) continue;
      const countsByValue = this.#countsByValue[set]!;
      let counts = countsByValue.get(value);
      if (counts === undefined) countsByValue.set(value, (counts = columns.map(() => 0)));
      for (const [at, [, bit]] of columns.entries()) if ((filters & (1 << bit)) !== 0) counts[at]! += by;
    }
  }

  send(group: Key, timestampMs: number, output: Output<SeenValue>): void {
    for (const [set, countsByValue] of this.#countsByValue.entries()) {
      for (const [value, counts] of countsByValue) {
        if (counts.every((count) => count === 0)) continue;
        output.collect({ key: compositeKey(group, set, value), group, set, filters: 0, counts }, timestampMs, INSERT);
      }
      countsByValue.clear();
    }
  }
}
