import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import { MAX_TIMESTAMP_MS } from '../../engine/time/timestamps.ts';
import type { AggregateFunction } from '../../operators/process/state-spec.ts';
import { CountTrigger } from '../../operators/window/count-trigger.ts';
import { createWindowOperator, type WindowAccumulation } from '../../operators/window/create-window-operator.ts';
import { countEvictor } from '../../operators/window/evictor.ts';
import { GlobalWindows } from '../../operators/window/global-windows.ts';
import { PurgingTrigger } from '../../operators/window/purging-trigger.ts';
import type { GlobalWindow } from '../../operators/window/window.ts';
import { array } from '../../state/schema/collections.ts';
import { record as recordSchema } from '../../state/schema/record.ts';
import { long, string } from '../../state/schema/scalars.ts';
import type { Infer } from '../../state/schema/schema.ts';
import { TEST_BACKENDS } from '../harness/operators/backends.ts';
import { keyedSteps } from './keyed-steps.ts';
import { RescaledHarness } from './rescaled-harness.ts';

/** An event is the numbers of the steps that went into it. */
const Event = recordSchema('Event', { key: string(), numbers: array(long()) });
type Event = Infer<typeof Event>;

const collect: AggregateFunction<Event, number[], Event> = {
  accumulatorSchema: array(long()),
  createAccumulator: () => [],
  // In place, which an accumulator may do.
  add(accumulator, { numbers }) {
    accumulator.push(...numbers);
    return accumulator;
  },
  merge: (a, b) => [...a, ...b],
  getResult: (accumulator) => ({ key: '', numbers: [...accumulator] }),
};

const ACCUMULATIONS: Readonly<Record<string, WindowAccumulation<Event, Event>>> = {
  aggregate: { kind: 'aggregate', aggregate: collect as AggregateFunction<Event, unknown, Event>, schema: Event },
  reduce: {
    kind: 'reduce',
    schema: Event,
    reduce: (a, b) => ({ key: a.key, numbers: [...a.numbers, ...b.numbers] }),
  },
  list: { kind: 'list', schema: Event },
};

function countWindow(size: number, slide: number | undefined, kind: string): StreamOperator<string> {
  return createWindowOperator<Event, Event, string, GlobalWindow>(
    {
      assigner: GlobalWindows.create(),
      trigger: (slide === undefined ? PurgingTrigger.of(CountTrigger.of(size)) : CountTrigger.of(slide)) as never,
      evictor: slide === undefined ? undefined : countEvictor<Event>(size),
      allowedLatenessMs: 0,
      lateTag: undefined,
    },
    ACCUMULATIONS[kind]!,
    {
      process: (key, _context, events, out) =>
        out.collect(`${String(key)}: ${events.flatMap(({ numbers }) => numbers).join(' ')}`),
    },
  );
}

for (const backend of TEST_BACKENDS) {
  test(`a window by count holds every so many records of a key, or its last ones (${backend.name})`, async () => {
    const sizes = fc.record({
      size: fc.integer({ min: 1, max: 5 }),
      slide: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    });
    const kinds = fc.constantFrom(...Object.keys(ACCUMULATIONS));
    await fc.assert(
      fc.asyncProperty(keyedSteps({ spreadMs: 30, advanceMaxMs: 20 }), sizes, kinds, async (steps, counts, kind) => {
        const { size, slide } = counts;
        const harness = await new RescaledHarness<Event, string>(
          () => countWindow(size, slide, kind),
          ({ key }) => key,
          backend,
        ).open();
        const seen = new Map<string, number[]>();
        for (const [number, step] of steps.entries()) {
          if (step.do === 'restore') await harness.restore(step.parallelism);
          if (step.do !== 'record') continue;
          const { key } = step;
          const numbers = seen.get(key) ?? [];
          seen.set(key, [...numbers, number]);
          harness.processElement({ key, numbers: [number] }, step.timestampMs);
          const isFull = (numbers.length + 1) % (slide ?? size) === 0;
          const expected = isFull ? [`${key}: ${[...numbers, number].slice(-size).join(' ')}`] : [];
          const found = harness.takeRecords();
          expect(found.map(({ value }) => value)).toEqual(expected);
          for (const { timestampMs } of found) expect(timestampMs).toBe(MAX_TIMESTAMP_MS);
        }
        await harness.close();
      }),
      { numRuns: 100 },
    );
  });
}
