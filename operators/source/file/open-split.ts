import type { RecordError } from '../../../engine/base/errors.ts';
import type { OpenFile } from '../../../engine/base/file-system.ts';
import type { SplitOutput } from '../../../engine/task/source.ts';
import { NO_TIMESTAMP } from '../../../engine/time/timestamps.ts';
import { DecodeOutput, type RecordDecoder } from '../../format/decode-format.ts';
import type { FileSplit } from './file-split.ts';

/** Bytes decoded in one go at first; more where a record or block does not fit. */
const WINDOW_BYTES = 64 * 1024;
/** Fetched and not yet decoded bytes that are enough for now. */
const READ_AHEAD_BYTES = 1024 * 1024;
/** What a format may want to see before a record's start: a line feed, a sync marker of 16 bytes. */
const LOOK_BACK_BYTES = 16;

const BUFFER_STEP_BYTES = 64 * 1024;

export interface OpenSplitOptions<T, E> {
  readonly split: FileSplit;
  readonly decoder: RecordDecoder<T>;
  readonly output: SplitOutput<T | E>;
  /** The file comes in one piece (compressed): offsets count unpacked bytes, and `end` does not apply. */
  readonly isWhole: boolean;
  /** Turns a record that cannot be decoded into one of the stream, or throws. */
  readonly reject: (error: RecordError, offset: number, bytes: Buffer) => E;
}

/**
 * A split being read: the bytes fetched so far, and the position up to which records have been handed out.
 *
 * Law: `snapshot` names exactly what follows the last record handed out.
 */
export class OpenSplit<T, E> extends DecodeOutput<T> {
  readonly split: FileSplit;
  readonly #decoder: RecordDecoder<T>;
  readonly #output: SplitOutput<T | E>;
  readonly #isWhole: boolean;
  readonly #reject: OpenSplitOptions<T, E>['reject'];
  /** `buffer[0, filled)` are the bytes [bufferOffset, bufferOffset + filled) of the file. Filled again and again. */
  #buffer: Buffer = Buffer.alloc(0);
  #filled = 0;
  #bufferOffset = 0;
  /** Index in the buffer up to which it has been decoded. */
  #at = 0;
  #hasFileEnd = false;
  #isHeadRead: boolean;
  #isAtStart: boolean;
  /** Index in the buffer of the first record that is not ours, once known. */
  #limit = -1;
  #windowBytes = WINDOW_BYTES;
  #needsBytes = true;
  #position: number;
  /** Records passed since `position`, handed out or passed over. */
  #skip = 0;
  #toSkip: number;
  #recordCount = 0;

  constructor(options: OpenSplitOptions<T, E>) {
    super();
    this.split = options.split;
    this.#decoder = options.decoder;
    this.#output = options.output;
    this.#isWhole = options.isWhole;
    this.#reject = options.reject;
    this.#isHeadRead = options.decoder.readHead === undefined;
    this.#position = options.split.position;
    this.#toSkip = options.split.skip;
    this.#isAtStart = options.split.position < 0 && options.split.start > 0;
    if (this.#isHeadRead) this.#seek(this.#isAtStart ? this.#lookBackOffset() : this.#resumeOffset());
  }

  get wantsBytes(): boolean {
    return !this.#hasFileEnd && (this.#needsBytes || this.#filled - this.#at < READ_AHEAD_BYTES);
  }

  /** Where the next bytes are to be fetched from. */
  get fetchOffset(): number {
    return this.#bufferOffset + this.#filled;
  }

  /** Adds bytes that stand at `fetchOffset`; they are copied, unless the file comes in one piece. */
  addBytes(bytes: Buffer, isFileEnd: boolean): void {
    if (this.#isWhole) {
      this.#buffer = bytes;
      this.#filled = bytes.length;
      this.#bufferOffset = 0;
      this.#at = this.#isHeadRead ? this.#resumeOffset() : 0;
      this.#hasFileEnd = true;
      this.#needsBytes = false;
      return;
    }
    this.#makeRoom(bytes.length);
    bytes.copy(this.#buffer, this.#filled);
    this.#added(bytes.length, isFileEnd);
  }

  /**
   * Reads up to `byteCountMax` bytes at `fetchOffset` straight into the buffer, waiting for them.
   *
   * @returns the number of bytes read.
   */
  readNow(file: OpenFile, byteCountMax: number): number {
    const offset = this.fetchOffset;
    const wanted = Math.min(byteCountMax, this.split.fileBytes - offset);
    this.#makeRoom(wanted);
    const byteCount = file.readNow(this.#buffer, this.#filled, wanted, offset);
    this.#added(byteCount, offset + byteCount >= this.split.fileBytes);
    return byteCount;
  }

  /** Hands out about `recordCountMax` records. `empty`: more bytes are needed. */
  decode(recordCountMax: number): 'more' | 'empty' | 'finished' {
    if (!this.#readHead() || !this.#findStart()) return 'empty';
    this.#recordCount = 0;
    while (this.#recordCount < recordCountMax) {
      const end = this.#decodableEnd();
      if (this.#at >= end) return this.#isDone(end) ? 'finished' : this.#waitForBytes();
      const windowEnd = Math.min(end, this.#at + this.#windowBytes);
      const isEnd = windowEnd === end && (this.#hasFileEnd || end === this.#limit);
      const next = this.#decoder.decode(this.#buffer, this.#at, windowEnd, isEnd, this);
      if (next > this.#at) {
        this.#at = next;
        this.#windowBytes = WINDOW_BYTES;
      } else if (windowEnd < end) {
        this.#windowBytes *= 2;
      } else if (isEnd) {
        this.#at = end;
      } else {
        return this.#waitForBytes();
      }
    }
    return 'more';
  }

  snapshot(): FileSplit {
    return { ...this.split, position: this.#position, skip: this.#skip + this.#toSkip };
  }

  record(value: T, end: number): void {
    this.#advance(end);
    if (this.#toSkip > 0) {
      this.#toSkip--;
      return;
    }
    this.#recordCount++;
    this.#output.collect(value, NO_TIMESTAMP);
  }

  reject(error: RecordError, start: number, end: number): void {
    const record =
      this.#toSkip > 0
        ? undefined
        : this.#reject(error, this.#bufferOffset + start, Buffer.from(this.#buffer.subarray(start, end)));
    this.#advance(-1);
    if (this.#toSkip > 0) {
      this.#toSkip--;
      return;
    }
    this.#recordCount++;
    this.#output.collect(record as E, NO_TIMESTAMP);
  }

  /** Inside of a block there is no place to go on from: then records are counted since the last one. */
  #advance(end: number): void {
    if (end < 0) {
      this.#skip++;
    } else {
      this.#position = this.#bufferOffset + end;
      this.#skip = 0;
    }
  }

  #resumeOffset(): number {
    return this.#position < 0 ? this.split.start : this.#position;
  }

  /** Whether a record starts where the split does is seen by what stands before. */
  #lookBackOffset(): number {
    return Math.max(0, this.split.start - LOOK_BACK_BYTES);
  }

  /** Continues at a place of the file, dropping what is buffered of others. */
  #seek(offset: number): void {
    const index = offset - this.#bufferOffset;
    if (index >= 0 && index <= this.#filled) {
      this.#at = index;
      return;
    }
    this.#filled = 0;
    this.#bufferOffset = offset;
    this.#at = 0;
    this.#hasFileEnd = false;
  }

  /** Drops the bytes that have been decoded where there is no room for more behind the others. */
  #makeRoom(byteCount: number): void {
    if (this.#filled + byteCount <= this.#buffer.length) return;
    const at = this.#at;
    const rest = this.#filled - at;
    const isLargeEnough = rest + byteCount <= this.#buffer.length;
    const buffer = isLargeEnough ? this.#buffer : Buffer.allocUnsafeSlow(roundUp(rest + byteCount));
    this.#buffer.copy(buffer, 0, at, this.#filled);
    this.#buffer = buffer;
    this.#filled = rest;
    this.#bufferOffset += at;
    if (this.#limit >= 0) this.#limit -= at;
    this.#at = 0;
  }

  #added(byteCount: number, isFileEnd: boolean): void {
    this.#filled += byteCount;
    this.#hasFileEnd = isFileEnd;
    this.#needsBytes = false;
  }

  #readHead(): boolean {
    if (this.#isHeadRead) return true;
    if (this.#filled === 0 && !this.#hasFileEnd) return this.#waitForBytes() === 'finished';
    const headBytes = this.#decoder.readHead!(this.#buffer, this.#filled, this.#hasFileEnd);
    if (headBytes === undefined) return this.#waitForBytes() === 'finished';
    this.#isHeadRead = true;
    // A split that starts inside of the head finds the first record behind it by the head's own end.
    this.#seek(this.#isAtStart ? this.#lookBackOffset() : Math.max(headBytes, this.#resumeOffset()));
    return true;
  }

  /** Inside of a file the split begins at the first record that starts in it. */
  #findStart(): boolean {
    if (!this.#isAtStart) return true;
    const from = Math.max(this.#at, this.split.start - this.#bufferOffset);
    const start = from > this.#filled ? -1 : this.#decoder.findStart!(this.#buffer, from, this.#filled);
    if (start < 0) {
      if (!this.#hasFileEnd) return this.#waitForBytes() === 'finished';
      this.#at = this.#filled;
    } else {
      this.#at = start;
    }
    this.#isAtStart = false;
    return true;
  }

  /** Index behind the last byte that may be decoded: the buffer's end, or where the first record that is not ours starts. */
  #decodableEnd(): number {
    if (this.#limit >= 0) return this.#limit;
    const endIndex = this.split.end - this.#bufferOffset;
    if (this.#isWhole || this.split.end >= this.split.fileBytes || endIndex > this.#filled) return this.#filled;
    const limit = endIndex <= this.#at ? this.#at : this.#decoder.findStart!(this.#buffer, endIndex, this.#filled);
    if (limit < 0 && !this.#hasFileEnd) return Math.max(this.#at, Math.min(endIndex, this.#filled));
    this.#limit = limit < 0 ? this.#filled : limit;
    return this.#limit;
  }

  #isDone(end: number): boolean {
    return end === this.#limit || this.#hasFileEnd;
  }

  #waitForBytes(): 'empty' | 'finished' {
    if (this.#hasFileEnd) return 'finished';
    this.#needsBytes = true;
    return 'empty';
  }
}

/** Room for what is left of one piece and the whole next one. */
function roundUp(byteCount: number): number {
  return Math.ceil((byteCount * 1.25) / BUFFER_STEP_BYTES) * BUFFER_STEP_BYTES;
}
