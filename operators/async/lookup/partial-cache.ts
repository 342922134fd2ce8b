import type { Clock } from '../../../engine/base/environment.ts';
import { durationMs } from '../../../engine/time/duration.ts';
import type { Key } from '../../../state/keyed/key.ts';
import type { PartialCacheOptions } from './lookup-cache-options.ts';

interface Entry<V> {
  readonly rows: readonly V[];
  /** Milliseconds of the monotonic clock; Infinity: never. */
  readonly writeExpiryMs: number;
  accessExpiryMs: number;
}

/** Rows by key, the least recently used first to go. */
export class PartialCache<V> {
  readonly #clock: Clock;
  readonly #rowsMax: number;
  readonly #writeMs: number;
  readonly #accessMs: number;
  readonly #cachesMissing: boolean;
  readonly #isTimed: boolean;
  /** The least recently used first. */
  readonly #entries = new Map<Key, Entry<V>>();
  #rowCount = 0;

  constructor(options: PartialCacheOptions, clock: Clock) {
    this.#clock = clock;
    this.#rowsMax = options.maxRows ?? Infinity;
    this.#writeMs = options.expireAfterWrite === undefined ? Infinity : durationMs(options.expireAfterWrite);
    this.#accessMs = options.expireAfterAccess === undefined ? Infinity : durationMs(options.expireAfterAccess);
    this.#cachesMissing = options.cacheMissing ?? true;
    this.#isTimed = this.#writeMs < Infinity || this.#accessMs < Infinity;
  }

  /** A key without rows counts as one. */
  get rowCount(): number {
    return this.#rowCount;
  }

  /** Undefined: not known. Uses the key. */
  get(key: Key): readonly V[] | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (this.#isTimed) {
      const nowMs = this.#clock.monotonicMs();
      if (isExpired(entry, nowMs)) {
        this.#remove(key, entry);
        return undefined;
      }
      entry.accessExpiryMs = nowMs + this.#accessMs;
    }
    // To the end: the most recently used.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.rows;
  }

  set(key: Key, rows: readonly V[]): void {
    const old = this.#entries.get(key);
    if (old !== undefined) this.#remove(key, old);
    const size = sizeOf(rows);
    if ((rows.length === 0 && !this.#cachesMissing) || size > this.#rowsMax) return;
    const nowMs = this.#isTimed ? this.#clock.monotonicMs() : 0;
    this.#entries.set(key, { rows, writeExpiryMs: nowMs + this.#writeMs, accessExpiryMs: nowMs + this.#accessMs });
    this.#rowCount += size;
    if (this.#isTimed) this.#removeExpired(nowMs);
    while (this.#rowCount > this.#rowsMax) this.#removeFirst();
  }

  /** The least recently used first, as far as they have expired: what nobody asks for is not kept for long. */
  #removeExpired(nowMs: number): void {
    for (const [key, entry] of this.#entries) {
      if (!isExpired(entry, nowMs)) return;
      this.#remove(key, entry);
    }
  }

  #removeFirst(): void {
    for (const [key, entry] of this.#entries) {
      this.#remove(key, entry);
      return;
    }
  }

  #remove(key: Key, entry: Entry<V>): void {
    this.#entries.delete(key);
    this.#rowCount -= sizeOf(entry.rows);
  }
}

function isExpired({ writeExpiryMs, accessExpiryMs }: Entry<unknown>, nowMs: number): boolean {
  return writeExpiryMs <= nowMs || accessExpiryMs <= nowMs;
}

function sizeOf(rows: readonly unknown[]): number {
  return Math.max(1, rows.length);
}
