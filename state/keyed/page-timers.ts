import type { ByteReader, ByteWriter } from '../../engine/base/bytes.ts';
import type { Namespace } from './key.ts';
import { readNamespace, readVarint, writeNamespace, writeVarint } from './varint.ts';

const FLAG_ALL_VOID = 1;
const FLAG_INDEXED_AT_FIRST = 2;

/**
 * Timers of one key in one time domain, sorted by timestamp, then by registration. Small: a key has one or a few.
 * Parallel arrays, so that timestamps stay unboxed; they keep their room when the page is used for another key.
 */
export class PageTimers {
  /** Shared by all pages that never had timers; never changed. */
  static readonly NONE: PageTimers = new PageTimers();

  #timestamps: number[] = [];
  #namespaces: Namespace[] = [];
  #count = 0;
  /**
   * Where the time index holds this page: at or before its first timer. Infinity when it does not; -Infinity while the
   * page is firing, so that nothing is added to the index meanwhile.
   */
  indexedAtMs: number = Infinity;
  /** The time index holds the page itself, not its key. */
  isNear = false;

  get count(): number {
    return this.#count;
  }

  /** Timestamp of the first timer; Infinity when there is none. */
  get firstMs(): number {
    return this.#count === 0 ? Infinity : this.#timestamps[0]!;
  }

  clear(): void {
    this.#count = 0;
    this.indexedAtMs = Infinity;
    this.isNear = false;
  }

  /** False when the same timer is registered already. */
  add(namespace: Namespace, timestampMs: number): boolean {
    const count = this.#count;
    const timestamps = this.#timestamps;
    const namespaces = this.#namespaces;
    let at = count;
    while (at > 0 && timestamps[at - 1]! > timestampMs) at--;
    for (let i = at - 1; i >= 0 && timestamps[i] === timestampMs; i--) {
      if (namespaces[i] === namespace) return false;
    }
    this.#count = count + 1;
    if (timestamps.length === 0) {
      // A literal has room for one; the first push would take room for seventeen.
      this.#timestamps = [timestampMs];
      this.#namespaces = [namespace];
      return true;
    }
    for (let i = count; i > at; i--) {
      timestamps[i] = timestamps[i - 1]!;
      namespaces[i] = namespaces[i - 1]!;
    }
    timestamps[at] = timestampMs;
    namespaces[at] = namespace;
    return true;
  }

  /** False when there is no such timer. */
  remove(namespace: Namespace, timestampMs: number): boolean {
    const timestamps = this.#timestamps;
    for (let i = 0; i < this.#count && timestamps[i]! <= timestampMs; i++) {
      if (timestamps[i] !== timestampMs || this.#namespaces[i] !== namespace) continue;
      this.#removeAt(i);
      return true;
    }
    return false;
  }

  /** In order of time. */
  forEach(visit: (timestampMs: number, namespace: Namespace) => void): void {
    for (let i = 0; i < this.#count; i++) visit(this.#timestamps[i]!, this.#namespaces[i]!);
  }

  /** Removes the first timer and returns its namespace. There must be one. */
  takeFirst(): Namespace {
    const namespace = this.#namespaces[0]!;
    this.#removeAt(0);
    return namespace;
  }

  #removeAt(at: number): void {
    const timestamps = this.#timestamps;
    const namespaces = this.#namespaces;
    const count = --this.#count;
    for (let i = at; i < count; i++) {
      timestamps[i] = timestamps[i + 1]!;
      namespaces[i] = namespaces[i + 1]!;
    }
  }

  /*
   * Timers of a page: varint count, u8 flags, f64 indexedAtMs unless it is the first timestamp; then per timer f64
   * timestamp, and its namespace unless all are the number 0.
   */
  write(writer: ByteWriter): void {
    const timestamps = this.#timestamps;
    const count = this.#count;
    writeVarint(writer, count);
    let flags = this.indexedAtMs === timestamps[0] ? FLAG_INDEXED_AT_FIRST : 0;
    if (this.#isAllVoid()) flags |= FLAG_ALL_VOID;
    writer.u8(flags);
    if ((flags & FLAG_INDEXED_AT_FIRST) === 0) writer.f64(this.indexedAtMs);
    for (let i = 0; i < count; i++) {
      writer.f64(timestamps[i]!);
      if ((flags & FLAG_ALL_VOID) === 0) writeNamespace(writer, this.#namespaces[i]!);
    }
  }

  #isAllVoid(): boolean {
    const namespaces = this.#namespaces;
    for (let i = 0; i < this.#count; i++) {
      if (namespaces[i] !== 0) return false;
    }
    return true;
  }

  /** Replaces the timers by what `write` wrote. */
  read(reader: ByteReader): void {
    this.clear();
    const count = readVarint(reader);
    const flags = reader.u8();
    if ((flags & FLAG_INDEXED_AT_FIRST) === 0) this.indexedAtMs = reader.f64();
    for (let i = 0; i < count; i++) {
      const timestampMs = reader.f64();
      this.add((flags & FLAG_ALL_VOID) === 0 ? readNamespace(reader) : 0, timestampMs);
    }
    if ((flags & FLAG_INDEXED_AT_FIRST) !== 0) this.indexedAtMs = this.firstMs;
  }
}
