import { ByteReader } from '../../engine/base/bytes.ts';

/** One reader that is moved from message to message: making one costs as much as decoding a small record. */
export class MessageReader {
  #reader = new ByteReader(Buffer.alloc(0));

  /** A reader of `bytes[start, end)`, valid until the next call. */
  at(bytes: Buffer, start: number, end: number): ByteReader {
    if (this.#reader.buffer !== bytes) this.#reader = new ByteReader(bytes);
    const reader = this.#reader;
    reader.offset = start;
    reader.end = end;
    reader.textEnd = 0; // the same buffer may have been filled again
    return reader;
  }
}
