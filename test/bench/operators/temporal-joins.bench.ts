/**
 * Temporal joins beside loops over plain `Map`s: ns of CPU per record, driven as a task does.
 * Run: npm run bench -- operators/temporal    Sizes: TIDEMARK_BENCH_EVENTS (1,000,000), tiny when TIDEMARK_BENCH=test
 */
import { ProcessingTimeTemporalJoinOperator } from '../../../operators/join/processing-time-temporal-join-operator.ts';
import { TemporalJoinOperator } from '../../../operators/join/temporal-join-operator.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { Event, type EventValue, thousandKeys } from './events.ts';
import { type HandLoop, measureOperators } from './measure-operator.ts';

const pair = {
  processElement: (left: unknown, right: unknown, _context: unknown, out: { collect(value: unknown): void }) =>
    out.collect({ left, right }),
};
const options = { joinType: 'left', leftSchema: Event, rightSchema: Event, logic: pair as never } as const;

interface Row {
  readonly value: EventValue;
  readonly timestampMs: number;
}

interface KeyRows {
  readonly waiting: Row[];
  readonly versions: Row[];
}

/** Waits for the watermark with all rows of a key, and forgets versions when a newer one is there. Rows come in order. */
class TemporalLoop implements HandLoop {
  count = 0;
  readonly #keys = new Map<Key, KeyRows>();
  #last: unknown;

  get last(): unknown {
    return this.#last;
  }

  element(key: Key, value: EventValue, timestampMs: number, side: 0 | 1): void {
    let rows = this.#keys.get(key);
    if (rows === undefined) this.#keys.set(key, (rows = { waiting: [], versions: [] }));
    (side === 0 ? rows.waiting : rows.versions).push({ value, timestampMs });
  }

  watermark(watermarkMs: number): void {
    for (const { waiting, versions } of this.#keys.values()) {
      let at = 0;
      let released = 0;
      for (; released < waiting.length && waiting[released]!.timestampMs <= watermarkMs; released++) {
        const row = waiting[released]!;
        while (at < versions.length && versions[at]!.timestampMs <= row.timestampMs) at++;
        this.#emit({ left: row.value, right: at === 0 ? undefined : versions[at - 1]!.value });
      }
      waiting.splice(0, released);
      while (at < versions.length && versions[at]!.timestampMs <= watermarkMs) at++;
      if (at > 1) versions.splice(0, at - 1);
    }
  }

  #emit(value: unknown): void {
    this.#last = value;
    this.count++;
  }
}

/** The newest row of each key. */
class LatestLoop implements HandLoop {
  count = 0;
  readonly #latest = new Map<Key, EventValue>();
  #last: unknown;

  get last(): unknown {
    return this.#last;
  }

  element(key: Key, value: EventValue, _timestampMs: number, side: 0 | 1): void {
    if (side === 1) {
      this.#latest.set(key, value);
      return;
    }
    this.#last = { left: value, right: this.#latest.get(key) };
    this.count++;
  }

  watermark(): void {}
}

/** One record in ten is a version. */
const sideOf = (i: number): 0 | 1 => (i % 10 === 9 ? 1 : 0);

await measureOperators([
  {
    name: 'temporal join, 1,000 keys, 10 % versions',
    create: () => new TemporalJoinOperator({ ...options, leftLateTag: undefined }),
    byHand: () => new TemporalLoop(),
    keyOf: thousandKeys,
    sideOf,
    note: 'About half: rows wait for the watermark in state that can be stored, and each key has its timer.',
  },
  {
    name: 'temporal join, 100,000 keys, 10 % versions',
    create: () => new TemporalJoinOperator({ ...options, leftLateTag: undefined }),
    byHand: () => new TemporalLoop(),
    keyOf: (_i, random) => Math.floor(random() * 100_000),
    sideOf,
    note: 'More rows wait than the decoded tier holds: pages are encoded and decoded again; and each key has its timer.',
  },
  {
    name: 'temporal join in processing time, 1,000 keys',
    create: () => new ProcessingTimeTemporalJoinOperator(options),
    byHand: () => new LatestLoop(),
    keyOf: thousandKeys,
    sideOf,
    note: 'The loop is one look into a map; what the engine adds is that of any keyed state, some 60 ns.',
  },
]);
