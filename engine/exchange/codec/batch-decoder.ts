import { assert } from '../../base/assert.ts';
import { InternalError } from '../../base/errors.ts';
import type { Key } from '../../../state/keyed/key.ts';
import type { RecordBatch } from '../../task/record-batch.ts';
import { ACTIVE, type ControlElement, END_OF_INPUT, IDLE } from '../control-element.ts';
import { createKeyField, type KeyField } from './key-field.ts';
import * as format from './message.ts';
import { USES_BEFORE_CODE } from './object-shape.ts';
import { ValueReader } from './value-reader.ts';

/** Reads what the channel's `BatchEncoder` wrote: every message, in order. */
export class BatchDecoder {
  readonly #reader: ValueReader;
  readonly #maySpecialize: boolean;
  #keyField: KeyField;
  #buffer: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #start = 0;
  /** Records of the current message; 0 for a control element. */
  recordCount = 0;
  /** Whether the current message is the last of a batch. */
  isLastOfBatch = false;

  /** @param usesBeforeCode code is generated for a shape when it has come so often; never with Infinity. */
  constructor(usesBeforeCode: number = USES_BEFORE_CODE) {
    this.#maySpecialize = usesBeforeCode !== Infinity;
    this.#reader = new ValueReader(usesBeforeCode);
    this.#keyField = createKeyField('', this.#maySpecialize);
  }

  /** Looks at a message. It stays where it is until it has been read. */
  open(buffer: Buffer, view: DataView, start: number): void {
    this.#buffer = buffer;
    this.#view = view;
    this.#start = start;
    const areRecords = buffer[start] === format.RECORDS;
    this.recordCount = areRecords ? view.getUint32(start + 4, true) : 0;
    this.isLastOfBatch = areRecords && (buffer[start + 1]! & format.LAST_OF_BATCH) !== 0;
  }

  /** Appends the message's records to a batch that has room for them. */
  records(batch: RecordBatch): void {
    const buffer = this.#buffer;
    const view = this.#view;
    const start = this.#start;
    const reader = this.#reader;
    const flags = buffer[start + 1]!;
    const keyMode = buffer[start + 3]!;
    const from = batch.length;
    const to = from + this.recordCount;
    const valuesEnd = start + format.RECORDS_HEADER_BYTES + view.getUint32(start + 8, true);
    reader.buffer = buffer;
    reader.view = view;
    reader.at = start + format.RECORDS_HEADER_BYTES;
    const textEnd = start + view.getUint32(start + 16, true);
    reader.setText(start + view.getUint32(start + 12, true), textEnd, (flags & format.WIDE_TEXT) !== 0);
    const { values, keys } = batch;
    for (let i = from; i < to; i++) values[i] = reader.value();
    this.#valueKeys(keyMode, values, keys, from, to);
    assert(
      reader.at === valuesEnd && reader.isTextRead,
      () => `a message of ${this.recordCount} records ends at ${reader.at - start}, expected ${valuesEnd - start}`,
    );

    let at = valuesEnd;
    if ((flags & format.NO_TIMESTAMPS) !== 0) batch.timestamps.fill(Number.NaN, from, to);
    else at = this.#column(batch.timestamps, from, to, at);
    at = this.#numberKeys(keyMode, keys, from, to, at);
    if ((flags & format.SAME_KIND) !== 0) batch.kinds.fill(buffer[start + 2]!, from, to);
    else this.#column(batch.kinds, from, to, at);
    batch.length = to;
  }

  control(): ControlElement {
    const at = this.#start;
    const view = this.#view;
    const flags = this.#buffer[at + 1]!;
    switch (this.#buffer[at]) {
      case format.WATERMARK:
        return { tag: 'watermark', watermarkMs: view.getFloat64(at + 8, true) };
      case format.IDLE_STATUS:
        return IDLE;
      case format.ACTIVE_STATUS:
        return ACTIVE;
      case format.BARRIER:
        return {
          tag: 'barrier',
          checkpointId: view.getFloat64(at + 8, true),
          isFull: (flags & format.IS_FULL) !== 0,
          isLast: (flags & format.IS_LAST) !== 0,
        };
      case format.END:
        return END_OF_INPUT;
      default:
        throw new InternalError(`expected a message, found ${this.#buffer[at]} at ${at}`);
    }
  }

  #valueKeys(mode: number, values: readonly unknown[], keys: Key[], from: number, to: number): void {
    const reader = this.#reader;
    if (mode === format.KEYS_SAME) {
      keys.fill(reader.value() as Key, from, to);
    } else if (mode === format.KEYS_VALUES) {
      for (let i = from; i < to; i++) keys[i] = reader.value() as Key;
    } else if (mode === format.KEYS_FIELD) {
      const name = reader.value() as string;
      if (name !== this.#keyField.name) this.#keyField = createKeyField(name, this.#maySpecialize);
      this.#keyField.read(values, keys, from, to);
    }
  }

  /** Returns the offset behind the keys. */
  #numberKeys(mode: number, keys: Key[], from: number, to: number, start: number): number {
    const view = this.#view;
    let at = start;
    if (mode === format.KEYS_INT32) for (let i = from; i < to; i++, at += 4) keys[i] = view.getInt32(at, true);
    if (mode === format.KEYS_DOUBLE) for (let i = from; i < to; i++, at += 8) keys[i] = view.getFloat64(at, true);
    return at;
  }

  /** Returns the offset behind the column. */
  #column(column: Float64Array | Uint8Array, from: number, to: number, at: number): number {
    const { BYTES_PER_ELEMENT: size, buffer, byteOffset } = column;
    const byteCount = (to - from) * size;
    new Uint8Array(buffer, byteOffset + from * size, byteCount).set(this.#buffer.subarray(at, at + byteCount));
    return at + byteCount;
  }
}
