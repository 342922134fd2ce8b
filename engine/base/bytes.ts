import { assert } from './assert.ts';

const INITIAL_BYTES = 1024;

/**
 * Growing byte buffer for codecs: reserve once per group of fields, then write at the returned offset.
 * Little-endian by convention of all our formats, except keys, which are big-endian so that they sort.
 */
export class ByteWriter {
  buffer: Buffer;
  view: DataView;
  /** Bytes written so far. */
  length = 0;

  constructor(initialBytes: number = INITIAL_BYTES) {
    this.buffer = Buffer.allocUnsafeSlow(initialBytes);
    this.view = new DataView(this.buffer.buffer, 0, initialBytes);
  }

  /** Makes room for `byteCount` more bytes and returns the offset where they start. */
  reserve(byteCount: number): number {
    const at = this.length;
    this.ensure(byteCount);
    this.length = at + byteCount;
    return at;
  }

  /** Grows the buffer so that `byteCount` bytes fit behind `length`, without moving `length`. */
  ensure(byteCount: number): void {
    const needed = this.length + byteCount;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
    this.view = new DataView(grown.buffer, 0, grown.length);
  }

  u8(value: number): void {
    const at = this.reserve(1);
    this.buffer[at] = value;
  }

  u16(value: number): void {
    const at = this.reserve(2); // first: it may replace the view
    this.view.setUint16(at, value, true);
  }

  u32(value: number): void {
    const at = this.reserve(4); // first: it may replace the view
    this.view.setUint32(at, value, true);
  }

  f64(value: number): void {
    const at = this.reserve(8); // first: it may replace the view
    this.view.setFloat64(at, value, true);
  }

  bytes(source: Uint8Array): void {
    const at = this.reserve(source.length);
    this.buffer.set(source, at);
  }

  /** UTF-8 with a u32 byte length before it. */
  string(value: string): void {
    const byteCount = Buffer.byteLength(value);
    const at = this.reserve(4 + byteCount);
    this.view.setUint32(at, byteCount, true);
    this.buffer.write(value, at + 4, byteCount, 'utf8');
  }

  clear(): void {
    this.length = 0;
  }

  /** The written bytes, shared with the buffer: valid until the next write. */
  written(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  /** The written bytes as a copy of their own. */
  copy(): Buffer {
    return Buffer.from(this.written());
  }
}

/** Reads what `ByteWriter` wrote; moves `offset`. Reading past the end is reported, never silently zero. */
export class ByteReader {
  readonly buffer: Buffer;
  readonly view: DataView;
  /** A reader over a large buffer may be moved from one value to the next by setting `offset` and `end`. */
  end: number;
  offset: number;
  /**
   * One character per byte of `buffer[textStart, textEnd)`: codecs cut short strings from it instead of making each. Who
   * keeps a reader while the bytes of its buffer change sets `textEnd` to 0.
   */
  text = '';
  textStart = 0;
  textEnd = 0;

  constructor(bytes: Uint8Array, offset: number = 0, end: number = bytes.length) {
    this.buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = offset;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  /** Moves past `byteCount` bytes and returns where they start. */
  take(byteCount: number): number {
    const at = this.offset;
    assert(
      byteCount >= 0 && at + byteCount <= this.end,
      () => `read of ${byteCount} bytes at ${at} passes the end ${this.end}`,
    );
    this.offset = at + byteCount;
    return at;
  }

  u8(): number {
    return this.buffer[this.take(1)]!;
  }

  u16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  f64(): number {
    return this.view.getFloat64(this.take(8), true);
  }

  /** A view of the next bytes, not a copy. */
  bytes(byteCount: number): Buffer {
    const at = this.take(byteCount);
    return this.buffer.subarray(at, at + byteCount);
  }

  string(): string {
    const byteCount = this.u32();
    const at = this.take(byteCount);
    return this.buffer.toString('utf8', at, at + byteCount);
  }
}
