import { ByteReader } from '../../engine/base/bytes.ts';

/*
 * Entry of a segment, at a multiple of 4 bytes; little-endian, as the machine's words are.
 *    0  i32  hash of the key
 *    4  u16  key length    6  u16  key group
 *    8  u32  page length; 0 for a tombstone
 *   12  u32  flags
 *   16  u32  epoch in which it was written dirty; 0: it holds nothing that checkpoints do not have
 *   20       key, page, padding
 */
export const ENTRY_HEADER_BYTES = 20;

/** The key has another, newer entry, or none any more. */
export const ENTRY_DEAD = 1;
/** The store holds this very page. */
export const ENTRY_STORE_CURRENT = 2;
/** The store may hold some page of this key. */
export const ENTRY_IN_STORE = 4;
/** A complete or running checkpoint may hold some page of this key. */
export const ENTRY_IN_CHECKPOINT = 8;
/** Was read since it was written or last passed over by eviction. */
export const ENTRY_REFERENCED = 16;

/** The decoded tier may hold the page, perhaps newer than this entry. */
export const ENTRY_DECODED = 32;

/** A running snapshot takes the entry, though it lies outside of what the barrier cut: see `Cut`. */
export const ENTRY_LATE = 64;
/** A running snapshot does not take the entry after all. */
export const ENTRY_VOID = 128;

/** Places inside a segment take 18 bits of a ref, in units of 4 bytes. */
export const SEGMENT_BYTES_MAX = 1 << 20;
const OFFSET_BITS = 18;
/** Segments take 13 bits: refs stay positive int32. */
export const SEGMENTS_MAX = 1 << 13;

export function refOf(segmentId: number, offset: number): number {
  return (segmentId << OFFSET_BITS) | (offset >>> 2);
}

export function segmentIdOf(ref: number): number {
  return ref >>> OFFSET_BITS;
}

export function offsetOf(ref: number): number {
  return (ref & ((1 << OFFSET_BITS) - 1)) << 2;
}

/** A piece of the slab: entries are appended until it is full, then only their flags change. */
export class Segment {
  /** From 1, so that no ref is 0. */
  readonly id: number;
  readonly buffer: Buffer;
  readonly view: DataView;
  readonly words: Int32Array;
  readonly reader: ByteReader;
  /** Bytes appended. */
  used = 0;
  /** Bytes of entries that are not dead. */
  liveBytes = 0;
  /** The newest epoch of its dirty entries. */
  dirtyEpoch = 0;
  isSealed = false;
  /** A running snapshot reads its bytes: it is not used again until that is done. */
  isRetained = false;
  /** A running snapshot has still to look through it. */
  isWaiting = false;
  /** Bytes [0, cutAt) were there at the barrier and are not looked through yet. */
  cutAt = 0;
  /** Offsets of further entries that the running snapshot takes. */
  late: number[] | undefined = undefined;
  /** Tells it from others that had its id or its memory before. */
  generation = 0;

  constructor(id: number, byteLength: number) {
    this.id = id;
    this.buffer = Buffer.allocUnsafeSlow(byteLength);
    const bytes = this.buffer.buffer;
    this.view = new DataView(bytes);
    this.words = new Int32Array(bytes);
    this.reader = new ByteReader(this.buffer);
  }

  get byteLength(): number {
    return this.buffer.length;
  }

  hashAt(offset: number): number {
    return this.words[offset >>> 2]!;
  }

  keyLengthAt(offset: number): number {
    return this.words[(offset >>> 2) + 1]! & 0xffff;
  }

  keyGroupAt(offset: number): number {
    return this.words[(offset >>> 2) + 1]! >>> 16;
  }

  pageLengthAt(offset: number): number {
    return this.words[(offset >>> 2) + 2]!;
  }

  flagsAt(offset: number): number {
    return this.words[(offset >>> 2) + 3]!;
  }

  setFlag(offset: number, flag: number): void {
    this.words[(offset >>> 2) + 3]! |= flag;
  }

  clearFlag(offset: number, flag: number): void {
    this.words[(offset >>> 2) + 3]! &= ~flag;
  }

  epochAt(offset: number): number {
    return this.words[(offset >>> 2) + 4]!;
  }

  /** Bytes that the entry takes, padding included. */
  entryBytesAt(offset: number): number {
    return entryBytes(this.keyLengthAt(offset), this.pageLengthAt(offset));
  }
}

export function entryBytes(keyLength: number, pageLength: number): number {
  return (ENTRY_HEADER_BYTES + keyLength + pageLength + 3) & ~3;
}
