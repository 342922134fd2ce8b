/**
 * Window operators beside loops over plain `Map`s: ns of CPU per record, driven as a task does.
 * Run: npm run bench -- operators/windows    Sizes: TIDEMARK_BENCH_EVENTS (1,000,000), tiny when TIDEMARK_BENCH=test
 */
import type { StreamOperator } from '../../../engine/task/stream-operator.ts';
import type { AggregateFunction } from '../../../operators/process/state-spec.ts';
import { createWindowOperator } from '../../../operators/window/create-window-operator.ts';
import { SlidingEventTimeWindows, TumblingEventTimeWindows } from '../../../operators/window/fixed-windows.ts';
import { EventTimeSessionWindows } from '../../../operators/window/session-windows.ts';
import type { TimeWindow } from '../../../operators/window/window.ts';
import type { WindowAssigner } from '../../../operators/window/window-assigner.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { long } from '../../../state/schema/scalars.ts';
import { auctionOf, bidderOf, type EventValue, thousandKeys } from './events.ts';
import { type HandLoop, measureOperators } from './measure-operator.ts';

const count: AggregateFunction<EventValue, number, number> = {
  accumulatorSchema: long(),
  createAccumulator: () => 0,
  add: (total) => total + 1,
  merge: (a, b) => a + b,
  getResult: (total) => total,
};

function counting(assigner: WindowAssigner<never, TimeWindow>): StreamOperator<unknown> {
  return createWindowOperator<EventValue, never, unknown, TimeWindow>(
    {
      assigner: assigner as unknown as WindowAssigner<EventValue, TimeWindow>,
      allowedLatenessMs: 0,
      lateTag: undefined,
    },
    { kind: 'aggregate', aggregate: count as never },
    undefined,
  );
}

/** Counts per window and key, with windows of `sizeMs` every `slideMs`. */
class FixedWindowLoop implements HandLoop {
  count = 0;
  readonly #sizeMs: number;
  readonly #slideMs: number;
  readonly #windows = new Map<number, Map<Key, number>>();

  #last: number | undefined;

  constructor(sizeMs: number, slideMs: number) {
    this.#sizeMs = sizeMs;
    this.#slideMs = slideMs;
  }

  get last(): number | undefined {
    return this.#last;
  }

  element(key: Key, _value: EventValue, timestampMs: number): void {
    const lastStart = timestampMs - (timestampMs % this.#slideMs);
    for (let start = lastStart; start > timestampMs - this.#sizeMs; start -= this.#slideMs) {
      let counts = this.#windows.get(start);
      if (counts === undefined) this.#windows.set(start, (counts = new Map()));
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }

  watermark(watermarkMs: number): void {
    for (const [start, counts] of this.#windows) {
      if (start + this.#sizeMs - 1 > watermarkMs) continue;
      for (const result of counts.values()) this.#emit(result);
      this.#windows.delete(start);
    }
  }

  #emit(result: number): void {
    this.#last = result;
    this.count++;
  }
}

/** Counts per session; records come in order of time, so only a key's last session is open. */
class SessionLoop implements HandLoop {
  count = 0;
  readonly #gapMs: number;
  readonly #sessions = new Map<Key, { endMs: number; count: number }[]>();

  constructor(gapMs: number) {
    this.#gapMs = gapMs;
  }

  element(key: Key, _value: EventValue, timestampMs: number): void {
    const sessions = this.#sessions.get(key);
    const last = sessions?.at(-1);
    if (last !== undefined && timestampMs <= last.endMs) {
      last.endMs = timestampMs + this.#gapMs;
      last.count++;
    } else {
      const session = { endMs: timestampMs + this.#gapMs, count: 1 };
      if (sessions === undefined) this.#sessions.set(key, [session]);
      else sessions.push(session);
    }
  }

  watermark(watermarkMs: number): void {
    for (const [key, sessions] of this.#sessions) {
      while (sessions.length > 0 && sessions[0]!.endMs - 1 <= watermarkMs) {
        sessions.shift();
        this.count++;
      }
      if (sessions.length === 0) this.#sessions.delete(key);
    }
  }
}

await measureOperators([
  {
    name: 'tumbling 10 s, count, 1,000 keys',
    create: () => counting(TumblingEventTimeWindows.of('10s') as never),
    byHand: () => new FixedWindowLoop(10_000, 10_000),
    keyOf: thousandKeys,
  },
  {
    name: 'sliding 10 s by 2 s, count, auctions',
    create: () => counting(SlidingEventTimeWindows.of('10s', '2s') as never),
    byHand: () => new FixedWindowLoop(10_000, 2_000),
    keyOf: auctionOf,
  },
  {
    name: 'session 10 s, count, bidders',
    create: () => counting(EventTimeSessionWindows.withGap('10s') as never),
    byHand: () => new SessionLoop(10_000),
    keyOf: bidderOf,
  },
]);
