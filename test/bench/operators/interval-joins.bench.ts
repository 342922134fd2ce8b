/**
 * Interval joins beside loops over plain `Map`s: ns of CPU per record, driven as a task does.
 * Run: npm run bench -- operators/interval    Sizes: TIDEMARK_BENCH_EVENTS (1,000,000), tiny when TIDEMARK_BENCH=test
 */
import { IntervalJoinOperator } from '../../../operators/join/interval-join-operator.ts';
import { OuterIntervalJoinOperator } from '../../../operators/join/outer-interval-join-operator.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { Event, type EventValue, impressionOf, isClick } from './events.ts';
import { type HandLoop, measureOperators } from './measure-operator.ts';

const UPPER_MS = 10_000;

const pair = {
  processElement: (left: unknown, right: unknown, _context: unknown, out: { collect(value: unknown): void }) =>
    out.collect({ left, right }),
};
const interval = { lowerMs: 0, upperMs: UPPER_MS, leftSchema: Event, rightSchema: Event, logic: pair as never };

interface Row {
  readonly value: EventValue;
  readonly timestampMs: number;
  isMatched: boolean;
}

/** Buffers both sides by key, looks for partners in the interval, and clears by a queue in order of time. */
class IntervalLoop implements HandLoop {
  count = 0;
  readonly #isOuter: boolean;
  readonly #buffers: readonly [Map<Key, Row[]>, Map<Key, Row[]>] = [new Map(), new Map()];
  readonly #queues: readonly [(readonly [number, Key])[], (readonly [number, Key])[]] = [[], []];
  #last: unknown;

  constructor(isOuter: boolean) {
    this.#isOuter = isOuter;
  }

  get last(): unknown {
    return this.#last;
  }

  element(key: Key, value: EventValue, timestampMs: number, side: 0 | 1): void {
    const row: Row = { value, timestampMs, isMatched: false };
    for (const other of this.#buffers[side === 0 ? 1 : 0].get(key) ?? []) {
      const distanceMs = side === 0 ? other.timestampMs - timestampMs : timestampMs - other.timestampMs;
      if (distanceMs < 0 || distanceMs > UPPER_MS) continue;
      other.isMatched = true;
      row.isMatched = true;
      this.#emit(side === 0 ? { left: value, right: other.value } : { left: other.value, right: value });
    }
    const rows = this.#buffers[side].get(key);
    if (rows === undefined) this.#buffers[side].set(key, [row]);
    else rows.push(row);
    this.#queues[side].push([timestampMs + (side === 0 ? UPPER_MS : 0), key]);
  }

  watermark(watermarkMs: number): void {
    for (const side of [0, 1] as const) {
      const queue = this.#queues[side];
      let taken = 0;
      for (; taken < queue.length && queue[taken]![0] < watermarkMs; taken++) {
        const key = queue[taken]![1];
        const rows = this.#buffers[side].get(key)!;
        const row = rows.shift()!;
        if (rows.length === 0) this.#buffers[side].delete(key);
        if (this.#isOuter && side === 0 && !row.isMatched) this.#emit({ left: row.value, right: undefined });
      }
      queue.splice(0, taken);
    }
  }

  #emit(value: unknown): void {
    this.#last = value;
    this.count++;
  }
}

const sideOf = (i: number): 0 | 1 => (isClick(i) ? 1 : 0);

await measureOperators([
  {
    name: 'interval join, one impression a key, 5 % clicks',
    create: () => new IntervalJoinOperator({ ...interval, leftLateTag: undefined, rightLateTag: undefined }),
    byHand: () => new IntervalLoop(false),
    keyOf: impressionOf,
    sideOf,
  },
  {
    name: 'left outer interval join, the same',
    create: () =>
      new OuterIntervalJoinOperator({
        ...interval,
        joinType: 'left',
        allowedLatenessMs: 0,
        cleanupIntervalMs: 0,
        isPrompt: true,
        watermarkDelayMs: UPPER_MS + 1,
        emitUnmatched: 'final',
      }),
    byHand: () => new IntervalLoop(true),
    keyOf: impressionOf,
    sideOf,
    note: 'About half: every impression is a key of its own, whose page is made, given a timer, found again and dropped.',
  },
]);
