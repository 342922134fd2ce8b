import type { Encoding } from 'hyparquet';
import { ByteWriter } from '../../../engine/base/bytes.ts';
import { ColumnBuffer } from './column-buffer.ts';
import { bitWidthOf, writeHybrid } from './hybrid-encoding.ts';
import { DICTIONARY_BYTES_MAX, DICTIONARY_ENTRIES_MAX, DICTIONARY_SAMPLE_VALUES, PAGE_BYTES_MAX } from './limits.ts';
import { ByteRange } from './byte-range.ts';

/** Up to this length text is copied char by char; longer text is left to the platform, whose calls cost more than short loops. */
const SHORT_TEXT_CHARS = 48;

/** BYTE_ARRAY from bytes, PLAIN. */
export class BytesColumn extends ColumnBuffer {
  readonly #range = new ByteRange();

  protected override appendValue(value: unknown): void {
    if (!(value instanceof Uint8Array)) throw this.misfit(value, 'bytes');
    const at = this.body.reserve(4 + value.length);
    this.body.view.setUint32(at, value.length, true);
    this.body.buffer.set(value, at + 4);
  }

  override append(value: unknown): void {
    super.append(value);
    if (this.body.length >= PAGE_BYTES_MAX) this.flushPage();
  }

  protected override writeValues(writer: ByteWriter): Encoding {
    this.#range.addAll(this.body.buffer, this.body.view, this.body.length);
    writer.bytes(this.body.written());
    this.body.clear();
    return 'PLAIN';
  }

  protected override dictionary(): undefined {
    return undefined;
  }

  protected override range(): { readonly min: unknown; readonly max: unknown } | undefined {
    return this.#range.range();
  }

  protected override reset(): void {
    this.#range.reset();
  }
}

/**
 * BYTE_ARRAY from strings as UTF-8. Begins with a dictionary and gives it up when the first values show that it does not
 * pay, or when it grows too large: then pages are PLAIN.
 */
export class TextColumn extends ColumnBuffer {
  readonly #range = new ByteRange();
  /** Indices by text; undefined when the dictionary was given up. */
  #indices: Map<string, number> | undefined = new Map();
  /** Entries, PLAIN. */
  readonly #entries = new ByteWriter(256);
  #entryCount = 0;
  readonly #entryOffsets: number[] = [];
  /** Dictionary indices of the current page. */
  #page = new Int32Array(64);
  #sampledCount = 0;

  protected override appendValue(value: unknown): void {
    if (typeof value !== 'string') throw this.misfit(value, 'a string');
    if (this.#indices === undefined) appendText(this.body, value);
    else this.#appendIndex(value, this.#indices);
  }

  override append(value: unknown): void {
    super.append(value);
    if (this.body.length >= PAGE_BYTES_MAX) this.flushPage();
  }

  protected override writeValues(writer: ByteWriter): Encoding {
    if (this.#indices === undefined) {
      this.#range.addAll(this.body.buffer, this.body.view, this.body.length);
      writer.bytes(this.body.written());
      this.body.clear();
      return 'PLAIN';
    }
    // Nulls only, so far: there is no dictionary to refer to.
    if (this.#entryCount === 0) return 'PLAIN';
    const bitWidth = bitWidthOf(this.#entryCount - 1);
    writer.u8(bitWidth);
    writeHybrid(writer, this.#page, this.pageValues, bitWidth);
    return 'PLAIN_DICTIONARY';
  }

  protected override dictionary(): { readonly entryCount: number; readonly bytes: Uint8Array } | undefined {
    return this.#entryCount === 0 ? undefined : { entryCount: this.#entryCount, bytes: this.#entries.written() };
  }

  protected override range(): { readonly min: unknown; readonly max: unknown } | undefined {
    this.#range.addAll(this.#entries.buffer, this.#entries.view, this.#entries.length);
    return this.#range.range();
  }

  protected override reset(): void {
    this.#range.reset();
    this.#indices = new Map();
    this.#sampledCount = 0;
    this.#clearEntries();
  }

  #appendIndex(text: string, indices: Map<string, number>): void {
    if (this.#sampledCount++ === DICTIONARY_SAMPLE_VALUES && this.#entryCount * 2 > DICTIONARY_SAMPLE_VALUES) {
      this.#leaveDictionary();
      appendText(this.body, text);
      return;
    }
    let index = indices.get(text);
    if (index === undefined) {
      if (this.#entryCount >= DICTIONARY_ENTRIES_MAX || this.#entries.length >= DICTIONARY_BYTES_MAX) {
        this.#leaveDictionary();
        appendText(this.body, text);
        return;
      }
      index = this.#entryCount++;
      indices.set(text, index);
      this.#entryOffsets.push(this.#entries.length);
      appendText(this.#entries, text);
    }
    const at = this.pageValues;
    if (at === this.#page.length) {
      const grown = new Int32Array(at * 2);
      grown.set(this.#page);
      this.#page = grown;
    }
    this.#page[at] = index;
  }

  /** Pages from the current one on are plain. */
  #leaveDictionary(): void {
    this.#indices = undefined;
    for (let i = 0; i < this.pageValues; i++) {
      const at = this.#entryOffsets[this.#page[i]!]!;
      this.body.bytes(this.#entries.buffer.subarray(at, at + 4 + this.#entries.view.getUint32(at, true)));
    }
    if (!this.hasPages) this.#clearEntries();
  }

  #clearEntries(): void {
    this.#entries.clear();
    this.#entryOffsets.length = 0;
    this.#entryCount = 0;
  }
}

/** Appends length and UTF-8 bytes; a lone surrogate becomes U+FFFD. */
function appendText(writer: ByteWriter, text: string): void {
  const charCount = text.length;
  if (charCount > SHORT_TEXT_CHARS) {
    appendLongText(writer, text);
    return;
  }
  const at = writer.reserve(4 + charCount);
  const buffer = writer.buffer;
  // Hot: a call into the platform costs more than a short loop (test/bench/parquet.bench.ts).
  for (let i = 0; i < charCount; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) {
      writer.length = at;
      appendLongText(writer, text);
      return;
    }
    buffer[at + 4 + i] = code;
  }
  writer.view.setUint32(at, charCount, true);
}

function appendLongText(writer: ByteWriter, text: string): void {
  writer.ensure(4 + text.length * 3);
  const at = writer.length;
  const byteCount = writer.buffer.write(text, at + 4, 'utf8');
  writer.view.setUint32(at, byteCount, true);
  writer.length = at + 4 + byteCount;
}
