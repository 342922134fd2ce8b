/**
 * Window joins and windows by count beside loops over plain `Map`s: ns of CPU per record, driven as a task does.
 * Run: npm run bench -- operators/window-joins    Sizes: TIDEMARK_BENCH_EVENTS (1,000,000), tiny when TIDEMARK_BENCH=test
 */
import { createCoGroupOperator } from '../../../operators/window/co-group-operator.ts';
import { CountTrigger } from '../../../operators/window/count-trigger.ts';
import { createWindowOperator } from '../../../operators/window/create-window-operator.ts';
import { TumblingEventTimeWindows } from '../../../operators/window/fixed-windows.ts';
import { GlobalWindows } from '../../../operators/window/global-windows.ts';
import { PurgingTrigger } from '../../../operators/window/purging-trigger.ts';
import type { GlobalWindow, TimeWindow } from '../../../operators/window/window.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { Event, type EventValue, impressionOf, isClick, thousandKeys } from './events.ts';
import { type HandLoop, measureOperators } from './measure-operator.ts';

const SIZE_MS = 1000;

interface Group {
  readonly left: EventValue[];
  readonly right: EventValue[];
}

/** Joins the rows of each window and key when the window is over. */
class WindowJoinLoop implements HandLoop {
  count = 0;
  readonly #windows = new Map<number, Map<Key, Group>>();
  #last: unknown;

  get last(): unknown {
    return this.#last;
  }

  element(key: Key, value: EventValue, timestampMs: number, side: 0 | 1): void {
    const start = timestampMs - (timestampMs % SIZE_MS);
    let groups = this.#windows.get(start);
    if (groups === undefined) this.#windows.set(start, (groups = new Map()));
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { left: [], right: [] }));
    (side === 0 ? group.left : group.right).push(value);
  }

  watermark(watermarkMs: number): void {
    for (const [start, groups] of this.#windows) {
      if (start + SIZE_MS - 1 > watermarkMs) continue;
      for (const { left, right } of groups.values())
        for (const l of left) for (const r of right) this.#emit({ left: l, right: r });
      this.#windows.delete(start);
    }
  }

  #emit(value: unknown): void {
    this.#last = value;
    this.count++;
  }
}

/** Counts to ten. */
class CountWindowLoop implements HandLoop {
  count = 0;
  readonly #sums = new Map<Key, { count: number; sum: number }>();
  #last: unknown;

  get last(): unknown {
    return this.#last;
  }

  element(key: Key, value: EventValue): void {
    let sums = this.#sums.get(key);
    if (sums === undefined) this.#sums.set(key, (sums = { count: 0, sum: 0 }));
    sums.count++;
    sums.sum += value.user;
    if (sums.count < 10) return;
    this.#last = sums.sum;
    this.count++;
    this.#sums.delete(key);
  }

  watermark(): void {}
}

const joined = () =>
  createCoGroupOperator<EventValue, EventValue, unknown, TimeWindow>({
    assigner: TumblingEventTimeWindows.of(SIZE_MS),
    allowedLatenessMs: 0,
    leftSchema: Event,
    rightSchema: Event,
    logic: {
      process(_key, _context, groups, out) {
        const { left, right } = groups[0]!;
        for (const l of left) for (const r of right) out.collect({ left: l, right: r });
      },
    },
  });

const NOTE =
  'Each window and side is a list of its own, which may outgrow memory; each record passes assigner, trigger and timers.';

await measureOperators([
  {
    name: 'window join 1 s, 1,000 keys, one in ten right',
    create: joined,
    byHand: () => new WindowJoinLoop(),
    keyOf: thousandKeys,
    sideOf: (i) => (i % 10 === 9 ? 1 : 0),
    note: NOTE,
  },
  {
    name: 'window join 1 s, one impression a key, 5 % clicks',
    create: joined,
    byHand: () => new WindowJoinLoop(),
    keyOf: impressionOf,
    sideOf: (i) => (isClick(i) ? 1 : 0),
    note: NOTE,
  },
  {
    name: 'count window of 10, reduce, 1,000 keys',
    create: () =>
      createWindowOperator<EventValue, EventValue, unknown, GlobalWindow>(
        {
          assigner: GlobalWindows.create(),
          trigger: PurgingTrigger.of(CountTrigger.of(10)) as never,
          allowedLatenessMs: 0,
          lateTag: undefined,
        },
        { kind: 'reduce', schema: Event, reduce: (a, b) => ({ id: a.id, user: a.user + b.user, at: b.at }) },
        undefined,
      ),
    byHand: () => new CountWindowLoop(),
    keyOf: thousandKeys,
    note: 'The loop is one look into a map; what the engine adds is that of any keyed state, some 60 ns.',
  },
]);
