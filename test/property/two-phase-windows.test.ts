import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OutputTag } from '../../engine/task/output-tag.ts';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import { StatusWatermarkValve } from '../../engine/time/status-watermark-valve.ts';
import type { OperatorNode } from '../../engine/graph/stream-graph.ts';
import { keyOfPartial } from '../../operators/aggregate/partial-group.ts';
import type { SlicePartial } from '../../operators/aggregate/slice-partial.ts';
import type { AggregateFunction } from '../../operators/process/state-spec.ts';
import { StreamExecutionEnvironment } from '../../operators/stream-execution-environment.ts';
import { SlidingEventTimeWindows } from '../../operators/window/fixed-windows.ts';
import { array } from '../../state/schema/collections.ts';
import { long } from '../../state/schema/scalars.ts';
import { TEST_BACKENDS, type TestBackendKind } from '../harness/operators/backends.ts';
import { oneInputHarness, type OperatorHarness } from '../harness/operators/operator-harness.ts';
import { isRecord, type RecordElement } from '../harness/operators/stream-elements.ts';
import { RescaledHarness } from './rescaled-harness.ts';

/*
 * Windows in two phases beside the same in one: two producers with watermarks of their own, one of which may be idle, an
 * operator of both phases each, and every step compared. The one-phase operator has a brute-force oracle in windows.test.ts.
 */

interface Event {
  readonly key: string;
  readonly value: number;
}

type Result = readonly [key: string, values: readonly number[]];

const LATE = new OutputTag<Event>('late');

const collectValues: AggregateFunction<Event, number[], number[]> = {
  accumulatorSchema: array(long()),
  createAccumulator: () => [],
  add(accumulator, { value }) {
    accumulator.push(value);
    return accumulator;
  },
  merge(a, b) {
    a.push(...b);
    return a;
  },
  getResult: (accumulator) => accumulator.toSorted((a, b) => a - b),
};

interface Windows {
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
  readonly latenessMs: number;
  readonly hasSideOutput: boolean;
}

/** The operators of the windows, as a job declares them. */
function operatorsOf(windows: Windows, twoPhase: boolean): (() => StreamOperator<never>)[] {
  const env = new StreamExecutionEnvironment();
  const { sizeMs, slideMs, offsetMs, latenessMs, hasSideOutput } = windows;
  const windowed = env
    .fromCollection<Event>([], 'events')
    .keyBy((event) => event.key)
    .window(SlidingEventTimeWindows.of(sizeMs, slideMs, { offset: offsetMs }))
    .allowedLateness(latenessMs);
  (hasSideOutput ? windowed.sideOutputLateData(LATE) : windowed).aggregate(
    collectValues,
    { process: (key, _context, [values], out) => out.collect([key, values]) },
    { uid: 'windows', twoPhase },
  );
  const nodes = env.streamGraph().nodes.filter((node): node is OperatorNode => node.kind === 'operator');
  return nodes.map(({ factory }) => factory as () => StreamOperator<never>);
}

type Step =
  | { readonly do: 'record'; readonly channel: number; readonly event: Event; readonly offsetMs: number }
  | { readonly do: 'advance'; readonly channel: number; readonly byMs: number }
  | { readonly do: 'idle'; readonly channel: number }
  /** Without `watermarks` the next ones are those of the steps behind. */
  | { readonly do: 'restore'; readonly parallelism: number; readonly watermarks: boolean };

const channel = fc.integer({ min: 0, max: 1 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('record' as const),
      channel,
      event: fc.record({ key: fc.constantFrom('a', 'a', 'b', 'c'), value: fc.integer({ min: 1, max: 9 }) }),
      offsetMs: fc.integer({ min: -40, max: 40 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('advance' as const), channel, byMs: fc.integer({ min: 1, max: 25 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('idle' as const), channel }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('restore' as const),
      parallelism: fc.integer({ min: 1, max: 3 }),
      watermarks: fc.boolean(),
    }),
  },
);

const anyWindows: fc.Arbitrary<Windows> = fc
  .record({
    slideMs: fc.integer({ min: 1, max: 20 }),
    extraMs: fc.integer({ min: 0, max: 30 }),
    offsetPermille: fc.integer({ min: 0, max: 999 }),
    isTumbling: fc.boolean(),
    latenessMs: fc.constantFrom(0, 0, 7, 25),
    hasSideOutput: fc.boolean(),
  })
  .map(({ slideMs, extraMs, offsetPermille, isTumbling, latenessMs, hasSideOutput }) => ({
    sizeMs: isTumbling ? slideMs : slideMs + extraMs,
    slideMs,
    offsetMs: Math.floor((offsetPermille * slideMs) / 1000),
    latenessMs,
    hasSideOutput,
  }));

/** Both ways, fed with the same. */
class BothWays {
  readonly one: RescaledHarness<Event, Result>;
  readonly two: RescaledHarness<SlicePartial<Event, number[]>, Result>;
  readonly #createLocal: () => StreamOperator<SlicePartial<Event, number[]>>;
  readonly #locals: OperatorHarness<SlicePartial<Event, number[]>>[] = [];
  readonly #watermarksMs: number[] = [];
  #valve = this.#newValve();

  constructor(windows: Windows, backend: TestBackendKind) {
    const [onePhase] = operatorsOf(windows, false);
    const [local, global] = operatorsOf(windows, true);
    this.one = new RescaledHarness(onePhase!, (event) => event.key, backend);
    this.two = new RescaledHarness(global!, keyOfPartial, backend);
    this.#createLocal = local as never;
  }

  async open(): Promise<this> {
    await this.one.open();
    await this.two.open();
    for (let i = 0; i < 2; i++) this.#locals.push(await oneInputHarness(this.#createLocal));
    return this;
  }

  async record(channelIndex: number, event: Event, timestampMs: number): Promise<void> {
    await this.status(channelIndex, 'active');
    this.one.processElement(event, timestampMs);
    const local = this.#locals[channelIndex]!;
    // As the source that the local phase is chained to keys it.
    local.processElement(event, timestampMs);
    this.#pass();
  }

  async watermark(channelIndex: number, watermarkMs: number): Promise<void> {
    await this.status(channelIndex, 'active');
    await this.#locals[channelIndex]!.processWatermark(watermarkMs);
    this.#pass();
    this.#valve.inputWatermark(channelIndex, watermarkMs);
    await this.#passWatermarks();
  }

  async status(channelIndex: number, status: 'active' | 'idle'): Promise<void> {
    await this.#locals[channelIndex]!.processWatermarkStatus(status);
    this.#pass();
    this.#valve.inputStatus(channelIndex, status === 'idle');
    await this.#passWatermarks();
  }

  async restore(parallelism: number): Promise<void> {
    for (const local of this.#locals) {
      const snapshot = await local.snapshot();
      this.#pass();
      await local.initializeState(snapshot);
    }
    await this.one.restore(parallelism);
    await this.two.restore(parallelism);
    this.#valve = this.#newValve();
  }

  async close(): Promise<void> {
    for (const local of this.#locals) await local.close();
    await this.one.close();
    await this.two.close();
  }

  #newValve(): StatusWatermarkValve {
    return new StatusWatermarkValve(2, {
      emitWatermark: (watermarkMs) => void this.#watermarksMs.push(watermarkMs),
      emitStatus: () => {},
    });
  }

  async #passWatermarks(): Promise<void> {
    for (const watermarkMs of this.#watermarksMs.splice(0)) {
      await this.one.processWatermark(watermarkMs);
      await this.two.processWatermark(watermarkMs);
    }
  }

  #pass(): void {
    for (const local of this.#locals) {
      for (const element of local.takeOutput()) {
        if (isRecord(element)) this.two.processElement(element.value, element.timestampMs);
      }
    }
  }
}

const sorted = (records: readonly RecordElement<unknown>[]): string[] =>
  records.map((record) => JSON.stringify(record)).toSorted();

for (const backend of TEST_BACKENDS) {
  test(`windows in two phases give at every step what one phase gives (${backend.name})`, async () => {
    let partials = 0;
    await fc.assert(
      fc.asyncProperty(
        anyWindows,
        fc.array(anyStep, { minLength: 10, maxLength: 60, size: 'max' }),
        async (windows, steps) => {
          const both = await new BothWays(windows, backend).open();
          const watermarksMs = [1000, 1000];
          const compare = (): void => {
            expect(sorted(both.two.takeRecords())).toEqual(sorted(both.one.takeRecords()));
            expect(sorted(both.two.takeSideOutput(LATE))).toEqual(sorted(both.one.takeSideOutput(LATE)));
          };
          for (const i of [0, 1]) await both.watermark(i, watermarksMs[i]!);
          for (const step of steps) {
            if (step.do === 'record') {
              await both.record(step.channel, step.event, watermarksMs[step.channel]! + step.offsetMs);
            } else if (step.do === 'advance') {
              watermarksMs[step.channel]! += step.byMs;
              await both.watermark(step.channel, watermarksMs[step.channel]!);
            } else if (step.do === 'idle') {
              await both.status(step.channel, 'idle');
            } else {
              await both.restore(step.parallelism);
              if (step.watermarks) for (const i of [0, 1]) await both.watermark(i, watermarksMs[i]!);
            }
            compare();
            partials++;
          }
          for (const i of [0, 1]) await both.watermark(i, 1_000_000);
          compare();
          expect(both.two.lateDroppedCount()).toBe(both.one.lateDroppedCount());
          expect(both.two.leftOver()).toEqual([0, 0, 0]);
          await both.close();
        },
      ),
      { numRuns: 60 },
    );
    expect(partials).toBeGreaterThan(0);
  });
}
