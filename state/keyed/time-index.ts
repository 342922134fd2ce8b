import type { PageStore, PageWrite } from '../store/page-store.ts';
import { ActiveTimes } from './active-times.ts';
import { type KeyImage, readKey } from './key-image.ts';
import type { Key } from './key.ts';
import { NearTimes } from './near-times.ts';
import type { Page } from './page.ts';
import type { StoreAreas } from './store-areas.ts';
import { TIME_ENTRY_HEADER_BYTES, TimeBucket, TimeChunk } from './time-bucket.ts';
import { TimeHeap } from './time-heap.ts';

/** Widths of buckets by level: 2^10 ms (1 s), 2^16 (65 s), 2^22 (70 min), … 2^52. A bucket has 64 of the level below. */
const LEVELS = 8;
const WIDTHS: readonly number[] = Array.from({ length: LEVELS + 1 }, (_, level) => 2 ** (10 + 6 * level));
/** Spilled chunks brought back at once. */
const LOAD_CHUNKS = 16;

/**
 * Which keys to look at when: entries (timestamp, key) in buckets of growing width, as bytes outside of the heap. Adding is
 * an append. As time nears, a wide bucket is dealt out to narrower ones, a little at a time; the narrowest is sorted. What
 * is added for a time already drained waits in a small heap, so that entries come out in timestamp order whatever is added
 * meanwhile. Far buckets can be spilled to the store. Decoded pages that are due soon are held by themselves: see `NearTimes`.
 *
 * It only finds pages; whether anything is due there, the page itself says. Entries are never removed.
 */
export class TimeIndex {
  readonly #image: KeyImage;
  readonly #number: number;
  /** By level: bucket number -> bucket. */
  readonly #levels: Map<number, TimeBucket>[] = Array.from({ length: LEVELS }, () => new Map<number, TimeBucket>());
  readonly #near: NearTimes = new NearTimes(WIDTHS[0]!);
  readonly #late: TimeHeap = new TimeHeap();
  readonly #active: ActiveTimes = new ActiveTimes();
  /** Entries below it are active or late, all others in buckets. */
  #drainedUntilMs = -Infinity;
  /** The latest time that was asked for: what is near is near to it. */
  #nowMs = -Infinity;
  /** The bucket used last and the times it is for: neighbours in time mostly come together. */
  #lastBucket: TimeBucket | undefined = undefined;
  #lastStartMs = 0;
  #lastEndMs = 0;
  #count = 0;
  #bytes = 0;
  #nextBucketId = 0;
  #dealtBytes = 0;
  /** What has to be loaded before `collect` can go on. */
  #wanted: { readonly level: number; readonly number: number; readonly bucket: TimeBucket } | undefined = undefined;
  readonly #onGrow: (bytes: number) => void = (bytes) => {
    this.#bytes += bytes;
  };
  /** What `next` took: its time, and the page, the key itself when it came late, or where its key's bytes are. */
  timestampMs = 0;
  page: Page | undefined = undefined;
  lateKey: Key | undefined = undefined;
  keyBuffer: Buffer = Buffer.alloc(0);
  keyOffset = 0;
  keyLength = 0;

  /** @param number tells the indexes of an operator apart in the store: 0 to 255. */
  constructor(image: KeyImage, number: number) {
    this.#image = image;
    this.#number = number;
  }

  /** Entries in it. */
  get count(): number {
    return this.#count;
  }

  /** Bytes in memory. */
  get byteLength(): number {
    return this.#bytes;
  }

  /** Bytes of entries moved to narrower buckets so far: the work that advancing has made. */
  get dealtBytes(): number {
    return this.#dealtBytes;
  }

  /** Adds an entry. Timestamps are integers. */
  add(timestampMs: number, key: Key): void {
    if (timestampMs < this.#drainedUntilMs) {
      this.#count++;
      this.#late.push(timestampMs, key);
      return;
    }
    this.#image.set(key);
    this.addBytes(timestampMs, this.#image.buffer, 0, this.#image.length);
  }

  /**
   * Adds a decoded page to look at, unless that is far off: then false, and it is to be added by its key. If it leaves the
   * decoded tier before, it is to be added by its key as well.
   */
  addPage(timestampMs: number, page: Page): boolean {
    if (this.#drainedUntilMs === -Infinity) this.#begin(timestampMs);
    if (timestampMs < this.#drainedUntilMs) return false;
    if (!this.#near.add(timestampMs, page, this.#nowMs)) return false;
    this.#count++;
    return true;
  }

  /** The same for the bytes of a key. */
  addBytes(timestampMs: number, buffer: Buffer, offset: number, length: number): void {
    this.#count++;
    if (this.#drainedUntilMs === -Infinity) this.#begin(timestampMs);
    if (timestampMs < this.#drainedUntilMs) this.#late.push(timestampMs, readKey(buffer, offset, length));
    else this.#append(this.#bucketOf(timestampMs), timestampMs, buffer, offset, length);
  }

  /** Timestamp of the first entry; undefined when there is none. */
  firstMs(): number | undefined {
    if (this.#count === 0) return undefined;
    const first = Math.min(this.#late.firstMs, this.#active.firstMs);
    return first === Infinity ? this.#firstBucketMs() : first;
  }

  #firstBucketMs(): number {
    let first = this.#near.firstMs;
    for (const level of this.#levels) {
      for (const bucket of level.values()) first = Math.min(first, bucket.firstMs);
    }
    return first;
  }

  /**
   * Makes entries due by `limitMs` ready for `next`.
   *
   * @returns false when nothing is due; true when something is, unless `isWaiting`: then `load` and ask again.
   */
  collect(limitMs: number): boolean {
    if (limitMs > this.#nowMs) this.#nowMs = limitMs;
    if (this.#count === 0) return false;
    // Late entries come before all buckets.
    if (this.#late.firstMs <= limitMs) return true;
    this.#advance(limitMs);
    return this.isWaiting || this.activeDue(limitMs, 1) > 0;
  }

  get isWaiting(): boolean {
    return this.#wanted !== undefined;
  }

  /** Number of active entries due by `limitMs`, counted up to `countMax`. */
  activeDue(limitMs: number, countMax: number): number {
    return this.#active.due(limitMs, countMax);
  }

  /** Shows the i-th active entry in `page`, or, when that is undefined, in `keyBuffer`, `keyOffset`, `keyLength`. */
  showActive(i: number): void {
    const active = this.#active;
    active.show(i);
    this.timestampMs = active.timeAt(i);
    this.page = active.page;
    if (active.page !== undefined) return;
    this.keyBuffer = active.keyBuffer;
    this.keyOffset = active.keyOffset;
    this.keyLength = active.keyLength;
  }

  /** Appends keys of late entries due by `limitMs` to `keys`, in no order, until it has `countMax`. */
  collectLate(limitMs: number, countMax: number, keys: Key[]): void {
    this.#late.collect(limitMs, countMax, keys);
  }

  /** Takes the first entry due by `limitMs`; false when nothing that is ready is due. */
  next(limitMs: number): boolean {
    const activeMs = this.#active.firstMs;
    const lateMs = this.#late.firstMs;
    if (lateMs < activeMs) {
      if (lateMs > limitMs) return false;
      this.timestampMs = lateMs;
      this.page = undefined;
      this.lateKey = this.#late.shift();
    } else {
      if (activeMs > limitMs) return false;
      this.lateKey = undefined;
      this.showActive(0);
      this.#active.moveOn();
      if (this.#active.isEmpty) this.#dropActive();
    }
    this.#count--;
    return true;
  }

  /** The key of the entry that `next` took, which is no page. */
  takenKey(): Key {
    return this.lateKey ?? readKey(this.keyBuffer, this.keyOffset, this.keyLength);
  }

  /** Brings back what `collect` waits for. */
  async load(store: PageStore, areas: StoreAreas): Promise<void> {
    const { level, number, bucket } = this.#wanted!;
    const to = level === 0 ? bucket.spilledTo : Math.min(bucket.spilledTo, bucket.spilledFrom + LOAD_CHUNKS);
    const keys: Uint8Array[] = [];
    for (let n = bucket.spilledFrom; n < to; n++) keys.push(this.#chunkKey(areas, bucket, n));
    const loaded = await store.getMany(keys);
    await store.write(keys.map((key) => ({ key, value: undefined })));
    const chunks = loaded.map((value) => {
      const buffer = Buffer.from(value!.buffer, value!.byteOffset, value!.byteLength);
      this.#bytes += buffer.length;
      return new TimeChunk(buffer, buffer.length);
    });
    bucket.spilledFrom = to;
    this.#wanted = undefined;
    if (level === 0) {
      bucket.chunks.unshift(...chunks);
      return;
    }
    this.#forgetLast();
    for (const chunk of chunks) this.#deal(chunk, level - 1);
    if (bucket.isEmpty) this.#levels[level]!.delete(number);
  }

  /** Moves chunks of the farthest buckets into `batch`, at least `bytes` if there are so many; returns the bytes moved. */
  spill(bytes: number, batch: PageWrite[], areas: StoreAreas): number {
    let moved = 0;
    for (let level = LEVELS - 1; level >= 0 && moved < bytes; level--) {
      const numbers = [...this.#levels[level]!.keys()].sort((a, b) => b - a);
      for (const number of numbers) {
        const bucket = this.#levels[level]!.get(number)!;
        while (bucket.chunks.length > 0 && moved < bytes) {
          const chunk = bucket.chunks.shift()!;
          batch.push({
            key: this.#chunkKey(areas, bucket, bucket.spilledTo++),
            value: chunk.buffer.subarray(0, chunk.used),
          });
          moved += chunk.buffer.length;
        }
        if (moved >= bytes) break;
      }
    }
    this.#bytes -= moved;
    return moved;
  }

  /** Makes the first bucket active when nothing is and it may hold something due. */
  #advance(limitMs: number): void {
    while (this.#active.isEmpty && this.#wanted === undefined) {
      const level = this.#firstLevel();
      if (level < 0) return;
      const buckets = this.#levels[level]!;
      const number = level === 0 ? this.#firstNarrow() : firstNumber(buckets);
      const bucket = buckets.get(number);
      const start = number * WIDTHS[level]!;
      const near = level === 0 ? this.#near.bucket(number) : undefined;
      if (level === 0 ? Math.min(bucket?.firstMs ?? Infinity, near?.firstMs ?? Infinity) > limitMs : start > limitMs)
        return;
      if (bucket?.hasSpilled === true) {
        this.#wanted = { level, number, bucket };
        return;
      }
      buckets.delete(number);
      this.#forgetLast();
      if (level === 0) {
        this.#active.activate(bucket?.chunks ?? [], this.#near.take(number), start);
        this.#drainedUntilMs = start + WIDTHS[0]!;
        this.#dealAhead();
      } else {
        this.#drainedUntilMs = Math.max(this.#drainedUntilMs, start);
        for (const chunk of bucket!.chunks) this.#deal(chunk, level - 1);
      }
    }
  }

  /** Number of the first narrow bucket, of bytes or of pages. */
  #firstNarrow(): number {
    return Math.min(firstNumber(this.#levels[0]!), this.#near.firstNumber);
  }

  /** The level of the bucket that starts first, of equal starts the widest; -1: there is none. */
  #firstLevel(): number {
    let first = -1;
    let firstStart = Infinity;
    for (let level = LEVELS - 1; level >= 0; level--) {
      const buckets = this.#levels[level]!;
      const number = level === 0 ? this.#firstNarrow() : firstNumber(buckets);
      if (number === Infinity) continue;
      const start = number * WIDTHS[level]!;
      if (start < firstStart) {
        first = level;
        firstStart = start;
      }
    }
    return first;
  }

  /** Deals a share of the wide buckets that come next, so that none is left to be dealt at once when its time comes. */
  #dealAhead(): void {
    for (let level = 1; level < LEVELS; level++) {
      const buckets = this.#levels[level]!;
      const number = Math.floor(this.#drainedUntilMs / WIDTHS[level]!) + 1;
      const bucket = buckets.get(number);
      if (bucket === undefined || bucket.hasSpilled) continue;
      const steps = (number * WIDTHS[level]! - this.#drainedUntilMs) / WIDTHS[0]!;
      for (let n = Math.floor(bucket.chunks.length / Math.max(1, steps)); n > 0; n--) {
        this.#deal(bucket.chunks.shift()!, level - 1);
      }
      if (!bucket.isEmpty) continue;
      buckets.delete(number);
      this.#forgetLast();
    }
  }

  #dropActive(): void {
    const { bytes, pages } = this.#active.drop();
    this.#bytes -= bytes;
    if (pages !== undefined) this.#near.recycle(pages);
  }

  /** The first entry fixes where time begins: an hour of disorder goes to buckets, what is older to the heap. */
  #begin(timestampMs: number): void {
    this.#drainedUntilMs = startOf(timestampMs - 3_600_000, 0);
  }

  /** Deals the entries of a chunk to buckets of `level`. */
  #deal(chunk: TimeChunk, level: number): void {
    const { buffer, view, used } = chunk;
    let bucket: TimeBucket | undefined = undefined;
    let startMs = 0;
    for (let at = 0; at < used;) {
      const timestampMs = view.getFloat64(at, true);
      const keyLength = view.getUint16(at + 8, true);
      if (bucket === undefined || timestampMs < startMs || timestampMs >= startMs + WIDTHS[level]!) {
        bucket = this.#bucketAt(level, Math.floor(timestampMs / WIDTHS[level]!));
        startMs = startOf(timestampMs, level);
      }
      this.#append(bucket, timestampMs, buffer, at + TIME_ENTRY_HEADER_BYTES, keyLength);
      at += TIME_ENTRY_HEADER_BYTES + keyLength;
    }
    this.#bytes -= buffer.length;
    this.#dealtBytes += used;
  }

  // Hot: a loop beats a native copy for keys of the usual size.
  #append(bucket: TimeBucket, timestampMs: number, source: Buffer, offset: number, length: number): void {
    const chunk = bucket.chunkFor(TIME_ENTRY_HEADER_BYTES + length, this.#onGrow);
    const at = chunk.used;
    const target = chunk.buffer;
    chunk.view.setFloat64(at, timestampMs, true);
    chunk.view.setUint16(at + 8, length, true);
    const keyAt = at + TIME_ENTRY_HEADER_BYTES;
    for (let i = 0; i < length; i++) target[keyAt + i] = source[offset + i]!;
    chunk.used = keyAt + length;
    if (timestampMs < bucket.firstMs) bucket.firstMs = timestampMs;
  }

  /** The bucket for a time: as narrow as lies in the same wider bucket as the cursor. */
  #bucketOf(timestampMs: number): TimeBucket {
    if (this.#lastBucket !== undefined && timestampMs >= this.#lastStartMs && timestampMs < this.#lastEndMs) {
      return this.#lastBucket;
    }
    let level = 0;
    while (level < LEVELS - 1 && startOf(timestampMs, level + 1) !== startOf(this.#drainedUntilMs, level + 1)) level++;
    const bucket = this.#bucketAt(level, Math.floor(timestampMs / WIDTHS[level]!));
    this.#lastBucket = bucket;
    this.#lastStartMs = startOf(timestampMs, level);
    this.#lastEndMs = this.#lastStartMs + WIDTHS[level]!;
    return bucket;
  }

  #bucketAt(level: number, number: number): TimeBucket {
    let bucket = this.#levels[level]!.get(number);
    if (bucket === undefined) {
      bucket = new TimeBucket(this.#nextBucketId++);
      this.#levels[level]!.set(number, bucket);
    }
    return bucket;
  }

  /** Buckets or the cursor have changed: the bucket used last may be another one now. */
  #forgetLast(): void {
    this.#lastBucket = undefined;
  }

  #chunkKey(areas: StoreAreas, bucket: TimeBucket, number: number): Uint8Array {
    const suffix = Buffer.allocUnsafe(8);
    suffix.writeUInt32BE(bucket.id, 0);
    suffix.writeUInt32BE(number, 4);
    return areas.timesKey(this.#number, suffix);
  }
}

function startOf(timestampMs: number, level: number): number {
  return Math.floor(timestampMs / WIDTHS[level]!) * WIDTHS[level]!;
}

function firstNumber(buckets: ReadonlyMap<number, TimeBucket>): number {
  let first = Infinity;
  for (const number of buckets.keys()) first = Math.min(first, number);
  return first;
}
