/** Chunks of a bucket double in size up to this. */
const CHUNK_BYTES_MIN = 256;
export const CHUNK_BYTES_MAX = 1 << 16;

/*
 * Entry in a chunk, little-endian: f64 timestamp, u16 key length, key.
 */
export const TIME_ENTRY_HEADER_BYTES = 10;

export class TimeChunk {
  readonly buffer: Buffer;
  readonly view: DataView;
  used: number;

  constructor(buffer: Buffer, used: number) {
    this.buffer = buffer;
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    this.used = used;
  }
}

/** Entries of one span of time, in the order they were added, in chunks outside of the heap. */
export class TimeBucket {
  /** Names its chunks in the store. */
  readonly id: number;
  /** In memory; all but the last are full. */
  readonly chunks: TimeChunk[] = [];
  /** Chunks in the store have the numbers [spilledFrom, spilledTo); they are older than those in memory. */
  spilledFrom = 0;
  spilledTo = 0;
  /** Earliest timestamp ever added. */
  firstMs = Infinity;

  constructor(id: number) {
    this.id = id;
  }

  get hasSpilled(): boolean {
    return this.spilledFrom < this.spilledTo;
  }

  get isEmpty(): boolean {
    return this.chunks.length === 0 && !this.hasSpilled;
  }

  /** The chunk that has room for so many more bytes; calls `onGrow` with the size of a new one. */
  chunkFor(byteCount: number, onGrow: (bytes: number) => void): TimeChunk {
    const last = this.chunks[this.chunks.length - 1];
    if (last !== undefined && last.used + byteCount <= last.buffer.length) return last;
    const wanted = last === undefined ? CHUNK_BYTES_MIN : last.buffer.length * 2;
    const chunk = new TimeChunk(Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES_MAX, Math.max(wanted, byteCount))), 0);
    this.chunks.push(chunk);
    onGrow(chunk.buffer.length);
    return chunk;
  }
}
