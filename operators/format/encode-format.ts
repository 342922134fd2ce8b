import type { ByteWriter } from '../../engine/base/bytes.ts';

/** How records are written: one record after the other in a file, or one in a message. */
export interface EncodeFormat<T> {
  /** For messages: `json Click`. */
  readonly description: string;
  /** What every file starts with: a CSV header. Absent: nothing. */
  writeHead?(writer: ByteWriter): void;
  /**
   * Appends a record as it stands in a message.
   *
   * @throws RecordError naming the field when it does not fit; the writer is then as it was.
   */
  encode(writer: ByteWriter, value: T): void;
  /** What follows every record in a file: a line end, or empty when records say themselves where they end. */
  readonly separator: string;
}
