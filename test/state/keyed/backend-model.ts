import type { Key, Namespace } from '../../../state/keyed/key.ts';
import { keyGroupOf } from '../../../state/keyed/key-group.ts';

export const MAX_PARALLELISM = 16;
export const TTL_MS = 40;
export const NEVER = -9_007_199_254_740_808;

interface StampedNumber {
  value: number;
  at: number;
}

interface ModelTimer {
  readonly ts: number;
  readonly ns: Namespace;
}

/** All state of one key, the plainest way. */
export class ModelKey {
  value: string | undefined = undefined;
  list: number[] = [];
  map: Map<string, number> = new Map();
  sum: Map<Namespace, number> = new Map();
  average: Map<Namespace, [number, number]> = new Map();
  seen: StampedNumber | undefined = undefined;
  recent: StampedNumber[] = [];
  /** Whether it ever held what expires. */
  everExpiring = false;
  timers: { event: ModelTimer[]; processing: ModelTimer[] } = { event: [], processing: [] };
}

export type Domain = 'event' | 'processing';

/** Brute-force twin of the keyed state of all subtasks together. */
export class Model {
  keys: Map<Key, ModelKey> = new Map();
  watermark = NEVER;
  /** What was written before any watermark counts from the first. */
  firstWatermark = Infinity;
  processingTime = 0;

  of(key: Key): ModelKey {
    let found = this.keys.get(key);
    if (found === undefined) {
      found = new ModelKey();
      this.keys.set(key, found);
    }
    return found;
  }

  clone(): Model {
    const copy = new Model();
    for (const [key, state] of this.keys) copy.keys.set(key, Object.assign(new ModelKey(), structuredClone(state)));
    copy.watermark = this.watermark;
    copy.firstWatermark = this.firstWatermark;
    copy.processingTime = this.processingTime;
    return copy;
  }

  setWatermark(watermark: number): void {
    this.watermark = watermark;
    if (this.firstWatermark === Infinity) this.firstWatermark = watermark;
  }

  registerTimer(key: Key, domain: Domain, ns: Namespace, ts: number): void {
    const timers = this.of(key).timers[domain];
    if (timers.some((timer) => timer.ts === ts && timer.ns === ns)) return;
    const after = timers.findIndex((timer) => timer.ts > ts);
    timers.splice(after < 0 ? timers.length : after, 0, { ts, ns });
  }

  deleteTimer(key: Key, domain: Domain, ns: Namespace, ts: number): void {
    const state = this.of(key);
    state.timers[domain] = state.timers[domain].filter((timer) => timer.ts !== ts || timer.ns !== ns);
  }

  timerCount(domain: Domain, from: number, to: number): number {
    return this.#inRange(from, to).reduce((sum, [, state]) => sum + state.timers[domain].length, 0);
  }

  /** The earliest timer of the key groups [from, to). */
  firstTimerMs(domain: Domain, from: number, to: number): number {
    return this.#inRange(from, to).reduce(
      (first, [, state]) => Math.min(first, state.timers[domain][0]?.ts ?? Infinity),
      Infinity,
    );
  }

  /** Keys with state that does not expire or timers, and those with nothing but state that may have expired. */
  keyCount(from: number, to: number): { readonly surely: number; readonly perhaps: number } {
    let surely = 0;
    let perhaps = 0;
    for (const [, state] of this.#inRange(from, to)) {
      const isSure =
        state.value !== undefined ||
        state.list.length + state.map.size + state.sum.size + state.average.size > 0 ||
        state.timers.event.length + state.timers.processing.length > 0;
      if (isSure) surely++;
      else if (state.everExpiring) perhaps++;
    }
    return { surely, perhaps };
  }

  isExpired(stamped: StampedNumber, now: number): boolean {
    return (stamped.at === NEVER ? this.firstWatermark : stamped.at) + TTL_MS <= now;
  }

  seen(key: Key): number | undefined {
    const state = this.of(key);
    if (state.seen === undefined) return undefined;
    if (this.isExpired(state.seen, this.watermark)) {
      state.seen = undefined;
      return undefined;
    }
    if (state.seen.at === NEVER && this.watermark !== NEVER) state.seen.at = this.firstWatermark;
    return state.seen.value;
  }

  /** Refreshed by reads, in processing time. */
  recent(key: Key): number[] {
    const state = this.of(key);
    state.recent = state.recent.filter((stamped) => !this.isExpired(stamped, this.processingTime));
    for (const stamped of state.recent) stamped.at = this.processingTime;
    return state.recent.map((stamped) => stamped.value);
  }

  #inRange(from: number, to: number): [Key, ModelKey][] {
    return [...this.keys].filter(([key]) => {
      const group = keyGroupOf(key, MAX_PARALLELISM);
      return group >= from && group < to;
    });
  }
}
