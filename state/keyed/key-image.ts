import type { ByteWriter } from '../../engine/base/bytes.ts';
import { CheckpointCorruptError, UserError } from '../../engine/base/errors.ts';
import { javaHashCode, murmurHash } from './key-group.ts';
import type { Key } from './key.ts';

/*
 * Key bytes, version 1. A tag, then
 *   1  string whose units are all below 256: one byte each
 *   2  other string: UTF-16, little-endian
 *   3  int32: 4 bytes, little-endian
 *   4  other number: f64, little-endian
 *   5  bigint of 64 bits: 8 bytes, little-endian
 *   6  other bigint: decimal digits, one byte each
 *   7  false      8  true
 */
const TAG_LATIN1 = 1;
const TAG_UTF16 = 2;
const TAG_INT32 = 3;
const TAG_DOUBLE = 4;
const TAG_INT64 = 5;
const TAG_BIGINT = 6;
const TAG_FALSE = 7;
const TAG_TRUE = 8;
/** Not a key but a part of a key's page; what follows is `PageParts`'s business. */
export const TAG_PART = 9;

/** Longest key accepted, in bytes of its encoded form. */
export const KEY_BYTES_MAX = 16_384;

const FNV_OFFSET = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

/** Final mixing of murmur3: spreads every input bit over all output bits. */
function mix(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/**
 * A key as bytes, with its hashes, computed in one pass over the key; one object is filled again and again. The hash is
 * part of the file format: pages are sorted by it.
 */
export class KeyImage {
  buffer: Buffer = Buffer.allocUnsafeSlow(256);
  #view: DataView = new DataView(this.buffer.buffer);
  /** Length of the key's bytes in `buffer`. */
  length = 0;
  /** Signed 32 bits, so that it stays a small integer; independent of the key group. */
  hash = 0;
  /** Flink's murmur of Java's hash code; the key group is its remainder. */
  groupHash = 0;

  /** Fills the image. Throws UserError for what is no key. */
  set(key: Key): void {
    if (typeof key === 'string') this.#setString(key);
    else this.#setOther(key);
    if (this.length > KEY_BYTES_MAX) {
      throw new UserError('USER_FUNCTION', `expected a key of at most ${KEY_BYTES_MAX} bytes, found ${this.length}`, {
        hint: 'Key by an identifier, or by a hash of what is so long.',
      });
    }
  }

  /** Fills the image from a key's bytes and its hash. The group hash is not known then. */
  setBytes(source: Buffer, offset: number, length: number, hash: number): void {
    this.#reserve(length);
    source.copy(this.buffer, 0, offset, offset + length);
    this.length = length;
    this.hash = hash;
    this.groupHash = -1;
  }

  // Hot: a loop beats a native copy for keys of the usual size.
  /** Appends the key's bytes. */
  writeTo(writer: ByteWriter): void {
    const { length, buffer } = this;
    const at = writer.reserve(length);
    const target = writer.buffer;
    if (length > 48) buffer.copy(target, at, 0, length);
    else for (let i = 0; i < length; i++) target[at + i] = buffer[i]!;
  }

  #reserve(byteCount: number): void {
    if (byteCount <= this.buffer.length) return;
    this.buffer = Buffer.allocUnsafeSlow(byteCount * 2);
    this.#view = new DataView(this.buffer.buffer);
  }

  #setString(key: string): void {
    const length = key.length;
    this.#reserve(1 + 2 * length);
    const buffer = this.buffer;
    let java = 0;
    let fnv = FNV_OFFSET;
    let seen = 0;
    for (let i = 0; i < length; i++) {
      const unit = key.charCodeAt(i);
      java = (Math.imul(java, 31) + unit) | 0;
      fnv = Math.imul(fnv ^ unit, FNV_PRIME);
      seen |= unit;
      buffer[i + 1] = unit;
    }
    if (seen < 256) {
      buffer[0] = TAG_LATIN1;
      this.length = 1 + length;
    } else {
      buffer[0] = TAG_UTF16;
      for (let i = 0; i < length; i++) {
        const unit = key.charCodeAt(i);
        buffer[1 + 2 * i] = unit;
        buffer[2 + 2 * i] = unit >>> 8;
      }
      this.length = 1 + 2 * length;
    }
    this.hash = mix(fnv);
    this.groupHash = murmurHash(java);
  }

  #setOther(key: Exclude<Key, string>): void {
    const java = javaHashCode(key);
    const tag = tagOf(key);
    switch (tag) {
      case TAG_INT32:
        this.#view.setInt32(1, key as number, true);
        this.length = 5;
        break;
      case TAG_DOUBLE:
        this.#view.setFloat64(1, key as number, true);
        this.length = 9;
        break;
      case TAG_INT64:
        this.#view.setBigInt64(1, key as bigint, true);
        this.length = 9;
        break;
      case TAG_BIGINT: {
        const digits = key.toString();
        this.#reserve(1 + digits.length);
        this.buffer.write(digits, 1, 'latin1');
        this.length = 1 + digits.length;
        break;
      }
      default:
        this.length = 1;
    }
    this.buffer[0] = tag;
    this.hash = mix(java ^ Math.imul(tag, 0x9e3779b1));
    this.groupHash = murmurHash(java);
  }
}

/** The hash that `KeyImage` computes, without the bytes. */
export function hashOfKey(key: Key): number {
  if (typeof key === 'string') {
    let fnv = FNV_OFFSET;
    for (let i = 0; i < key.length; i++) fnv = Math.imul(fnv ^ key.charCodeAt(i), FNV_PRIME);
    return mix(fnv);
  }
  return mix(javaHashCode(key) ^ Math.imul(tagOf(key), 0x9e3779b1));
}

/** The hash of a key from its bytes. */
export function hashOfBytes(buffer: Buffer, offset: number, length: number): number {
  const tag = buffer[offset];
  if (tag !== TAG_LATIN1 && tag !== TAG_PART) return hashOfKey(readKey(buffer, offset, length));
  let fnv = FNV_OFFSET;
  for (let i = offset + 1; i < offset + length; i++) fnv = Math.imul(fnv ^ buffer[i]!, FNV_PRIME);
  return mix(fnv);
}

function tagOf(key: Exclude<Key, string>): number {
  if (typeof key === 'number') return (key | 0) === key ? TAG_INT32 : TAG_DOUBLE;
  if (typeof key === 'bigint') return BigInt.asIntN(64, key) === key ? TAG_INT64 : TAG_BIGINT;
  return key ? TAG_TRUE : TAG_FALSE;
}

/** Types of keys, by tag. */
const KEY_TYPES = ['', 'string', 'string', 'number', 'number', 'bigint', 'bigint', 'boolean', 'boolean'] as const;

/** `typeof` of the key whose bytes start with this tag; empty for a part. */
export function keyTypeOfTag(tag: number): (typeof KEY_TYPES)[number] {
  return KEY_TYPES[tag] ?? '';
}

/** Node's own slices: what `toString` calls after it has looked at the encoding's name. */
interface SliceableBuffer extends Buffer {
  latin1Slice(start: number, end: number): string;
  ucs2Slice(start: number, end: number): string;
}

/** The key whose bytes are `bytes[offset .. offset + length)`. Throws CheckpointCorruptError for other bytes. */
export function readKey(bytes: Buffer, offset: number, length: number): Key {
  const buffer = bytes as SliceableBuffer;
  const start = offset + 1;
  const end = offset + length;
  switch (buffer[offset]) {
    case TAG_LATIN1:
      return buffer.latin1Slice(start, end);
    case TAG_UTF16:
      return buffer.ucs2Slice(start, end);
    case TAG_INT32:
      return buffer.readInt32LE(start);
    case TAG_DOUBLE:
      return buffer.readDoubleLE(start);
    case TAG_INT64:
      return buffer.readBigInt64LE(start);
    case TAG_BIGINT:
      return BigInt(buffer.latin1Slice(start, end));
    case TAG_FALSE:
      return false;
    case TAG_TRUE:
      return true;
    default:
      throw new CheckpointCorruptError(`expected a key tag in [1, 8], found ${buffer[offset]} at offset ${offset}`);
  }
}
