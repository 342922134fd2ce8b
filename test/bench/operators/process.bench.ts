/**
 * Keyed process functions and reduce beside loops over plain `Map`s: ns of CPU per record, driven as a task does.
 * Run: npm run bench -- operators/process    Sizes: TIDEMARK_BENCH_EVENTS (1,000,000), tiny when TIDEMARK_BENCH=test
 */
import { CoProcessOperator } from '../../../operators/process/co-process-operator.ts';
import type { Collector } from '../../../operators/process/collector.ts';
import { defineCoProcess, defineProcess } from '../../../operators/process/define-process.ts';
import { ProcessOperator } from '../../../operators/process/process-operator.ts';
import { ReduceOperator } from '../../../operators/process/reduce-operator.ts';
import { valueState } from '../../../operators/process/state-spec.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { long } from '../../../state/schema/scalars.ts';
import { Event, type EventValue, impressionOf, isClick, thousandKeys } from './events.ts';
import { type HandLoop, measureOperators } from './measure-operator.ts';

const TIMEOUT_MS = 10_000;

const counting = defineProcess({
  uid: 'count',
  state: { count: valueState(long()) },
  processElement(_value: EventValue, { state }, out: Collector<number>) {
    const count = (state.count.value() ?? 0) + 1;
    state.count.update(count);
    out.collect(count);
  },
});

/** Keeps the first side's record until the second side's comes, or for ten seconds. */
const matching = defineCoProcess({
  uid: 'match',
  state: { since: valueState(long()) },
  processElement1(value: EventValue, { state, timers }) {
    if (state.since.value() !== undefined) return;
    state.since.update(value.at);
    timers.registerEventTimeTimer(value.at + TIMEOUT_MS);
  },
  processElement2(value: EventValue, { state, timers }, out: Collector<number>) {
    const since = state.since.value();
    if (since === undefined) return;
    timers.deleteEventTimeTimer(since + TIMEOUT_MS);
    state.since.clear();
    out.collect(value.at - since);
  },
  onTimer(_timestampMs, { state }) {
    state.since.clear();
  },
});

abstract class EmittingLoop implements HandLoop {
  count = 0;
  #last: unknown;

  get last(): unknown {
    return this.#last;
  }

  abstract element(key: Key, value: EventValue, timestampMs: number, side: 0 | 1): void;
  watermark(_watermarkMs: number): void {}

  protected emit(value: unknown): void {
    this.#last = value;
    this.count++;
  }
}

class CountLoop extends EmittingLoop {
  readonly #counts = new Map<Key, number>();

  element(key: Key): void {
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    this.emit(count);
  }
}

class LatestLoop extends EmittingLoop {
  readonly #latest = new Map<Key, EventValue>();

  element(key: Key, value: EventValue): void {
    this.#latest.set(key, value);
    this.emit(value);
  }
}

class MatchLoop extends EmittingLoop {
  readonly #since = new Map<Key, number>();
  readonly #queue: (readonly [number, Key])[] = [];

  element(key: Key, value: EventValue, _timestampMs: number, side: 0 | 1): void {
    const since = this.#since.get(key);
    if (side === 0) {
      if (since !== undefined) return;
      this.#since.set(key, value.at);
      this.#queue.push([value.at, key]);
    } else if (since !== undefined) {
      this.#since.delete(key);
      this.emit(value.at - since);
    }
  }

  override watermark(watermarkMs: number): void {
    let taken = 0;
    for (; taken < this.#queue.length && this.#queue[taken]![0] + TIMEOUT_MS <= watermarkMs; taken++) {
      const [at, key] = this.#queue[taken]!;
      if (this.#since.get(key) === at) this.#since.delete(key);
    }
    this.#queue.splice(0, taken);
  }
}

await measureOperators([
  {
    name: 'process, count in a value state, 1,000 keys',
    create: () => new ProcessOperator(counting as never),
    byHand: () => new CountLoop(),
    keyOf: thousandKeys,
  },
  {
    name: 'reduce to the latest, 1,000 keys',
    create: () => new ReduceOperator<EventValue>((_first, second) => second, Event),
    byHand: () => new LatestLoop(),
    keyOf: thousandKeys,
    note: 'About half: the loop has no page to find for a key, and nothing to write back.',
  },
  {
    name: 'co-process with a timer, one impression a key, 5 % clicks',
    create: () => new CoProcessOperator(matching as never),
    byHand: () => new MatchLoop(),
    keyOf: impressionOf,
    sideOf: (i) => (isClick(i) ? 1 : 0),
    note: 'About half: every impression is a key of its own, whose page is made, given a timer, found again and dropped.',
  },
]);
