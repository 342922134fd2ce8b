import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Collector } from '../../operators/process/collector.ts';
import { defineProcess } from '../../operators/process/define-process.ts';
import { ProcessOperator } from '../../operators/process/process-operator.ts';
import { listState, mapState, reducingState, valueState } from '../../operators/process/state-spec.ts';
import type { Key } from '../../state/keyed/key.ts';
import { long, string } from '../../state/schema/scalars.ts';
import { TEST_BACKENDS } from '../harness/operators/backends.ts';
import { RescaledHarness } from './rescaled-harness.ts';

/** What a record asks for: timers relative to the clock of their domain, and a change of every state. */
interface Command {
  readonly key: string;
  readonly value: number;
  readonly timers: readonly { readonly isEventTime: boolean; readonly isDelete: boolean; readonly inMs: number }[];
}

type Step =
  | { readonly do: 'record'; readonly command: Command }
  | { readonly do: 'watermark'; readonly byMs: number }
  | { readonly do: 'clock'; readonly byMs: number }
  | { readonly do: 'restore'; readonly parallelism: number };

const STATES = {
  last: valueState(long()),
  values: listState(long()),
  counts: mapState(string(), long()),
  total: reducingState(long(), (a, b) => a + b),
};

/** Keeps every kind of state, and answers each record and timer with all of it. A timer sets another one twice as far. */
const tested = defineProcess({
  uid: 'tested',
  state: STATES,
  processElement({ value, timers }: Command, context, out: Collector<string>) {
    const { state } = context;
    if (value === 0) {
      state.last.clear();
      state.values.clear();
      state.counts.clear();
      state.total.clear();
    } else {
      state.last.update(value);
      state.values.add(value);
      state.counts.set(`v${value}`, (state.counts.get(`v${value}`) ?? 0) + 1);
      state.total.add(value);
    }
    for (const { isEventTime, isDelete, inMs } of timers) {
      const atMs = (isEventTime ? context.currentWatermark : context.currentProcessingTime) + inMs;
      const verb = isDelete ? 'delete' : 'register';
      if (isEventTime) context.timers[`${verb}EventTimeTimer`](atMs);
      else context.timers[`${verb}ProcessingTimeTimer`](atMs);
    }
    out.collect(
      describe(
        context.currentKey,
        state.last.value(),
        state.values.get(),
        [...state.counts.entries()],
        state.total.get(),
      ),
    );
  },
  onTimer(timestampMs, context, out: Collector<string>) {
    const { state } = context;
    const states = describe(
      context.currentKey,
      state.last.value(),
      state.values.get(),
      [...state.counts.entries()],
      state.total.get(),
    );
    out.collect(`${context.timeDomain} ${timestampMs} ${states}`);
    state.total.add(1);
    if (timestampMs % 3 !== 0 || timestampMs > FOLLOW_UNTIL_MS) return;
    if (context.timeDomain === 'eventTime') context.timers.registerEventTimeTimer(timestampMs + 2);
    else context.timers.registerProcessingTimeTimer(timestampMs + 2);
  },
});

const FOLLOW_UNTIL_MS = 10_000;

function describe(
  key: Key,
  last: unknown,
  values: readonly number[],
  counts: readonly [string, number][],
  total: unknown,
): string {
  return JSON.stringify([key, last ?? null, values, counts.toSorted(([a], [b]) => (a < b ? -1 : 1)), total ?? null]);
}

/** The same, with plain variables and one list of timers that is searched from the start each time. */
class Model {
  readonly #keys = new Map<
    string,
    { last?: number | undefined; values: number[]; counts: Map<string, number>; total?: number | undefined }
  >();
  readonly #timers: { readonly key: string; readonly isEventTime: boolean; readonly atMs: number }[] = [];
  watermarkMs = 1000;
  nowMs = 0;

  record({ key, value, timers }: Command): string {
    const state = this.#stateOf(key);
    if (value === 0) this.#keys.set(key, { values: [], counts: new Map() });
    else {
      state.last = value;
      state.values.push(value);
      state.counts.set(`v${value}`, (state.counts.get(`v${value}`) ?? 0) + 1);
      state.total = (state.total ?? 0) + value;
    }
    for (const { isEventTime, isDelete, inMs } of timers) {
      this.#setTimer({ key, isEventTime, atMs: (isEventTime ? this.watermarkMs : this.nowMs) + inMs }, isDelete);
    }
    return this.#describe(key);
  }

  /** Everything due, in order of time; timers of equal time may come in any order, so each time's results are a set. */
  fire(isEventTime: boolean): string[] {
    const untilMs = isEventTime ? this.watermarkMs : this.nowMs;
    const results: string[] = [];
    for (;;) {
      const due = this.#timers.filter((timer) => timer.isEventTime === isEventTime && timer.atMs <= untilMs);
      const next = due.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) return results;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      results.push(`${isEventTime ? 'eventTime' : 'processingTime'} ${next.atMs} ${this.#describe(next.key)}`);
      const state = this.#stateOf(next.key);
      state.total = (state.total ?? 0) + 1;
      if (next.atMs % 3 === 0 && next.atMs <= FOLLOW_UNTIL_MS) this.#setTimer({ ...next, atMs: next.atMs + 2 }, false);
    }
  }

  #setTimer(timer: { key: string; isEventTime: boolean; atMs: number }, isDelete: boolean): void {
    const at = this.#timers.findIndex(
      (other) => other.key === timer.key && other.isEventTime === timer.isEventTime && other.atMs === timer.atMs,
    );
    if (isDelete && at >= 0) this.#timers.splice(at, 1);
    if (!isDelete && at < 0) this.#timers.push(timer);
  }

  #stateOf(key: string) {
    let state = this.#keys.get(key);
    if (state === undefined) {
      state = { values: [], counts: new Map() };
      this.#keys.set(key, state);
    }
    return state;
  }

  #describe(key: string): string {
    const { last, values, counts, total } = this.#stateOf(key);
    return describe(key, last, values, [...counts], total);
  }
}

const command = fc.record({
  key: fc.constantFrom('a', 'b', 'c'),
  value: fc.integer({ min: 0, max: 5 }),
  timers: fc.array(
    fc.record({
      isEventTime: fc.boolean(),
      isDelete: fc.boolean().map((isDelete) => isDelete),
      inMs: fc.integer({ min: -3, max: 20 }),
    }),
    { maxLength: 3 },
  ),
});

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: command.map((it): Step => ({ do: 'record', command: it })) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 12 }).map((byMs): Step => ({ do: 'watermark', byMs })) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 12 }).map((byMs): Step => ({ do: 'clock', byMs })) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }).map((parallelism): Step => ({ do: 'restore', parallelism })) },
);

for (const backend of TEST_BACKENDS) {
  test(`state and timers of a keyed function are those of a plain model, restores included (${backend.name})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 50, size: 'max' }), async (steps) => {
        const model = new Model();
        const harness = await new RescaledHarness<Command, string>(
          () => new ProcessOperator(tested as never),
          (it) => it.key,
          backend,
        ).open();
        let isParallel = false;
        await harness.processWatermark(model.watermarkMs);
        for (const step of steps) {
          let expected: string[] = [];
          if (step.do === 'record') {
            harness.processElement(step.command);
            expected = [model.record(step.command)];
          } else if (step.do === 'watermark') {
            model.watermarkMs += step.byMs;
            await harness.processWatermark(model.watermarkMs);
            expected = model.fire(true);
          } else if (step.do === 'clock') {
            model.nowMs += step.byMs;
            await harness.setProcessingTime(model.nowMs);
            expected = model.fire(false);
          } else {
            await harness.restore(step.parallelism);
            isParallel = step.parallelism > 1;
            await harness.processWatermark(model.watermarkMs);
            // Timers that were registered for the past fire with the next watermark, which this is.
            expected = model.fire(true);
          }
          const found = harness.takeRecords().map(({ value }) => value);
          if (!isParallel) expect(timesOf(found)).toEqual(timesOf(expected));
          expect(found.toSorted()).toEqual(expected.toSorted());
        }
        await harness.close();
      }),
      { numRuns: 150 },
    );
  });
}

/** `domain time` of timer results, in order. */
function timesOf(results: readonly string[]): string[] {
  return results.map((result) => (result.startsWith('[') ? '' : result.split(' ').slice(0, 2).join(' ')));
}
