import type { Key } from '../../../state/keyed/key.ts';
import type { RecordBatch } from '../../task/record-batch.ts';
import type { ControlElement } from '../control-element.ts';
import { createKeyField, findKeyField, type KeyField } from './key-field.ts';
import * as format from './message.ts';
import { USES_BEFORE_CODE, ValueSite } from './object-shape.ts';
import { Unsendable, unsendableError } from './unsendable.ts';
import { NOT_LATIN1, type RawBuffer } from './value-tags.ts';
import { ValueWriter } from './value-writer.ts';

/** A message ends behind the record that brings it to so many bytes: small, so that both sides work in the cache. */
export const MESSAGE_BYTES = 32_768;
/** After a text that was not Latin-1 the strings of so many messages are looked at one by one. */
const LOOKING_MESSAGES = 256;

export interface BatchEncoderOptions {
  /** Name of the operator that records are sent to, for errors. */
  readonly target?: string | undefined;
  /** Default `MESSAGE_BYTES`. */
  readonly messageBytes?: number | undefined;
  /** Code is generated for a shape when it has come so often; default 16, never with Infinity. */
  readonly usesBeforeCode?: number | undefined;
}

/**
 * Writes the batches and control elements of one channel as messages. What it learns of the records' shapes it tells the
 * decoder once, so all messages must get there, in order; after an error the channel is not to be used any more.
 */
export class BatchEncoder {
  /** The message is at `writer.buffer[writer.start, writer.at)`. */
  readonly writer: ValueWriter;
  readonly #target: string | undefined;
  readonly #messageBytes: number;
  readonly #maySpecialize: boolean;
  readonly #site = new ValueSite();
  readonly #keySite = new ValueSite();
  #keyField: KeyField;
  #lookingLeft = 0;

  constructor(options: BatchEncoderOptions = {}) {
    this.#target = options.target;
    this.#messageBytes = options.messageBytes ?? MESSAGE_BYTES;
    const usesBeforeCode = options.usesBeforeCode ?? USES_BEFORE_CODE;
    this.#maySpecialize = usesBeforeCode !== Infinity;
    this.writer = new ValueWriter(usesBeforeCode);
    this.#keyField = createKeyField('', this.#maySpecialize);
  }

  /**
   * Writes records of a batch, from `from` on, up to the size of a message. `writer.begin` or `beginIn` comes first.
   *
   * @returns index behind the last record written.
   * @throws UserError JOB_DEFINITION when a record cannot be sent.
   */
  records(batch: RecordBatch, from: number): number {
    const { writer } = this;
    writer.isLooking = this.#lookingLeft > 0;
    writer.ensure(format.RECORDS_HEADER_BYTES);
    writer.at += format.RECORDS_HEADER_BYTES;
    const to = this.#values(batch, from);
    const keyMode = this.#writeKeys(batch, from, to);
    const valueBytes = writer.at - writer.start - format.RECORDS_HEADER_BYTES;

    const count = to - from;
    // Room for the columns and the start of the text; keys of 8 bytes each.
    writer.ensure(17 * count);
    let flags = to === batch.length ? format.LAST_OF_BATCH : 0;
    if (this.#hasTimestamps(batch, from, to)) this.#column(batch.timestamps, from, to);
    else flags |= format.NO_TIMESTAMPS;
    this.#keyColumn(keyMode, batch.keys, from, to);
    const kind = batch.kinds[from]!;
    if (this.#isSameKind(batch, from, to)) flags |= format.SAME_KIND;
    else this.#column(batch.kinds, from, to);

    const textStart = writer.at - writer.start;
    if (this.#writeText()) flags |= format.WIDE_TEXT;
    const wideStart = writer.at - writer.start;
    this.#writeWide(writer.wideText);
    writer.text = writer.wideText = '';

    const { buffer, view, start } = writer;
    buffer[start] = format.RECORDS;
    buffer[start + 1] = flags;
    buffer[start + 2] = kind;
    buffer[start + 3] = keyMode;
    view.setUint32(start + 4, count, true);
    view.setUint32(start + 8, valueBytes, true);
    view.setUint32(start + 12, textStart, true);
    view.setUint32(start + 16, wideStart, true);
    view.setUint32(start + 20, writer.at - start, true);
    return to;
  }

  /** Writes a control element. `writer.begin` or `beginIn` comes first. */
  control(element: ControlElement): void {
    const { writer } = this;
    writer.ensure(format.CONTROL_BYTES);
    const at = writer.at;
    const { buffer, view } = writer;
    writer.at += format.CONTROL_BYTES;
    buffer.fill(0, at, writer.at);
    switch (element.tag) {
      case 'watermark':
        buffer[at] = format.WATERMARK;
        view.setFloat64(at + 8, element.watermarkMs, true);
        return;
      case 'status':
        buffer[at] = element.isIdle ? format.IDLE_STATUS : format.ACTIVE_STATUS;
        return;
      case 'barrier':
        buffer[at] = format.BARRIER;
        buffer[at + 1] = (element.isFull ? format.IS_FULL : 0) | (element.isLast ? format.IS_LAST : 0);
        view.setFloat64(at + 8, element.checkpointId, true);
        return;
      case 'end':
        buffer[at] = format.END;
    }
  }

  #values(batch: RecordBatch, from: number): number {
    const { writer } = this;
    const { values, length } = batch;
    const site = this.#site;
    const messageBytes = this.#messageBytes;
    let i = from;
    try {
      do {
        writer.value(values[i], site);
        i++;
      } while (i < length && writer.at - writer.start + writer.text.length + 2 * writer.wideText.length < messageBytes);
    } catch (error) {
      if (error instanceof Unsendable) throw unsendableError(values[i], this.#target);
      throw error;
    }
    return i;
  }

  #writeKeys({ keys, values }: RecordBatch, from: number, to: number): number {
    const { writer } = this;
    const first = keys[from]!;
    const mode = keyModeOf(keys, from, to);
    if (mode === format.KEYS_SAME) writer.value(first, this.#keySite);
    if (mode !== format.KEYS_VALUES) return mode;
    if (typeof first !== 'boolean' && this.#isField(values, keys, from, to)) {
      writer.string(this.#keyField.name);
      return format.KEYS_FIELD;
    }
    for (let i = from; i < to; i++) writer.value(keys[i], this.#keySite);
    return mode;
  }

  #isField(values: readonly unknown[], keys: readonly Key[], from: number, to: number): boolean {
    if (this.#keyField.isKeyOf(values, keys, from, to)) return true;
    const name = findKeyField(values[from], keys[from]!);
    if (name === undefined || name === this.#keyField.name) return false;
    this.#keyField = createKeyField(name, this.#maySpecialize);
    return this.#keyField.isKeyOf(values, keys, from, to);
  }

  #keyColumn(mode: number, keys: readonly Key[], from: number, to: number): void {
    const { writer } = this;
    const { view } = writer;
    let at = writer.at;
    if (mode === format.KEYS_INT32) for (let i = from; i < to; i++, at += 4) view.setInt32(at, keys[i] as number, true);
    if (mode === format.KEYS_DOUBLE)
      for (let i = from; i < to; i++, at += 8) view.setFloat64(at, keys[i] as number, true);
    writer.at = at;
  }

  #hasTimestamps({ timestamps }: RecordBatch, from: number, to: number): boolean {
    for (let i = from; i < to; i++) if (timestamps[i] === timestamps[i]) return true;
    return false;
  }

  #isSameKind({ kinds }: RecordBatch, from: number, to: number): boolean {
    const kind = kinds[from];
    for (let i = from + 1; i < to; i++) if (kinds[i] !== kind) return false;
    return true;
  }

  #column(column: Float64Array | Uint8Array, from: number, to: number): void {
    const { writer } = this;
    const { BYTES_PER_ELEMENT: size, buffer, byteOffset } = column;
    const bytes = new Uint8Array(buffer, byteOffset + from * size, (to - from) * size);
    writer.buffer.set(bytes, writer.at);
    writer.at += bytes.length;
  }

  /** Returns whether the text is wide. */
  #writeText(): boolean {
    const { writer } = this;
    const { text } = writer;
    if (this.#lookingLeft > 0) this.#lookingLeft--;
    if (text === '') return false;
    // V8 answers at once for a string that has a byte per character.
    if (NOT_LATIN1.test(text)) {
      this.#lookingLeft = LOOKING_MESSAGES;
      this.#writeWide(text);
      return true;
    }
    writer.ensure(text.length);
    (writer.buffer as RawBuffer).latin1Write(text, writer.at, text.length);
    writer.at += text.length;
    return false;
  }

  #writeWide(text: string): void {
    if (text === '') return;
    const { writer } = this;
    const byteCount = text.length * 2;
    writer.ensure(byteCount);
    (writer.buffer as RawBuffer).ucs2Write(text, writer.at, byteCount);
    writer.at += byteCount;
  }
}

function keyModeOf(keys: readonly Key[], from: number, to: number): number {
  const first = keys[from];
  if (typeof first === 'number') return numberModeOf(keys, from, to);
  for (let i = from + 1; i < to; i++) if (keys[i] !== first) return format.KEYS_VALUES;
  return format.KEYS_SAME;
}

function numberModeOf(keys: readonly Key[], from: number, to: number): number {
  let isInt = true;
  for (let i = from; i < to; i++) {
    const key = keys[i];
    if (typeof key !== 'number') return format.KEYS_VALUES;
    if ((key | 0) !== key || (key === 0 && 1 / key < 0)) isInt = false;
  }
  return isInt ? format.KEYS_INT32 : format.KEYS_DOUBLE;
}
