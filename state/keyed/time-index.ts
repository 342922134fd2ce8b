import type { KeyImage } from './key-image.ts';
import { readKey } from './key-image.ts';
import type { Key } from './key.ts';
import { TimeHeap } from './time-heap.ts';

/** Widths of buckets by level: 2^10 ms (1 s), 2^16 (65 s), 2^22 (70 min), … 2^52. A bucket has 64 of the level below. */
const LEVELS = 8;
const WIDTHS: readonly number[] = Array.from({ length: LEVELS + 1 }, (_, level) => 2 ** (10 + 6 * level));

const CHUNK_BYTES_MIN = 256;
/** An offset in a bucket is chunk number * CHUNK_BYTES_MAX + offset in the chunk. */
const CHUNK_BYTES_MAX = 1 << 16;
/*
 * Entry in a chunk, little-endian: f64 timestamp, i32 hash of the key, u16 key length, key.
 */
const ENTRY_HEADER_BYTES = 14;

class Chunk {
  readonly buffer: Buffer;
  used = 0;

  constructor(byteLength: number) {
    this.buffer = Buffer.allocUnsafeSlow(byteLength);
  }
}

class Bucket {
  readonly chunks: Chunk[] = [];
  count = 0;
  firstMs = Infinity;
}

/**
 * Which keys to look at when: entries (timestamp, key) in buckets of growing width, as bytes outside of the heap. Adding is
 * an append. As time nears, a wide bucket is dealt out to narrower ones and the narrowest is sorted. What is added for a
 * time already drained waits in a small heap, so that entries come out in timestamp order whatever is added meanwhile.
 *
 * It only finds pages; whether anything is due there, the page itself says. Entries are never removed.
 */
export class TimeIndex {
  readonly #image: KeyImage;
  /** By level: bucket number -> bucket. All buckets of a level lie in one bucket of the level above, that of the cursor. */
  readonly #levels: Map<number, Bucket>[] = Array.from({ length: LEVELS }, () => new Map<number, Bucket>());
  readonly #late: TimeHeap = new TimeHeap();
  /** Entries below it are in `#active` or `#late`, all others in buckets. */
  #drainedUntilMs = -Infinity;
  /** The bucket used last and the times it is for: neighbours in time mostly come together. */
  #lastBucket: Bucket | undefined = undefined;
  #lastStartMs = 0;
  #lastEndMs = 0;
  #active: readonly Chunk[] = [];
  #activeTimes: Float64Array = new Float64Array(0);
  #activeOffsets: Uint32Array = new Uint32Array(0);
  #activePosition = 0;
  #activeKeys: Key[] = [];
  #activeKeysFrom = 0;
  #count = 0;
  #bytes = 0;
  /** What `next` took. */
  timestampMs = 0;
  key: Key = '';

  constructor(image: KeyImage) {
    this.#image = image;
  }

  /** Entries in it. */
  get count(): number {
    return this.#count;
  }

  get byteLength(): number {
    return this.#bytes;
  }

  /** Adds an entry. Timestamps are integers. */
  add(timestampMs: number, key: Key): void {
    this.#count++;
    if (this.#drainedUntilMs === -Infinity) this.#start(timestampMs);
    if (timestampMs < this.#drainedUntilMs) {
      this.#late.push(timestampMs, key);
      return;
    }
    this.#image.set(key);
    const image = this.#image;
    const entry = this.#append(timestampMs, image.length);
    const { buffer, used } = entry;
    buffer.writeInt32LE(image.hash, used - image.length - 6);
    const at = used - image.length;
    for (let i = 0; i < image.length; i++) buffer[at + i] = image.buffer[i]!;
  }

  /** Timestamp of the first entry; undefined when there is none. */
  firstMs(): number | undefined {
    if (this.#count === 0) return undefined;
    let first = this.#late.firstMs;
    if (this.#activePosition < this.#activeTimes.length)
      first = Math.min(first, this.#activeTimes[this.#activePosition]!);
    if (first !== Infinity) return first;
    for (const level of this.#levels) {
      for (const bucket of level.values()) first = Math.min(first, bucket.firstMs);
      if (first !== Infinity) return first;
    }
    return undefined;
  }

  /**
   * Fills `keys` with keys of entries due by `limitMs`, at most `countMax`: those that `next` will take first, and late
   * ones. Returns false when nothing is due.
   */
  collect(limitMs: number, countMax: number, keys: Key[]): boolean {
    keys.length = 0;
    if (this.#count === 0) return false;
    this.#late.collect(limitMs, countMax, keys);
    // Late entries come before all buckets.
    if (keys.length === 0) this.#advance(limitMs);
    this.#activeKeys.length = 0;
    this.#activeKeysFrom = this.#activePosition;
    const times = this.#activeTimes;
    for (let i = this.#activePosition; i < times.length && keys.length < countMax && times[i]! <= limitMs; i++) {
      const key = this.#activeKeyAt(i);
      this.#activeKeys.push(key);
      keys.push(key);
    }
    return keys.length > 0;
  }

  /** Takes the first entry due by `limitMs` into `timestampMs` and `key`; false when nothing that is loaded is due. */
  next(limitMs: number): boolean {
    const position = this.#activePosition;
    const activeMs = position < this.#activeTimes.length ? this.#activeTimes[position]! : Infinity;
    const lateMs = this.#late.firstMs;
    if (lateMs < activeMs) {
      if (lateMs > limitMs) return false;
      this.timestampMs = lateMs;
      this.key = this.#late.shift();
    } else {
      if (activeMs > limitMs) return false;
      this.timestampMs = activeMs;
      const known = position - this.#activeKeysFrom;
      this.key = known < this.#activeKeys.length ? this.#activeKeys[known]! : this.#activeKeyAt(position);
      this.#activePosition = position + 1;
      if (this.#activePosition === this.#activeTimes.length) this.#dropActive();
    }
    this.#count--;
    return true;
  }

  /** Whether an entry is due by `limitMs`. */
  hasDue(limitMs: number): boolean {
    const first = this.firstMs();
    return first !== undefined && first <= limitMs;
  }

  #start(timestampMs: number): void {
    // An hour of disorder goes to buckets, what is older to the heap.
    this.#drainedUntilMs = Math.floor((timestampMs - 3_600_000) / WIDTHS[0]!) * WIDTHS[0]!;
  }

  /** Makes the first bucket active when nothing is and it may hold something due. */
  #advance(limitMs: number): void {
    while (this.#activePosition >= this.#activeTimes.length) {
      const level = this.#levels.findIndex((buckets) => buckets.size > 0);
      if (level < 0) return;
      const buckets = this.#levels[level]!;
      let number = Infinity;
      for (const candidate of buckets.keys()) number = Math.min(number, candidate);
      const bucket = buckets.get(number)!;
      if (bucket.firstMs > limitMs) return;
      buckets.delete(number);
      this.#lastBucket = undefined;
      this.#lastEndMs = -Infinity;
      const start = number * WIDTHS[level]!;
      if (level === 0) {
        this.#activate(bucket, start);
        this.#drainedUntilMs = start + WIDTHS[0]!;
        this.#dealCursor();
      } else {
        this.#drainedUntilMs = start;
        this.#deal(bucket);
      }
    }
  }

  /** The cursor may have entered a wide bucket: its entries go to narrower ones before others of its time do. */
  #dealCursor(): void {
    for (let level = LEVELS - 1; level > 0; level--) {
      const number = Math.floor(this.#drainedUntilMs / WIDTHS[level]!);
      const bucket = this.#levels[level]!.get(number);
      if (bucket === undefined) continue;
      this.#levels[level]!.delete(number);
      this.#lastBucket = undefined;
      this.#lastEndMs = -Infinity;
      this.#deal(bucket);
    }
  }

  #activate(bucket: Bucket, startMs: number): void {
    const order = new Float64Array(bucket.count);
    const offsets = new Uint32Array(bucket.count);
    let n = 0;
    bucket.chunks.forEach((chunk, number) => {
      for (let at = 0; at < chunk.used;) {
        order[n] = (chunk.buffer.readDoubleLE(at) - startMs) * 0x1_0000_0000 + n;
        offsets[n] = number * CHUNK_BYTES_MAX + at;
        n++;
        at += ENTRY_HEADER_BYTES + chunk.buffer.readUInt16LE(at + 12);
      }
    });
    order.sort();
    const sorted = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      const relativeMs = Math.floor(order[i]! / 0x1_0000_0000);
      sorted[i] = offsets[order[i]! - relativeMs * 0x1_0000_0000]!;
      order[i] = startMs + relativeMs;
    }
    this.#active = bucket.chunks;
    this.#activeTimes = order;
    this.#activeOffsets = sorted;
    this.#activePosition = 0;
    this.#activeKeys.length = 0;
    this.#activeKeysFrom = 0;
  }

  #dropActive(): void {
    for (const chunk of this.#active) this.#bytes -= chunk.buffer.length;
    this.#active = [];
    this.#activeTimes = new Float64Array(0);
    this.#activeOffsets = new Uint32Array(0);
    this.#activePosition = 0;
    this.#activeKeys.length = 0;
    this.#activeKeysFrom = 0;
  }

  /** Deals the entries of a wide bucket, which the cursor has reached, to narrower ones. */
  #deal(bucket: Bucket): void {
    for (const chunk of bucket.chunks) {
      const source = chunk.buffer;
      for (let at = 0; at < chunk.used;) {
        const keyLength = source.readUInt16LE(at + 12);
        const end = at + ENTRY_HEADER_BYTES + keyLength;
        const { buffer, used } = this.#append(source.readDoubleLE(at), keyLength);
        source.copy(buffer, used - keyLength - 6, at + 8, end);
        at = end;
      }
      this.#bytes -= chunk.buffer.length;
    }
  }

  /** Makes room for an entry, writes its timestamp and key length; the entry ends at the chunk's `used`. */
  #append(timestampMs: number, keyLength: number): Chunk {
    const isLast = timestampMs >= this.#lastStartMs && timestampMs < this.#lastEndMs && this.#lastBucket !== undefined;
    const bucket = isLast ? this.#lastBucket! : this.#bucketOf(timestampMs);
    const byteCount = ENTRY_HEADER_BYTES + keyLength;
    const { chunks } = bucket;
    let chunk = chunks[chunks.length - 1];
    if (chunk === undefined || chunk.used + byteCount > chunk.buffer.length) {
      const wanted = chunk === undefined ? CHUNK_BYTES_MIN : chunk.buffer.length * 2;
      chunk = new Chunk(Math.min(CHUNK_BYTES_MAX, Math.max(wanted, byteCount)));
      chunks.push(chunk);
      this.#bytes += chunk.buffer.length;
    }
    const at = chunk.used;
    chunk.buffer.writeDoubleLE(timestampMs, at);
    chunk.buffer.writeUInt16LE(keyLength, at + 12);
    chunk.used = at + byteCount;
    bucket.count++;
    if (timestampMs < bucket.firstMs) bucket.firstMs = timestampMs;
    return chunk;
  }

  #bucketOf(timestampMs: number): Bucket {
    let level = 0;
    while (
      level < LEVELS - 1 &&
      Math.floor(timestampMs / WIDTHS[level + 1]!) !== Math.floor(this.#drainedUntilMs / WIDTHS[level + 1]!)
    ) {
      level++;
    }
    const number = Math.floor(timestampMs / WIDTHS[level]!);
    const buckets = this.#levels[level]!;
    let bucket = buckets.get(number);
    if (bucket === undefined) {
      bucket = new Bucket();
      buckets.set(number, bucket);
    }
    this.#lastBucket = bucket;
    this.#lastStartMs = number * WIDTHS[level]!;
    this.#lastEndMs = this.#lastStartMs + WIDTHS[level]!;
    return bucket;
  }

  #activeKeyAt(position: number): Key {
    const place = this.#activeOffsets[position]!;
    const { buffer } = this.#active[Math.floor(place / CHUNK_BYTES_MAX)]!;
    const at = place % CHUNK_BYTES_MAX;
    return readKey(buffer, at + ENTRY_HEADER_BYTES, buffer.readUInt16LE(at + 12));
  }
}
