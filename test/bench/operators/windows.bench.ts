/**
 * Window operators beside loops over plain `Map`s: ns of CPU per record, driven as a task does.
 * Run: npm run bench -- operators/windows    Sizes: TIDEMARK_BENCH_EVENTS (1,000,000), tiny when TIDEMARK_BENCH=test
 */
import type { StreamOperator } from '../../../engine/task/stream-operator.ts';
import type { AggregateFunction } from '../../../operators/process/state-spec.ts';
import { CountTrigger } from '../../../operators/window/count-trigger.ts';
import { createWindowOperator, type WindowAccumulation } from '../../../operators/window/create-window-operator.ts';
import { countEvictor, type Evictor } from '../../../operators/window/evictor.ts';
import { SlidingEventTimeWindows, TumblingEventTimeWindows } from '../../../operators/window/fixed-windows.ts';
import { EventTimeSessionWindows } from '../../../operators/window/session-windows.ts';
import type { Trigger } from '../../../operators/window/trigger.ts';
import type { TimeWindow } from '../../../operators/window/window.ts';
import type { WindowAssigner } from '../../../operators/window/window-assigner.ts';
import type { WindowLogic } from '../../../operators/window/window-function.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { long } from '../../../state/schema/scalars.ts';
import { auctionOf, bidderOf, Event, type EventValue, thousandKeys } from './events.ts';
import { type HandLoop, measureOperators } from './measure-operator.ts';

const count: AggregateFunction<EventValue, number, number> = {
  accumulatorSchema: long(),
  createAccumulator: () => 0,
  add: (total) => total + 1,
  merge: (a, b) => a + b,
  getResult: (total) => total,
};

interface WindowParts {
  readonly trigger?: Trigger<EventValue, TimeWindow> | undefined;
  readonly evictor?: Evictor<EventValue, TimeWindow> | undefined;
}

function windowing(
  assigner: WindowAssigner<never, TimeWindow>,
  accumulation: WindowAccumulation<EventValue, unknown>,
  { trigger, evictor }: WindowParts = {},
): StreamOperator<unknown> {
  const counting: WindowLogic<Key, unknown, unknown, TimeWindow> = {
    process: (_key, _context, elements, out) => out.collect(elements.length),
  };
  return createWindowOperator<EventValue, unknown, unknown, TimeWindow>(
    {
      assigner: assigner as unknown as WindowAssigner<EventValue, TimeWindow>,
      trigger,
      evictor,
      allowedLatenessMs: 0,
      lateTag: undefined,
    },
    accumulation,
    accumulation.kind === 'list' ? counting : undefined,
  );
}

const COUNT: WindowAccumulation<EventValue, unknown> = { kind: 'aggregate', aggregate: count as never };
const LIST: WindowAccumulation<EventValue, unknown> = { kind: 'list', schema: Event };
/** The latest event. */
const LATEST: WindowAccumulation<EventValue, unknown> = { kind: 'reduce', schema: Event, reduce: (_, event) => event };

const counting = (assigner: WindowAssigner<never, TimeWindow>): StreamOperator<unknown> => windowing(assigner, COUNT);

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

/** What windows of 10 s hold of each key, as `add` puts it there; a result per key and window. */
class TumblingLoop<T> implements HandLoop {
  count = 0;
  last: unknown = undefined;
  readonly #add: (held: T | undefined, value: EventValue) => T;
  readonly #result: (held: T) => unknown;
  readonly #windows = new Map<number, Map<Key, T>>();

  constructor(add: (held: T | undefined, value: EventValue) => T, result: (held: T) => unknown) {
    this.#add = add;
    this.#result = result;
  }

  element(key: Key, value: EventValue, timestampMs: number): void {
    const start = timestampMs - (timestampMs % 10_000);
    let window = this.#windows.get(start);
    if (window === undefined) this.#windows.set(start, (window = new Map()));
    window.set(key, this.#add(window.get(key), value));
  }

  watermark(watermarkMs: number): void {
    for (const [start, window] of this.#windows) {
      if (start + 9_999 > watermarkMs) continue;
      for (const held of window.values()) {
        this.last = this.#result(held);
        this.count++;
      }
      this.#windows.delete(start);
    }
  }
}

function appended(held: EventValue[] | undefined, value: EventValue): EventValue[] {
  if (held === undefined) return [value];
  held.push(value);
  return held;
}

/** Counts a key's records of a window and gives every tenth count. */
class CountLoop implements HandLoop {
  count = 0;
  last: unknown = undefined;
  readonly #windows = new Map<number, Map<Key, number>>();

  element(key: Key, _value: EventValue, timestampMs: number): void {
    const start = timestampMs - (timestampMs % 10_000);
    let window = this.#windows.get(start);
    if (window === undefined) this.#windows.set(start, (window = new Map()));
    const counted = (window.get(key) ?? 0) + 1;
    window.set(key, counted);
    if (counted % 10 !== 0) return;
    this.last = counted;
    this.count++;
  }

  watermark(watermarkMs: number): void {
    for (const start of this.#windows.keys()) if (start + 9_999 <= watermarkMs) this.#windows.delete(start);
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

const tumbling = TumblingEventTimeWindows.of('10s') as never;

await measureOperators([
  {
    name: 'tumbling 10 s, count, 1,000 keys',
    create: () => counting(TumblingEventTimeWindows.of('10s') as never),
    byHand: () => new FixedWindowLoop(10_000, 10_000),
    keyOf: thousandKeys,
    note: 'About half: the loop has no page to find for a key, and nothing to write back.',
  },
  {
    name: 'sliding 10 s by 2 s, count, auctions',
    create: () => counting(SlidingEventTimeWindows.of('10s', '2s') as never),
    byHand: () => new FixedWindowLoop(10_000, 2_000),
    keyOf: auctionOf,
    note: 'A result for every third record: each merges five slices and sets the next timer, where the loop counts five times.',
  },
  {
    name: 'session 10 s, count, bidders',
    create: () => counting(EventTimeSessionWindows.withGap('10s') as never),
    byHand: () => new SessionLoop(10_000),
    keyOf: bidderOf,
    note: 'Sessions are a sorted list that late records may enter; the loop only looks at the last one.',
  },
  {
    name: 'tumbling 10 s, reduce to the latest, 1,000 keys',
    create: () => windowing(tumbling, LATEST),
    byHand: () =>
      new TumblingLoop<EventValue>(
        (_, value) => value,
        (value) => value,
      ),
    keyOf: thousandKeys,
    note: 'About half, as the count: it pays for the same page look-up and write-back, and for nothing else.',
  },
  {
    name: 'tumbling 10 s, all records in a list, 1,000 keys',
    create: () => windowing(tumbling, LIST),
    byHand: () => new TumblingLoop(appended, (events) => events.length),
    keyOf: thousandKeys,
    note: 'The engine counts bytes and cuts long lists into parts; the loop pushes to an array without bounds.',
  },
  {
    name: 'tumbling 10 s, evict all but 10, 1,000 keys',
    create: () => windowing(tumbling, LIST, { evictor: countEvictor(10) }),
    byHand: () => new TumblingLoop(appended, (events) => events.slice(-10).length),
    keyOf: thousandKeys,
    note: 'Each record is kept with its timestamp, in an object of its own.',
  },
  {
    name: 'tumbling 10 s, count, every 10th record fires',
    create: () => windowing(tumbling, COUNT, { trigger: CountTrigger.of(10) as never }),
    byHand: () => new CountLoop(),
    keyOf: thousandKeys,
    note: 'The trigger keeps a count of its own beside the contents: twice the state accesses.',
  },
]);
