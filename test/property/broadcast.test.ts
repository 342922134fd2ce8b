import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  broadcastState,
  type Collector,
  defineBroadcastProcess,
  defineJob,
  defineKeyedBroadcastProcess,
  type Infer,
  long,
  record as recordSchema,
  string,
  valueState,
  WatermarkStrategy,
} from '../../operators/index.ts';
import { BroadcastProcessOperator } from '../../operators/process/broadcast-process-operator.ts';
import { collectSink } from '../../operators/sink/collect/collect-sink.ts';
import { collectionSource } from '../../operators/source/collection/collection-source.ts';
import { TEST_BACKENDS } from '../harness/operators/backends.ts';
import { keyedBroadcastHarness } from '../harness/operators/operator-harness.ts';
import { isRecord } from '../harness/operators/stream-elements.ts';
import { testJob } from '../harness/test-job.ts';
import { type KeyedStep, keyedSteps, type RecordStep } from './keyed-steps.ts';

const Event = recordSchema('Event', { key: string(), value: long(), at: long() });
type Event = Infer<typeof Event>;

const CLEAR = 1;
const REMOVE = 2;
const DOUBLE = 3;

/** Sums by key; rules come in by a broadcast, which may also double all sums. */
const summed = defineKeyedBroadcastProcess({
  uid: 'summed',
  broadcastState: { rules: broadcastState(string(), long()) },
  state: { sum: valueState(long()) },
  processElement({ key, value, at }: Event, { state, broadcastState: { rules }, timers }, out: Collector<string>) {
    const sum = (state.sum.value() ?? 0) + value;
    state.sum.update(sum);
    timers.registerEventTimeTimer(at + 10);
    out.collect(`${key} ${sum} ${show(rules)}`);
  },
  processBroadcastElement({ key, value }: Event, context, out: Collector<string>) {
    const { rules } = context.broadcastState;
    if (value === CLEAR) rules.clear();
    else if (value === REMOVE) rules.delete(key);
    else if (value === DOUBLE) {
      context.applyToKeyedState('sum', (of, sum) => {
        sum.update(sum.value()! * 2);
        out.collect(`doubled ${String(of)}`);
      });
    } else rules.set(key, value);
  },
  onTimer(timestampMs, { currentKey, state, broadcastState: { rules } }, out: Collector<string>) {
    out.collect(`timer ${timestampMs} ${String(currentKey)} ${state.sum.value()} ${show(rules)}`);
    // Such a key has no sum any more.
    if (timestampMs % 3 === 0) state.sum.clear();
  },
});

function show(rules: Iterable<[string, number]>): string {
  return [...rules]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map((rule) => rule.join(':'))
    .join(',');
}

/** The same, the plainest way. */
class Model {
  readonly #rules = new Map<string, number>();
  readonly #sums = new Map<string, number>();
  readonly #timers = new Set<string>();

  record({ side, key, value, timestampMs }: RecordStep): string[] {
    if (side === 1) {
      this.#sums.set(key, (this.#sums.get(key) ?? 0) + value);
      this.#timers.add(`${timestampMs + 10} ${key}`);
      return [`${key} ${this.#sums.get(key)} ${show(this.#rules)}`];
    }
    if (value === CLEAR) this.#rules.clear();
    else if (value === REMOVE) this.#rules.delete(key);
    else if (value === DOUBLE) {
      const keys = [...this.#sums.keys()];
      for (const of of keys) this.#sums.set(of, this.#sums.get(of)! * 2);
      return keys.map((of) => `doubled ${of}`);
    } else this.#rules.set(key, value);
    return [];
  }

  watermark(watermarkMs: number): string[] {
    const results: string[] = [];
    const due = [...this.#timers].map((timer) => timer.split(' ') as [string, string]);
    for (const [ms, key] of due.toSorted(([a], [b]) => Number(a) - Number(b))) {
      if (Number(ms) > watermarkMs) continue;
      this.#timers.delete(`${ms} ${key}`);
      results.push(`timer ${ms} ${key} ${this.#sums.get(key)} ${show(this.#rules)}`);
      if (Number(ms) % 3 === 0) this.#sums.delete(key);
    }
    return results;
  }
}

/** What has to come out per step; without order. */
function oracle(steps: readonly KeyedStep[]): string[][] {
  const model = new Model();
  const watermarks = [1000, 1000];
  return steps.map((step) => {
    if (step.do === 'record') return model.record(step).toSorted();
    if (step.do === 'restore') return [];
    watermarks[step.side - 1]! += step.byMs;
    return model.watermark(Math.min(...watermarks)).toSorted();
  });
}

const anySteps = keyedSteps({ spreadMs: 30, advanceMaxMs: 20, sides: 2, late: false });

for (const backend of TEST_BACKENDS) {
  test(`keyed state beside broadcast state, and changed by the broadcast side (${backend.name})`, async () => {
    await fc.assert(
      fc.asyncProperty(anySteps, async (steps) => {
        const harness = await keyedBroadcastHarness(
          () => new BroadcastProcessOperator(summed as never),
          (event: Event) => event.key,
          { backend },
        );
        const watermarks = [1000, 1000];
        const pushWatermarks = async (): Promise<void> => {
          await harness.processWatermark1(watermarks[0]!);
          await harness.processWatermark2(watermarks[1]!);
        };
        await pushWatermarks();
        harness.takeOutput();
        const found: string[][] = [];
        for (const step of steps) {
          if (step.do === 'record') {
            const event = { key: step.key, value: step.value, at: step.timestampMs };
            if (step.side === 1) harness.processElement1(event, step.timestampMs);
            else harness.processElement2(event, step.timestampMs);
          } else {
            if (step.do === 'restore') await harness.initializeState(await harness.snapshot());
            else watermarks[step.side - 1]! += step.byMs;
            await pushWatermarks();
          }
          const results = harness.takeOutput().filter(isRecord);
          found.push(results.map(({ value }) => value as string).toSorted());
        }
        await harness.close();
        expect(found).toEqual(oracle(steps));
      }),
      { numRuns: 150 },
    );
  });
}

const strategy = WatermarkStrategy.noWatermarks<Event>().withTimestamp(({ at }) => at);
const job = defineJob({
  name: 'broadcast',
  params: {},
  build(env) {
    const events = env.fromSource(collectionSource<Event>([]), 'events', strategy);
    const rules = env.fromSource(collectionSource<Event>([]), 'rules', strategy);
    events
      .keyBy(({ key }) => key)
      .connect(rules.broadcast())
      .process(summed)
      .sinkTo(collectSink({}), { uid: 'out' });
    events
      .rebalance()
      .connect(rules.broadcast())
      .process(
        defineBroadcastProcess({
          uid: 'shown',
          broadcastState: { rules: broadcastState(string(), long()) },
          processElement: (_event: Event, { broadcastState: { rules: known } }, out: Collector<string>) =>
            out.collect(show(known)),
          processBroadcastElement({ key, value }: Event, { broadcastState: { rules: known } }) {
            if (value === CLEAR) known.clear();
            else if (value === REMOVE) known.delete(key);
            else if (value !== DOUBLE) known.set(key, value);
          },
        }),
      )
      .sinkTo(collectSink({}), { uid: 'shown-out' });
  },
});

test('a job with broadcast state gives the same, restored again and again at another parallelism', async () => {
  await fc.assert(
    fc.asyncProperty(anySteps, fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 3 }), async (steps, sizes) => {
      const driver = await testJob(job, { parallelism: sizes[0], cacheBytes: 1 });
      const sides = [driver.source<Event>('events'), driver.source<Event>('rules')];
      const watermarks = [1000, 1000];
      driver.watermark(1000);
      const expected = oracle(steps);
      let restores = 0;
      for (const [number, step] of steps.entries()) {
        if (step.do === 'record') {
          sides[step.side - 1]!.push({ key: step.key, value: step.value, at: step.timestampMs });
        } else if (step.do === 'advance') {
          watermarks[step.side - 1]! += step.byMs;
          sides[step.side - 1]!.watermark(watermarks[step.side - 1]!);
        } else {
          await driver.snapshot();
          await driver.restore({ parallelism: sizes[++restores % sizes.length] });
          for (const [i, side] of sides.entries()) side.watermark(watermarks[i]!);
        }
        // Fetching state takes turns.
        await driver.settle();
        expect(driver.sink<string>('out').take().toSorted()).toEqual(expected[number]);
        const shown = driver.sink<string>('shown-out').take();
        if (step.do === 'record' && step.side === 1) expect(expected[number]![0]!.split(' ')[2]).toBe(shown[0]);
        else expect(shown).toEqual([]);
      }
      await driver.close();
    }),
    { numRuns: 40 },
  );
});
