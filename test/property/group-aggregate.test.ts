import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DELETE, INSERT } from '../../engine/task/row-kind.ts';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import type { GroupAggregateFunction } from '../../operators/aggregate/group-aggregate-function.ts';
import { GroupAggregateOperator } from '../../operators/aggregate/group-aggregate-operator.ts';
import { LocalAggregateOperator } from '../../operators/aggregate/local-aggregate-operator.ts';
import { MiniBatchAggregateOperator } from '../../operators/aggregate/mini-batch-aggregate-operator.ts';
import { keyOfPartial, type PartialGroup } from '../../operators/aggregate/partial-group.ts';
import { map } from '../../state/schema/collections.ts';
import { record } from '../../state/schema/record.ts';
import { long } from '../../state/schema/scalars.ts';
import { TEST_BACKENDS, type TestBackendKind } from '../harness/operators/backends.ts';
import { oneInputHarness, type OperatorHarness } from '../harness/operators/operator-harness.ts';
import { isRecord, type RecordElement } from '../harness/operators/stream-elements.ts';
import { ChangelogTable } from './changelog-table.ts';
import { RescaledHarness } from './rescaled-harness.ts';

interface Row {
  readonly key: string;
  readonly value: number;
}

interface Result extends Row {
  readonly max: number;
}

interface Accumulator {
  sum: number;
  /** How often each value is there; below zero in a part that has only seen it taken out. */
  counts: Record<string, number>;
}

/** Changes its accumulators in place, which it may. */
const SUM_AND_MAX: GroupAggregateFunction<Row, Accumulator, readonly [sum: number, max: number]> = {
  accumulatorSchema: record('SumAndMax', { sum: long(), counts: map(long()) }) as never,
  createAccumulator: () => ({ sum: 0, counts: {} }),
  add: (accumulator, { value }) => counted(accumulator, value, 1),
  retract: (accumulator, { value }) => counted(accumulator, value, -1),
  merge(a, b) {
    for (const [value, count] of Object.entries(b.counts)) counted(a, Number(value), count);
    return a;
  },
  getResult: ({ sum, counts }) => [sum, Math.max(...Object.keys(counts).map(Number))],
};

function counted(accumulator: Accumulator, value: number, by: number): Accumulator {
  accumulator.sum += value * by;
  const count = (accumulator.counts[value] ?? 0) + by;
  if (count === 0) delete accumulator.counts[value];
  else accumulator.counts[value] = count;
  return accumulator;
}

type Step =
  | { readonly do: 'add'; readonly row: Row; readonly subtask: number }
  /** Takes back one of the rows there are. */
  | { readonly do: 'retract'; readonly pick: number }
  | { readonly do: 'watermark' }
  | { readonly do: 'clock'; readonly byMs: number }
  /** Until every phase has answered. */
  | { readonly do: 'wait' }
  | { readonly do: 'idle' }
  | { readonly do: 'restore'; readonly parallelism: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      row: fc.record({ key: fc.constantFrom('a', 'a', 'b', 'c', 'd'), value: fc.integer({ min: -2, max: 3 }) }),
      subtask: fc.integer({ min: 0, max: 1 }),
    }),
  },
  { weight: 5, arbitrary: fc.nat().map((pick): Step => ({ do: 'retract', pick })) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'watermark' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'idle' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'wait' }) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 7 }).map((byMs): Step => ({ do: 'clock', byMs })) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }).map((parallelism): Step => ({ do: 'restore', parallelism })) },
);

const LATENCY_MS = 10;

interface Mode {
  readonly name: string;
  readonly size?: number;
  readonly isTwoPhase?: boolean;
  readonly isUpsert?: boolean;
}

const MODES: readonly Mode[] = [
  { name: 'row by row' },
  { name: 'row by row, upsert', isUpsert: true },
  { name: 'in mini-batches', size: 7 },
  { name: 'in mini-batches, upsert', size: 1000, isUpsert: true },
  { name: 'in two phases', size: 7, isTwoPhase: true },
];

/** The operators of an aggregation, fed as one. */
class Aggregation {
  readonly #locals: OperatorHarness<PartialGroup<Accumulator>>[] = [];
  readonly #global: RescaledHarness<never, Result>;
  readonly #keySelector = (row: Row): string => row.key;

  constructor({ size, isTwoPhase = false, isUpsert = false }: Mode, backend: TestBackendKind) {
    const settings = {
      aggregate: SUM_AND_MAX,
      createRow: (key: unknown, [value, max]: readonly [number, number]): Result => ({
        key: key as string,
        value,
        max,
      }),
      isUpsert,
      ttl: undefined,
    };
    const create = (): StreamOperator<Result> =>
      size === undefined
        ? new GroupAggregateOperator(settings)
        : new MiniBatchAggregateOperator({
            ...settings,
            batch: { sizeMax: size, latencyMs: LATENCY_MS },
            takesPartials: isTwoPhase,
          });
    this.#global = new RescaledHarness(create, isTwoPhase ? keyOfPartial : (this.#keySelector as never), backend);
  }

  async open(mode: Mode): Promise<this> {
    await this.#global.open();
    if (mode.isTwoPhase !== true) return this;
    const batch = { sizeMax: mode.size!, latencyMs: LATENCY_MS };
    for (let i = 0; i < 2; i++) {
      const create = (): StreamOperator<PartialGroup<Accumulator>> =>
        new LocalAggregateOperator({ aggregate: SUM_AND_MAX, keySelector: this.#keySelector, batch });
      this.#locals.push(await oneInputHarness(create));
    }
    return this;
  }

  row(row: Row, subtask: number, timestampMs: number, kind: 0 | 3): void {
    if (this.#locals.length === 0) this.#global.processElement(row as never, timestampMs, kind);
    else this.#locals[subtask]!.processElement(row, timestampMs, kind);
    this.#pass();
  }

  async watermark(watermarkMs: number): Promise<void> {
    for (const local of this.#locals) await local.processWatermark(watermarkMs);
    this.#pass();
    await this.#global.processWatermark(watermarkMs);
  }

  async idle(): Promise<void> {
    for (const local of this.#locals) await local.processWatermarkStatus('idle');
    for (const local of this.#locals) await local.processWatermarkStatus('active');
    this.#pass();
    await this.#global.processWatermarkStatus('idle');
    await this.#global.processWatermarkStatus('active');
  }

  async clock(nowMs: number): Promise<void> {
    for (const local of this.#locals) {
      await local.setProcessingTime(nowMs);
      await local.settle();
    }
    this.#pass();
    await this.#global.setProcessingTime(nowMs);
    await this.#global.settle();
  }

  async restore(parallelism: number): Promise<RecordElement<Result>[]> {
    for (const local of this.#locals) await local.initializeState(await local.snapshot());
    this.#pass();
    return await this.#global.restore(parallelism);
  }

  async endInput(): Promise<void> {
    for (const local of this.#locals) await local.endInput();
    this.#pass();
    await this.#global.endInput();
  }

  takeRecords(): RecordElement<Result>[] {
    return this.#global.takeRecords();
  }

  async close(): Promise<void> {
    for (const local of this.#locals) await local.close();
    await this.#global.close();
  }

  #pass(): void {
    for (const local of this.#locals) {
      for (const element of local.takeOutput()) {
        if (isRecord(element)) this.#global.processElement(element.value as never, element.timestampMs, INSERT);
      }
    }
  }
}

for (const backend of TEST_BACKENDS) {
  test.each(MODES)(`changes of a group add up to the result of its rows: $name (${backend.name})`, async (mode) => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 60, size: 'max' }), async (steps) => {
        const aggregation = await new Aggregation(mode, backend).open(mode);
        const table = new ChangelogTable<Result>(({ key }) => key, mode.isUpsert ?? false);
        const rows: { readonly row: Row; readonly subtask: number }[] = [];
        let timeMs = 1000;
        let nowMs = 0;
        for (const step of [...steps, { do: 'end' } as const]) {
          timeMs++;
          let records: RecordElement<Result>[] = [];
          let isFlushed = mode.size === undefined;
          if (step.do === 'add') {
            rows.push({ row: step.row, subtask: step.subtask });
            aggregation.row(step.row, step.subtask, timeMs, INSERT);
          } else if (step.do === 'retract') {
            const [taken] = rows.splice(rows.length === 0 ? 0 : step.pick % rows.length, 1);
            if (taken === undefined) continue;
            aggregation.row(taken.row, taken.subtask, timeMs, DELETE);
          } else if (step.do === 'clock') {
            nowMs += step.byMs;
            await aggregation.clock(nowMs);
          } else {
            isFlushed = true;
            if (step.do === 'watermark') await aggregation.watermark(timeMs);
            else if (step.do === 'idle') await aggregation.idle();
            else if (step.do === 'wait') {
              for (let phase = 0; phase < 2; phase++) await aggregation.clock((nowMs += LATENCY_MS));
            } else if (step.do === 'restore') records = await aggregation.restore(step.parallelism);
            else await aggregation.endInput();
          }
          records.push(...aggregation.takeRecords());
          const changes = table.apply(records);
          for (const { timestampMs } of records) expect(timestampMs).toBeLessThanOrEqual(timeMs);
          if (mode.size === 1000) expect([...changes.values()].every((count) => count === 1)).toBe(true);
          if (isFlushed) expect(Object.fromEntries(table.rows)).toEqual(expectedOf(rows.map(({ row }) => row)));
        }
        await aggregation.close();
      }),
      { numRuns: 60 },
    );
  });
}

function expectedOf(rows: readonly Row[]): Record<string, Result> {
  const expected: Record<string, Result> = {};
  for (const { key } of rows) {
    const values = rows.filter((row) => row.key === key).map(({ value }) => value);
    expected[key] = { key, value: values.reduce((a, b) => a + b, 0), max: Math.max(...values) };
  }
  return expected;
}
