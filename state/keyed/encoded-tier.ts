import type { ByteWriter } from '../../engine/base/bytes.ts';
import { BloomFilter } from './bloom-filter.ts';
import { ChangeLog, type ChangeLogOptions } from './change-log.ts';
import { Cut } from './cut.ts';
import { KeyImage } from './key-image.ts';
import { KeyProbe } from './key-probe.ts';
import { forEachLiveKey, type OnKeyBytes } from './live-keys.ts';
import type { PageCodec } from './page-codec.ts';
import type { Page } from './page.ts';
import type { Segment } from './segment.ts';
import {
  ENTRY_DEAD,
  ENTRY_DECODED,
  ENTRY_HEADER_BYTES,
  ENTRY_IN_CHECKPOINT,
  ENTRY_IN_STORE,
  ENTRY_LATE,
  ENTRY_REFERENCED,
  ENTRY_STORE_CURRENT,
  entryBytes,
  offsetOf,
  refOf,
  segmentIdOf,
  SEGMENTS_MAX,
} from './segment.ts';
import { isSparse, SegmentLog } from './segment-log.ts';
import type { SegmentPool } from './segment-pool.ts';
import { SlabIndex } from './slab-index.ts';
import { type OnSpill, SpillBatch } from './spill-batch.ts';
import type { StoreAreas } from './store-areas.ts';

/** Room that the head must have before a page is written; a page that needs more moves to a new segment. */
const HEAD_ROOM_BYTES = 1024;
/** Segments left for what is written between two looks at the budget. */
const SEGMENTS_RESERVE = 1024;

/**
 * The encoded pages: a log of segments outside of the heap with a typed-array index. Entries never change once written
 * (but for flags), so a running snapshot can copy them while new ones are appended. When the budget is used up, segments
 * with many dead entries are compacted, else the oldest one is evicted: what was read lately moves to the head, dirty
 * pages go to the store, clean ones are dropped.
 */
export class EncodedTier {
  readonly image: KeyImage = new KeyImage();
  readonly #codec: PageCodec;
  readonly #areas: StoreAreas;
  readonly #maxParallelism: number;
  readonly #bytesMax: number;
  readonly #log: SegmentLog;
  readonly #pool: SegmentPool;
  readonly #segments: (Segment | undefined)[];
  readonly #probe: KeyProbe;
  readonly #index: SlabIndex;
  /** Hashes of all keys that were ever spilled. */
  readonly #spilled: BloomFilter = new BloomFilter();
  readonly #writer: ByteWriter;
  readonly #logOptions: ChangeLogOptions;
  /** Gets the changes that are evicted. */
  log: ChangeLog;
  /** What the running snapshot has not read yet, and the log of what of it is evicted. */
  #cut: Cut | undefined = undefined;
  #cutLog: ChangeLog | undefined = undefined;
  /** What is written now is from before the last barrier, whose snapshot is running. */
  isBeforeBarrier = false;
  /** Pages on their way from the store that nobody waits for: by the hash of their key, the number of the request. */
  readonly fetching: Map<number, number> = new Map();
  /** Epoch of changes made now, and the last one whose checkpoint is complete. */
  epoch = 1;
  completedEpoch = 0;
  /** Only there so that touching has an effect. */
  touched = 0;

  constructor(options: {
    readonly codec: PageCodec;
    readonly areas: StoreAreas;
    readonly maxParallelism: number;
    readonly bytesMax: number;
    readonly log: ChangeLogOptions;
  }) {
    this.#logOptions = options.log;
    this.log = new ChangeLog(options.log);
    this.#codec = options.codec;
    this.#areas = options.areas;
    this.#maxParallelism = options.maxParallelism;
    this.#bytesMax = options.bytesMax;
    this.#log = new SegmentLog(options.bytesMax);
    this.#pool = this.#log.pool;
    this.#writer = this.#log.writer;
    this.#segments = this.#pool.segments;
    this.#probe = new KeyProbe(this.#segments);
    this.#index = new SlabIndex(this.#probe);
  }

  get byteLength(): number {
    return this.#pool.byteLength + this.#index.byteLength + this.#spilled.byteLength;
  }

  /** Bytes beyond it: what only a snapshot still reads, and changes on their way to checkpoint storage. */
  get extraBytes(): number {
    return this.#pool.retainedBytes + this.log.byteLength + (this.#cutLog?.byteLength ?? 0);
  }

  /** Entries, tombstones included. */
  get size(): number {
    return this.#index.size;
  }

  get hasSpilled(): boolean {
    return this.#spilled.size > 0;
  }

  /** False: the store certainly holds no page of a key with this hash. */
  mayBeSpilled(hash: number): boolean {
    return this.#spilled.size > 0 && this.#spilled.has(hash);
  }

  /** The entry of the key in `image`; 0 when there is none. */
  find(): number {
    const { image } = this;
    return this.findBytes(image.buffer, 0, image.length, image.hash);
  }

  /** The first entry of a key with this hash, whatever the key; 0 when there is none. */
  candidate(hash: number): number {
    return this.#index.candidate(hash);
  }

  /** Hot: brings the index places of many keys into the CPU's cache at once (test/bench/state.bench.ts). */
  touchIndex(hashes: Int32Array, count: number): void {
    this.touched = this.#index.touch(hashes, count);
  }

  /** The same for entries; a ref of 0 is passed over. */
  touchEntries(refs: Int32Array, count: number): void {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const ref = refs[i]!;
      if (ref !== 0) sum = (sum + this.#segments[segmentIdOf(ref)]!.words[offsetOf(ref) >>> 2]!) | 0;
    }
    this.touched = sum;
  }

  /** Whether the decoded tier may hold the page of an entry. */
  isDecoded(ref: number): boolean {
    return (this.segmentOf(ref).flagsAt(offsetOf(ref)) & ENTRY_DECODED) !== 0;
  }

  keyGroupOf(ref: number): number {
    return this.segmentOf(ref).keyGroupAt(offsetOf(ref));
  }

  segmentOf(ref: number): Segment {
    return this.#segments[segmentIdOf(ref)]!;
  }

  /** The same for a key's bytes elsewhere. */
  findBytes(buffer: Buffer, offset: number, length: number, hash: number): number {
    this.#probe.point(buffer, offset, length);
    return this.#index.find(hash);
  }

  /**
   * Fills a page from its entry. A tombstone leaves it empty.
   *
   * @param isKept the page goes to the decoded tier, or is given back before anything else happens to its key.
   */
  read(ref: number, page: Page, isKept: boolean): void {
    const segment = this.#segments[segmentIdOf(ref)]!;
    const offset = offsetOf(ref);
    const pageLength = segment.pageLengthAt(offset);
    const flags = segment.flagsAt(offset);
    const epoch = segment.epochAt(offset);
    page.encodedEpoch = epoch;
    page.isInCheckpoint = (flags & ENTRY_IN_CHECKPOINT) !== 0 || (epoch !== 0 && epoch < this.epoch);
    if (isKept && (flags & ENTRY_DECODED) === 0) segment.setFlag(offset, ENTRY_DECODED);
    if (pageLength === 0) return;
    page.isStored = true;
    const reader = segment.reader;
    reader.offset = offset + ENTRY_HEADER_BYTES + segment.keyLengthAt(offset);
    reader.end = reader.offset + pageLength;
    // The bytes behind the text read last may have been written since.
    reader.textEnd = 0;
    this.#codec.read(reader, page);
    if ((flags & ENTRY_REFERENCED) === 0) segment.setFlag(offset, ENTRY_REFERENCED);
  }

  /**
   * Writes a dirty page's new form; an empty one leaves a tombstone only where something must still be told of it.
   *
   * @param isKept the page stays in the decoded tier.
   * @returns encoded bytes of the page; 0 when it is empty.
   */
  write(page: Page, isKept: boolean): number {
    this.image.set(page.key);
    return this.#write(page, this.image.groupHash % this.#maxParallelism, isKept ? ENTRY_DECODED : 0);
  }

  /** The same for a page that is not kept and whose key's bytes are at hand. */
  writeBytes(page: Page, buffer: Buffer, offset: number, length: number, keyGroup: number): number {
    this.image.setBytes(buffer, offset, length, page.hash);
    return this.#write(page, keyGroup, 0);
  }

  #write(page: Page, keyGroup: number, ownFlags: number): number {
    const image = this.image;
    this.#probe.point(image.buffer, 0, image.length);
    const epoch = this.#writeEpoch();
    const isInCheckpoint = page.isInCheckpoint || (page.encodedEpoch !== 0 && page.encodedEpoch < epoch);
    page.isDirty = false;
    page.isInCheckpoint = isInCheckpoint;
    if (page.isEmpty) {
      page.isStored = false;
      page.encodedEpoch = epoch;
      this.#bury(keyGroup, ownFlags, isInCheckpoint);
      return 0;
    }
    const flags = ownFlags | (isInCheckpoint ? ENTRY_IN_CHECKPOINT : 0);
    page.isStored = true;
    page.encodedEpoch = epoch;
    let segment = this.#log.head;
    if (segment.byteLength - segment.used < HEAD_ROOM_BYTES + image.length) segment = this.#log.openHead();
    const writer = this.#writer;
    const offset = segment.used;
    writer.length = offset + ENTRY_HEADER_BYTES;
    image.writeTo(writer);
    this.#codec.write(writer, page);
    const pageLength = writer.length - offset - ENTRY_HEADER_BYTES - image.length;
    if (writer.buffer !== segment.buffer) {
      this.#moveGrown(offset, keyGroup, flags);
      return pageLength;
    }
    this.#commit(segment, offset, pageLength, keyGroup, flags, epoch);
    return pageLength;
  }

  /**
   * Adds an encoded page that came from the store or from a checkpoint, under the key in `image`.
   *
   * @param flags ENTRY_STORE_CURRENT, ENTRY_IN_CHECKPOINT.
   */
  add(keyGroup: number, page: Buffer, offset: number, length: number, flags: number, epoch: number): number {
    const image = this.image;
    this.#probe.point(image.buffer, 0, image.length);
    const total = entryBytes(image.length, length);
    const segment = this.#log.segmentFor(total);
    const at = segment.used;
    image.buffer.copy(segment.buffer, at + ENTRY_HEADER_BYTES, 0, image.length);
    page.copy(segment.buffer, at + ENTRY_HEADER_BYTES + image.length, offset, offset + length);
    return this.#commit(segment, at, length, keyGroup, flags, epoch);
  }

  /** See `forEachLiveKey`. */
  forEachKey(keyGroupStart: number, keyGroupEnd: number, visit: OnKeyBytes): void {
    forEachLiveKey(this.#pool, keyGroupStart, keyGroupEnd, visit);
  }

  /** A barrier: what is changed is cut off, and a new epoch begins. What was evicted of the changes is in the log returned. */
  cut(): { readonly cut: Cut; readonly log: ChangeLog } {
    const cut = new Cut(this.#pool, this.completedEpoch, this.epoch);
    this.#cut = cut;
    this.#cutLog = this.log;
    this.log = new ChangeLog(this.#logOptions);
    this.epoch++;
    return { cut, log: this.#cutLog };
  }

  /** The snapshot has read all that was cut off. */
  endCut(): void {
    this.#cut = undefined;
    this.#cutLog = undefined;
  }

  /** Forgets a tombstone that every checkpoint has now, unless the store still has to be told. */
  forget(ref: number): void {
    const segment = this.#segments[segmentIdOf(ref)];
    const offset = offsetOf(ref);
    if (segment === undefined || (segment.flagsAt(offset) & (ENTRY_DEAD | ENTRY_IN_STORE)) !== 0) return;
    this.#index.remove(segment.hashAt(offset), ref);
    this.#log.kill(segment, offset);
  }

  /** Brings the tier back into its budget. */
  shrink(onSpill: OnSpill): void {
    if (!this.#isOver()) return;
    const batch = new SpillBatch(this.#areas, onSpill);
    while (this.#isOver()) {
      const victim = this.#log.chooseVictim();
      if (victim === undefined) break;
      if (isSparse(victim)) this.#compact(victim);
      else this.#evict(victim, batch);
    }
    batch.flush();
  }

  #isOver(): boolean {
    return this.byteLength > this.#bytesMax || this.#pool.count > SEGMENTS_MAX - SEGMENTS_RESERVE;
  }

  #compact(victim: Segment): void {
    for (let offset = 0; offset < victim.used; offset += victim.entryBytesAt(offset)) {
      if ((victim.flagsAt(offset) & ENTRY_DEAD) === 0) this.#relocate(victim, offset);
    }
  }

  #evict(victim: Segment, batch: SpillBatch): void {
    let secondChanceBytes = victim.byteLength / 2;
    for (let offset = 0; offset < victim.used; offset += victim.entryBytesAt(offset)) {
      const flags = victim.flagsAt(offset);
      if ((flags & ENTRY_DEAD) !== 0) continue;
      if ((flags & ENTRY_REFERENCED) !== 0 && secondChanceBytes > 0) {
        secondChanceBytes -= victim.entryBytesAt(offset);
        victim.clearFlag(offset, ENTRY_REFERENCED);
        this.#relocate(victim, offset);
        continue;
      }
      const cut = this.#cut;
      const isCut = cut !== undefined && cut.isMember(victim, offset);
      const isChange = victim.epochAt(offset) > this.completedEpoch;
      const log = isCut ? this.#cutLog : isChange ? this.log : undefined;
      const hash = victim.hashAt(offset);
      if (batch.addEntry(victim, offset, log)) this.#spilled.add(hash);
      // What is on its way may be older than what goes to the store now.
      if (this.fetching.size > 0) this.fetching.delete(hash);
      if (isCut) cut.drop(victim, offset);
      this.#index.remove(hash, refOf(victim.id, offset));
      this.#log.kill(victim, offset);
    }
  }

  #relocate(segment: Segment, offset: number): void {
    const cut = this.#cut;
    const isCut = cut !== undefined && cut.isMember(segment, offset);
    const total = segment.entryBytesAt(offset);
    const target = this.#log.segmentFor(total);
    const at = target.used;
    target.words.set(segment.words.subarray(offset >>> 2, (offset + total) >>> 2), at >>> 2);
    target.used = at + total;
    target.liveBytes += total;
    target.dirtyEpoch = Math.max(target.dirtyEpoch, segment.epochAt(offset));
    this.#index.move(segment.hashAt(offset), refOf(segment.id, offset), refOf(target.id, at));
    if (isCut) {
      cut.drop(segment, offset);
      cut.include(target, at);
    } else {
      target.clearFlag(at, ENTRY_LATE);
    }
    this.#log.kill(segment, offset);
    if (target.isSealed && target !== this.#log.head) this.#log.seal(target);
  }

  #bury(keyGroup: number, ownFlags: number, isInCheckpoint: boolean): void {
    const image = this.image;
    const before = this.#index.find(image.hash);
    let flags = isInCheckpoint ? ENTRY_IN_CHECKPOINT : 0;
    if (before === 0) {
      if (this.mayBeSpilled(image.hash)) flags |= ENTRY_IN_STORE;
    } else {
      const segment = this.#segments[segmentIdOf(before)]!;
      flags |= this.#inheritedFlags(segment, offsetOf(before));
      if (flags === 0) {
        this.#index.remove(image.hash, before);
        this.#supersede(segment, offsetOf(before));
        return;
      }
    }
    if (flags === 0) return;
    const target = this.#log.segmentFor(entryBytes(image.length, 0));
    const at = target.used;
    image.buffer.copy(target.buffer, at + ENTRY_HEADER_BYTES, 0, image.length);
    this.#commit(target, at, 0, keyGroup, flags | ownFlags, this.#writeEpoch());
  }

  #writeEpoch(): number {
    return this.isBeforeBarrier ? this.#cut!.epoch : this.epoch;
  }

  /** An entry is not wanted any more: its key has another one now, or none. */
  #supersede(segment: Segment, offset: number): void {
    const cut = this.#cut;
    if (cut !== undefined) {
      if (this.isBeforeBarrier) cut.drop(segment, offset);
      else cut.keep(segment, offset);
    }
    this.#log.kill(segment, offset);
  }

  /** The page outgrew the head while it was written: its bytes are in a grown copy of the head's buffer. */
  #moveGrown(offset: number, keyGroup: number, flags: number): void {
    const grown = this.#writer.buffer;
    const start = offset + ENTRY_HEADER_BYTES;
    const end = this.#writer.length;
    this.#log.pointWriter();
    const keyLength = this.image.length;
    const pageLength = end - start - keyLength;
    const target = this.#log.segmentFor(entryBytes(keyLength, pageLength));
    const at = target.used;
    grown.copy(target.buffer, at + ENTRY_HEADER_BYTES, start, end);
    this.#commit(target, at, pageLength, keyGroup, flags, this.#writeEpoch());
  }

  #inheritedFlags(segment: Segment, offset: number): number {
    const flags = segment.flagsAt(offset);
    const epoch = segment.epochAt(offset);
    let inherited = flags & (ENTRY_IN_STORE | ENTRY_IN_CHECKPOINT);
    if ((flags & ENTRY_STORE_CURRENT) !== 0) inherited |= ENTRY_IN_STORE;
    if (epoch !== 0 && epoch < this.#writeEpoch()) inherited |= ENTRY_IN_CHECKPOINT;
    return inherited;
  }

  /** Completes the entry at the end of `segment`, whose key and page are written, and points the index to it. */
  #commit(
    segment: Segment,
    offset: number,
    pageLength: number,
    keyGroup: number,
    ownFlags: number,
    epoch: number,
  ): number {
    const { hash, length } = this.image;
    const ref = refOf(segment.id, offset);
    const total = entryBytes(length, pageLength);
    segment.used = offset + total;
    segment.liveBytes += total;
    if (epoch > segment.dirtyEpoch) segment.dirtyEpoch = epoch;
    let flags = ownFlags;
    const before = this.#index.put(hash, ref);
    if (before !== 0) {
      const old = this.#segments[segmentIdOf(before)]!;
      flags |= this.#inheritedFlags(old, offsetOf(before));
      this.#supersede(old, offsetOf(before));
    } else if (this.#spilled.size > 0 && this.#spilled.has(hash)) {
      flags |= ENTRY_IN_STORE;
    }
    const words = segment.words;
    const word = offset >>> 2;
    words[word] = hash;
    words[word + 1] = length | (keyGroup << 16);
    words[word + 2] = pageLength;
    words[word + 3] = flags;
    words[word + 4] = epoch;
    if (this.isBeforeBarrier) this.#cut!.include(segment, offset);
    if (segment.isSealed) this.#log.seal(segment);
    return ref;
  }
}
