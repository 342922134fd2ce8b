import type { RowKind } from '../../engine/task/row-kind.ts';
import { NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import type { Key } from '../../state/keyed/key.ts';
import { HoldingOperator } from '../updating/holding-operator.ts';
import { MiniBatch, type MiniBatchSettings } from '../updating/mini-batch.ts';
import type { GroupAggregateFunction } from './group-aggregate-function.ts';
import { type GroupAggregateOperatorOptions, refuseRetraction, resultOf } from './group-aggregate-operator.ts';
import { GroupChanges, type NO_RESULT } from './group-changes.ts';
import { GroupState } from './group-state.ts';
import type { PartialGroup } from './partial-group.ts';

export interface MiniBatchAggregateOptions<IN, ACC, R, OUT> extends GroupAggregateOperatorOptions<IN, ACC, R, OUT> {
  readonly batch: MiniBatchSettings;
  /** The input are the partial groups of a local phase. */
  readonly takesPartials: boolean;
}

/** A group that has changed in this batch: its result before, and its accumulator now (undefined when it is gone). */
interface ChangedGroup<ACC, R> {
  readonly key: Key;
  readonly before: R | typeof NO_RESULT;
  accumulator: ACC | undefined;
  timestampMs: number;
}

/**
 * Aggregates all rows of a key and emits the changes of the result, once per key and batch. State is written with every
 * row; what waits is only to be told, so nothing of a batch outlives its barrier.
 *
 * Stateful: as `GroupAggregateOperator`, and with the same states.
 * Law: folding the changes gives the same as without batches. A change carries the last timestamp of its rows.
 */
export class MiniBatchAggregateOperator<IN, ACC, R, OUT> extends HoldingOperator<OUT> {
  override readonly takesRetractions: boolean;
  readonly #aggregate: GroupAggregateFunction<IN, ACC, R>;
  readonly #takesPartials: boolean;
  readonly #group: GroupState<IN, ACC, R>;
  readonly #changes: GroupChanges<R, OUT>;
  protected override readonly held: MiniBatch<ChangedGroup<ACC, R>>;
  /** Of the row before. */
  #latest: ChangedGroup<ACC, R> | undefined;

  constructor(options: MiniBatchAggregateOptions<IN, ACC, R, OUT>) {
    super();
    const { aggregate, createRow, isUpsert, ttl, batch, takesPartials } = options;
    this.takesRetractions = aggregate.retract !== undefined;
    this.#aggregate = aggregate;
    this.#takesPartials = takesPartials;
    this.#group = new GroupState(aggregate, ttl, options.state);
    this.#changes = new GroupChanges({ createRow, isUpsert, emitsUnchanged: ttl !== undefined });
    this.held = new MiniBatch(batch, (_key, changed) => this.#send(changed));
  }

  override open(): void {
    this.#changes.output = this.output;
    this.#group.open(this.context);
    this.held.open(this.context);
  }

  override checkRowKind(kind: RowKind): void {
    if (!this.takesRetractions) refuseRetraction(this.context.operatorName, kind);
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    const group = this.#group;
    const before = group.get();
    const key = this.currentKey();
    let changed = this.#latest;
    if (changed === undefined || changed.key !== key) changed = this.#changedGroup(key, before);
    changed.accumulator = this.#takesPartials
      ? group.merge(before, value as PartialGroup<ACC>)
      : group.apply(before, value as IN, kind);
    changed.timestampMs = laterTimestamp(changed.timestampMs, timestampMs);
    this.held.count();
  }

  #changedGroup(key: Key, before: ACC | undefined): ChangedGroup<ACC, R> {
    let changed = this.held.get(key);
    if (changed === undefined) {
      changed = {
        key,
        before: resultOf(this.#aggregate, before),
        accumulator: undefined,
        timestampMs: NO_TIMESTAMP,
      };
      this.held.set(key, changed);
    }
    this.#latest = changed;
    return changed;
  }

  #send({ key, before, accumulator, timestampMs }: ChangedGroup<ACC, R>): void {
    this.#latest = undefined;
    this.#changes.emit(key, before, resultOf(this.#aggregate, accumulator), timestampMs);
  }
}

/** The later one of two timestamps, either of which may be missing. */
export function laterTimestamp(aMs: number, bMs: number): number {
  return bMs > aMs || Number.isNaN(aMs) ? bMs : aMs;
}
