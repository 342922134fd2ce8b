import type { ByteReader, ByteWriter } from '../../engine/base/bytes.ts';
import type { Namespace } from './key.ts';
import { readNamespace, readVarint, writeNamespace, writeVarint } from './varint.ts';

const FLAG_ALL_VOID = 1;
const FLAG_INDEXED_AT_FIRST = 2;

/**
 * Timers of one key in one time domain, sorted by timestamp, then by registration. Small: a key has one or a few.
 * Parallel arrays, so that timestamps stay unboxed.
 */
export class PageTimers {
  /** Shared by all pages without timers; never changed. */
  static readonly NONE: PageTimers = new PageTimers();

  readonly #timestamps: number[] = [];
  readonly #namespaces: Namespace[] = [];
  /**
   * Where the time index holds this page: at or before its first timer. Infinity when it does not; -Infinity while the
   * page is firing, so that nothing is added to the index meanwhile.
   */
  indexedAtMs: number = Infinity;

  get count(): number {
    return this.#timestamps.length;
  }

  /** Timestamp of the first timer; Infinity when there is none. */
  get firstMs(): number {
    return this.#timestamps.length === 0 ? Infinity : this.#timestamps[0]!;
  }

  /** False when the same timer is registered already. */
  add(namespace: Namespace, timestampMs: number): boolean {
    const timestamps = this.#timestamps;
    let at = timestamps.length;
    while (at > 0 && timestamps[at - 1]! >= timestampMs) {
      at--;
      if (timestamps[at] === timestampMs) {
        let same = at;
        while (same >= 0 && timestamps[same] === timestampMs) {
          if (this.#namespaces[same] === namespace) return false;
          same--;
        }
        at++;
        break;
      }
    }
    if (at === timestamps.length) {
      timestamps.push(timestampMs);
      this.#namespaces.push(namespace);
    } else {
      timestamps.splice(at, 0, timestampMs);
      this.#namespaces.splice(at, 0, namespace);
    }
    return true;
  }

  /** False when there is no such timer. */
  remove(namespace: Namespace, timestampMs: number): boolean {
    const timestamps = this.#timestamps;
    for (let i = 0; i < timestamps.length && timestamps[i]! <= timestampMs; i++) {
      if (timestamps[i] !== timestampMs || this.#namespaces[i] !== namespace) continue;
      timestamps.splice(i, 1);
      this.#namespaces.splice(i, 1);
      return true;
    }
    return false;
  }

  /** Removes the first timer and returns its namespace. There must be one. */
  takeFirst(): Namespace {
    this.#timestamps.shift();
    return this.#namespaces.shift()!;
  }

  forEach(visit: (timestampMs: number, namespace: Namespace) => void): void {
    for (let i = 0; i < this.#timestamps.length; i++) visit(this.#timestamps[i]!, this.#namespaces[i]!);
  }

  /*
   * Timers of a page: varint count, u8 flags, f64 indexedAtMs unless it is the first timestamp; then per timer f64
   * timestamp, and its namespace unless all are the number 0.
   */
  write(writer: ByteWriter): void {
    const timestamps = this.#timestamps;
    const count = timestamps.length;
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
    for (let i = 0; i < namespaces.length; i++) {
      if (namespaces[i] !== 0) return false;
    }
    return true;
  }

  static read(reader: ByteReader): PageTimers {
    const timers = new PageTimers();
    const count = readVarint(reader);
    const flags = reader.u8();
    if ((flags & FLAG_INDEXED_AT_FIRST) === 0) timers.indexedAtMs = reader.f64();
    for (let i = 0; i < count; i++) {
      timers.#timestamps.push(reader.f64());
      timers.#namespaces.push((flags & FLAG_ALL_VOID) === 0 ? readNamespace(reader) : 0);
    }
    if ((flags & FLAG_INDEXED_AT_FIRST) !== 0) timers.indexedAtMs = timers.firstMs;
    return timers;
  }
}
