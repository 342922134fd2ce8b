import { checkedKey } from '../../engine/exchange/checked-key.ts';
import { INSERT, isRetraction, type RowKind } from '../../engine/task/row-kind.ts';
import { NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import type { Key } from '../../state/keyed/key.ts';
import { HoldingOperator } from '../updating/holding-operator.ts';
import { MiniBatch, type MiniBatchSettings } from '../updating/mini-batch.ts';
import type { GroupAggregateFunction } from './group-aggregate-function.ts';
import { refuseRetraction } from './group-aggregate-operator.ts';
import { laterTimestamp } from './mini-batch-aggregate-operator.ts';
import type { PartialGroup } from './partial-group.ts';

export interface LocalAggregateOptions<IN, ACC> {
  readonly aggregate: GroupAggregateFunction<IN, ACC, unknown>;
  readonly keySelector: (value: IN) => Key;
  readonly batch: MiniBatchSettings;
}

/** A partial group of the batch, which changes until it is sent. */
interface OpenPartial<ACC> extends PartialGroup<ACC> {
  accumulator: ACC;
  rows: number;
  timestampMs: number;
}

/**
 * The first of two phases: folds the rows of a key that come to this subtask, whatever the key, and sends what they make
 * to where the key's state is, once per key and batch.
 *
 * Stateless: the batch is sent on before every barrier.
 */
export class LocalAggregateOperator<IN, ACC> extends HoldingOperator<PartialGroup<ACC>> {
  readonly #aggregate: GroupAggregateFunction<IN, ACC, unknown>;
  readonly #keySelector: (value: IN) => Key;
  protected override readonly held: MiniBatch<OpenPartial<ACC>>;
  /** Of the row before. */
  #latest: OpenPartial<ACC> | undefined;

  constructor({ aggregate, keySelector, batch }: LocalAggregateOptions<IN, ACC>) {
    super();
    this.#aggregate = aggregate;
    this.#keySelector = keySelector;
    this.held = new MiniBatch(batch, (_key, partial) => this.#send(partial));
  }

  override open(): void {
    this.held.open(this.context);
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    const key = this.#keySelector(value as IN);
    let partial = this.#latest;
    if (partial === undefined || partial.key !== key) partial = this.#partialOf(key, value);
    if (!isRetraction(kind)) {
      partial.accumulator = this.#aggregate.add(partial.accumulator, value as IN);
      partial.rows++;
    } else {
      if (this.#aggregate.retract === undefined) refuseRetraction(this.context.operatorName, kind);
      partial.accumulator = this.#aggregate.retract!(partial.accumulator, value as IN);
      partial.rows--;
    }
    partial.timestampMs = laterTimestamp(partial.timestampMs, timestampMs);
    this.held.count();
  }

  #partialOf(key: Key, value: unknown): OpenPartial<ACC> {
    let partial = this.held.get(key);
    if (partial === undefined) {
      checkedKey(key, value, this.context.operatorName);
      partial = { key, accumulator: this.#aggregate.createAccumulator(), rows: 0, timestampMs: NO_TIMESTAMP };
      this.held.set(key, partial);
    }
    this.#latest = partial;
    return partial;
  }

  #send(partial: OpenPartial<ACC>): void {
    this.#latest = undefined;
    this.output.collect(partial, partial.timestampMs, INSERT);
  }
}
