import { RecordError, UserError } from '../../../engine/base/errors.ts';
import type { SplitOutput } from '../../../engine/task/source.ts';
import { DecodeOutput, type RecordDecoder } from '../../format/decode-format.ts';
import type { RecordColumns } from '../../kafka/record-columns.ts';
import { KafkaRecordView } from './kafka-record-view.ts';
import type { KafkaSplit } from './kafka-split.ts';
import type { RecordHandling } from './record-handling.ts';

/** Decodes single records of a partition into the job, and does with those that cannot be decoded as the source says. */
export class RecordEmitter<T> extends DecodeOutput<unknown> {
  /** Set before the first record. */
  output: SplitOutput<T> | undefined;
  /** Set while the decoder has to fetch something before it can go on with the record of the last call. */
  waitingFor: Promise<void> | undefined;
  readonly #split: KafkaSplit;
  readonly #columns: RecordColumns;
  readonly #handling: RecordHandling<T>;
  readonly #decoder: RecordDecoder<unknown> | undefined;
  readonly #view: KafkaRecordView;
  #index = 0;

  constructor(split: KafkaSplit, columns: RecordColumns, handling: RecordHandling<T>) {
    super();
    this.#split = split;
    this.#columns = columns;
    this.#handling = handling;
    this.#decoder = handling.format?.createDecoder('message');
    this.#view = new KafkaRecordView(split.topic, split.partition, columns);
  }

  /**
   * Hands out the record at `index` of the columns, or passes over it.
   *
   * @returns false when it has to wait; then call again for the same record when `waitingFor` has resolved.
   */
  emit(index: number): boolean {
    this.#index = index;
    const { bytes, valueStarts, valueEnds } = this.#columns;
    const start = valueStarts[index]!;
    if (start < 0 && this.#handling.isTombstoneSkipped) {
      this.#handling.tombstones.value++;
    } else if (this.#decoder === undefined) {
      this.#createRecord(index, undefined);
    } else if (start < 0) {
      this.reject(new RecordError('the value is null (a tombstone)'));
    } else {
      const end = valueEnds[index]!;
      const preparing = this.#decoder.prepare?.(bytes, start, end);
      if (preparing !== undefined) {
        this.waitingFor = this.#handling.lookUps.settled(preparing).finally(() => void (this.waitingFor = undefined));
        return false;
      }
      this.#decoder.decode(bytes, start, end, true, this);
    }
    return true;
  }

  override record(value: unknown): void {
    if (this.#handling.createRecord === undefined) {
      this.output!.collect(value as T, this.#columns.timestampsMs[this.#index]!);
    } else {
      this.#createRecord(this.#index, value);
    }
  }

  override reject(error: RecordError): void {
    const { topic, partition, splitId } = this.#split;
    const columns = this.#columns;
    const offset = columns.offsets[this.#index]!;
    const timestampMs = columns.timestampsMs[this.#index]!;
    const { onError } = this.#handling;
    if (onError === undefined) {
      throw new UserError('RECORD', `record ${offset} of ${splitId} cannot be decoded: ${error.message}`, {
        cause: error,
        hint: "Correct the source's format, or give kafkaSource a function as onError to put such records aside.",
      });
    }
    this.#handling.undecodable.value++;
    const key = copy(columns.key(this.#index));
    const value = copy(columns.value(this.#index));
    this.output!.collect(onError({ topic, partition, offset, timestampMs, key, value, error }), timestampMs);
  }

  #createRecord(index: number, decoded: unknown): void {
    this.#view.index = index;
    let value: T;
    try {
      value = this.#handling.createRecord!(this.#view, decoded);
    } catch (error) {
      // What does not fit is the record's fault; anything else is a bug of the function.
      if (!(error instanceof RecordError)) throw error;
      this.reject(error);
      return;
    }
    this.output!.collect(value, this.#columns.timestampsMs[index]!);
  }
}

function copy(bytes: Buffer | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes);
}
