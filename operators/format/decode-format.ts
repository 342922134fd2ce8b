import type { RecordError } from '../../engine/base/errors.ts';

/**
 * How records stand in bytes, independent of where the bytes come from. A format is a description that can be shared; a
 * decoder belongs to one reader (a Kafka partition, a file) and may keep buffers between calls.
 */
export interface DecodeFormat<T> {
  /** For messages: `json Click`. */
  readonly description: string;
  /**
   * For `message`, each piece of bytes is complete in itself (a Kafka value): usually one record. For `stream` the bytes
   * are a file that comes in pieces of any size.
   *
   * @throws UserError CONFIGURATION when the format cannot stand in a stream (nothing in it says where a record ends).
   */
  createDecoder(framing: Framing): RecordDecoder<T>;
}

export type Framing = 'message' | 'stream';

export interface RecordDecoder<T> {
  /**
   * Decodes the records in `bytes[start, end)` in order. A record that is wrong goes to `output.reject`; the ones after it
   * are still read, as far as the format can find them.
   *
   * The bytes are good during the call only: a record must not keep a view of them.
   *
   * @param isEnd true when nothing follows: what is left at the end must be a whole record. Always true for a message.
   * @returns where the first record starts that is not complete yet: hand over the bytes from there again, with more
   * behind them. `end` when there is none.
   */
  decode(bytes: Buffer, start: number, end: number, isEnd: boolean, output: DecodeOutput<T>): number;

  /**
   * Only formats with a head (CSV header line, Avro container): reads it from a file's first bytes, before the first
   * `decode`, also when reading goes on in the middle of the file.
   *
   * @returns the length of the head, or undefined when more bytes are needed.
   * @throws RecordError when the head is wrong: the file cannot be read at all.
   */
  readHead?(bytes: Buffer, end: number, isEnd: boolean): number | undefined;

  /**
   * Only formats that need something from outside (a schema registry): undefined when `decode` of this message can be
   * called at once, which is nearly always; else a promise to wait for. Ask for each message, in the background.
   *
   * @throws ExternalError (by the promise) when the outside cannot be reached.
   */
  prepare?(bytes: Buffer, start: number, end: number): Promise<void> | undefined;

  /**
   * Only formats whose streams can be cut anywhere: the first place at or after `from` where a record may start, or -1
   * when there is none before `end`. A split of a file reads the records that start inside of it. May look at the 16 bytes
   * before `from`; they are there unless the file starts later.
   */
  findStart?(bytes: Buffer, from: number, end: number): number;
}

/** Takes what a decoder finds. An abstract class, so that V8 sees few shapes at the hot call. */
export abstract class DecodeOutput<T> {
  /**
   * @param end offset behind the record, where decoding can go on after it; -1 inside of a block (Avro container), where
   * it can only go on from the end of the last record that had an offset, passing over the records since.
   */
  abstract record(value: T, end: number): void;

  /** A record that could not be read: why, and which bytes it was, to be kept for a second try. */
  abstract reject(error: RecordError, start: number, end: number): void;
}
