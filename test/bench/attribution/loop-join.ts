import { completed, expiryOf, keptOf, matchOf } from './click-join.ts';
import type { Kept, Match, ReadEvent } from './schemas.ts';

interface Entry {
  kept: Kept | undefined;
  clicks: string[] | undefined;
  early: Match[] | undefined;
}

/** The join as a hand-written loop would have it: one `Map`, and keys by the minute in which they expire. */
export class LoopJoin {
  readonly #entries = new Map<string, Entry>();
  readonly #expiring = new Map<number, string[]>();
  readonly #emit: (match: Match) => void;
  #maxTimestampMs = 0;
  #expiredMs = 0;
  matchCount = 0;

  constructor(emit: (match: Match) => void) {
    this.#emit = emit;
  }

  onEvent(event: ReadEvent): void {
    const key = event.impression_id;
    let entry = this.#entries.get(key);
    if (event.type === 'impression') {
      this.#advance(event.ts);
      if (entry === undefined) {
        this.#entries.set(key, { kept: keptOf(event), clicks: undefined, early: undefined });
        this.#expire(key, event.ts);
        return;
      }
      if (entry.kept !== undefined) return;
      entry.kept = keptOf(event);
      for (const match of entry.early ?? []) this.#match(match, entry.kept);
      entry.early = undefined;
      return;
    }
    this.#advance(event.event_timestamp);
    if (entry === undefined) {
      entry = { kept: undefined, clicks: undefined, early: undefined };
      this.#entries.set(key, entry);
      this.#expire(key, event.event_timestamp);
    }
    entry.clicks ??= [];
    if (entry.clicks.includes(event.click_id)) return;
    entry.clicks.push(event.click_id);
    const match = matchOf(event);
    if (entry.kept !== undefined) this.#match(match, entry.kept);
    else (entry.early ??= []).push(match);
  }

  #match(match: Match, kept: Kept): void {
    this.matchCount++;
    this.#emit(completed(match, kept));
  }

  #expire(key: string, atMs: number): void {
    const expiryMs = expiryOf(atMs);
    const keys = this.#expiring.get(expiryMs);
    if (keys === undefined) this.#expiring.set(expiryMs, [key]);
    else keys.push(key);
  }

  #advance(timestampMs: number): void {
    if (timestampMs <= this.#maxTimestampMs) return;
    this.#maxTimestampMs = timestampMs;
    const expiredMs = Math.floor((timestampMs - 30_000) / 60_000) * 60_000;
    if (expiredMs <= this.#expiredMs) return;
    for (const [atMs, keys] of this.#expiring) {
      if (atMs > expiredMs) break;
      for (const key of keys) this.#entries.delete(key);
      this.#expiring.delete(atMs);
    }
    this.#expiredMs = expiredMs;
  }
}
