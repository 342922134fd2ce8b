import { UserError } from '../../engine/base/errors.ts';
import { INSERT, isRetraction, type RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import { NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import type { Key } from '../../state/keyed/key.ts';
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
export class LocalAggregateOperator<IN, ACC> extends StreamOperator<PartialGroup<ACC>> {
  readonly #aggregate: GroupAggregateFunction<IN, ACC, unknown>;
  readonly #keySelector: (value: IN) => Key;
  readonly #batch: MiniBatch<OpenPartial<ACC>>;
  /** Of the row before. */
  #latest: OpenPartial<ACC> | undefined;

  constructor({ aggregate, keySelector, batch }: LocalAggregateOptions<IN, ACC>) {
    super();
    this.#aggregate = aggregate;
    this.#keySelector = keySelector;
    this.#batch = new MiniBatch(batch, (_key, partial) => this.#send(partial));
  }

  override open(): void {
    this.#batch.open(this.context);
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
    this.#batch.count();
  }

  override processWatermark(): void {
    this.#batch.flush();
  }

  override processStatus(): void {
    this.#batch.flush();
  }

  override prepareSnapshotPreBarrier(): void {
    this.#batch.flush();
  }

  override finish(): void {
    this.#batch.flush();
  }

  override close(): void {
    this.#batch.close();
  }

  #partialOf(key: Key, value: unknown): OpenPartial<ACC> {
    let partial = this.#batch.get(key);
    if (partial === undefined) {
      checkKey(key, value, this.context.operatorName);
      partial = { key, accumulator: this.#aggregate.createAccumulator(), rows: 0, timestampMs: NO_TIMESTAMP };
      this.#batch.set(key, partial);
    }
    this.#latest = partial;
    return partial;
  }

  #send(partial: OpenPartial<ACC>): void {
    this.#latest = undefined;
    this.output.collect(partial, partial.timestampMs, INSERT);
  }
}

/** @throws UserError JOB_DEFINITION for a record without key. */
export function checkKey(key: Key, value: unknown, operatorName: string): void {
  if (key !== undefined && key !== null) return;
  throw new UserError(
    'JOB_DEFINITION',
    `the key selector before '${operatorName}' returned ${String(key)} for the record ${previewOf(value)}`,
    { hint: 'Filter such records out before keyBy, or give them a key of their own.' },
  );
}

function previewOf(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 200);
  } catch {
    return String(value);
  }
}
