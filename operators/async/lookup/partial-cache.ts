import type { Clock } from '../../../engine/base/environment.ts';
import { durationMs } from '../../../engine/time/duration.ts';
import type { Key } from '../../../state/keyed/key.ts';
import type { PartialCacheOptions } from './lookup-cache-options.ts';

interface Entry<V> {
  readonly rows: readonly V[];
  /** Milliseconds of the monotonic clock; Infinity: never. */
  readonly writeExpiryMs: number;
  accessExpiryMs: number;
  /** Since its place in the order was given to it. */
  isUsed: boolean;
}

/**
 * Rows by key. When there are too many, the oldest key goes that was not used since it became the oldest the last time
 * (second chance): about the least recently used one, without a change of order at every use.
 */
export class PartialCache<V> {
  readonly #clock: Clock;
  readonly #rowsMax: number;
  readonly #writeMs: number;
  readonly #accessMs: number;
  readonly #cachesMissing: boolean;
  readonly #isTimed: boolean;
  /** The next one to go first. */
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
    // Hot: 2x against moving it to the end (test/bench/operators/async.bench.ts).
    entry.isUsed = true;
    return entry.rows;
  }

  set(key: Key, rows: readonly V[]): void {
    const old = this.#entries.get(key);
    if (old !== undefined) this.#remove(key, old);
    const size = sizeOf(rows);
    if ((rows.length === 0 && !this.#cachesMissing) || size > this.#rowsMax) return;
    const nowMs = this.#isTimed ? this.#clock.monotonicMs() : 0;
    if (this.#isTimed) this.#removeExpired(nowMs);
    // Before it comes in, so that it is not the first that was not used.
    while (this.#rowCount + size > this.#rowsMax) this.#removeFirst();
    const writeExpiryMs = nowMs + this.#writeMs;
    this.#entries.set(key, { rows, writeExpiryMs, accessExpiryMs: nowMs + this.#accessMs, isUsed: false });
    this.#rowCount += size;
  }

  /** The oldest, as far as they have expired: what nobody asks for is not kept for long. */
  #removeExpired(nowMs: number): void {
    for (const [key, entry] of this.#entries) {
      if (isExpired(entry, nowMs)) this.#remove(key, entry);
      // A key in use that never expires must not hold those behind it.
      else if (entry.isUsed && this.#accessMs < Infinity) this.#moveBack(key, entry);
      else return;
    }
  }

  #removeFirst(): void {
    for (const [key, entry] of this.#entries) {
      if (!entry.isUsed) {
        this.#remove(key, entry);
        return;
      }
      this.#moveBack(key, entry);
    }
  }

  /** Comes by again at the end of a loop over all. */
  #moveBack(key: Key, entry: Entry<V>): void {
    entry.isUsed = false;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
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
