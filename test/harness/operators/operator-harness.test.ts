import { expect, test } from 'vitest';
import { InternalError } from '../../../engine/base/errors.ts';
import { type RowKind } from '../../../engine/task/row-kind.ts';
import { StreamOperator } from '../../../engine/task/stream-operator.ts';
import type { DataStream } from '../../../operators/data-stream.ts';
import { OutputTag } from '../../../engine/task/output-tag.ts';
import { defineProcess } from '../../../operators/process/define-process.ts';
import { mapState, valueState } from '../../../operators/process/state-spec.ts';
import { keyGroupOf, subtaskOfKeyGroup } from '../../../state/keyed/key-group.ts';
import { long, string } from '../../../state/schema/scalars.ts';
import {
  harnessOf,
  type HarnessSnapshot,
  keyedOneInputHarness,
  multiInputHarness,
  oneInputHarness,
  record,
  repackageState,
  repartitionOperatorState,
  status,
  TEST_BACKENDS,
  twoInputHarnessOf,
  watermark,
} from '../index.ts';

interface Addition {
  readonly key: string;
  readonly value: number;
}

const ODD = new OutputTag<number>('odd');

/** The sum of each key so far; says goodbye to a key a second after its last record. */
const sums = defineProcess({
  uid: 'sums',
  state: { sum: valueState(long()), pending: mapState(string(), long()) },
  processElement({ value }: Addition, context, out: { collect(value: number | string): void }) {
    const sum = (context.state.sum.value() ?? 0) + value;
    const pendingMs = context.state.pending.get('timer');
    context.state.sum.update(sum);
    if (pendingMs !== undefined) context.timers.deleteEventTimeTimer(pendingMs);
    context.timers.registerEventTimeTimer(context.timestamp + 1000);
    context.timers.registerProcessingTimeTimer(500);
    context.state.pending.set('timer', context.timestamp + 1000);
    if (sum % 2 === 1) context.output(ODD, sum);
    out.collect(sum);
  },
  onTimer(_timestampMs, { state, timeDomain }, out) {
    if (timeDomain === 'processingTime') return;
    out.collect(`bye ${state.sum.value()}`);
    state.sum.clear();
    state.pending.clear();
  },
});

const summed = (input: DataStream<Addition>): DataStream<number | string> =>
  input.keyBy(({ key }) => key).process(sums);

/** Keeps what comes in, one list each. */
class Keeper extends StreamOperator<string> {
  #list = undefined as unknown as { get(): readonly string[]; add(value: string): void };
  #union = undefined as unknown as { get(): readonly string[]; add(value: string): void };

  override open(): void {
    this.#list = this.context.operatorState.listState({ name: 'list', schema: string() });
    this.#union = this.context.operatorState.unionListState({ name: 'union', schema: string() });
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    if (value === 'show') this.output.collect([...this.#list.get(), ...this.#union.get()].join(), timestampMs, kind);
    else for (const list of [this.#list, this.#union]) list.add(value as string);
  }
}

/** Prints of each record which input it came from. */
class ManyInputs extends StreamOperator<string> {
  readonly ended: number[] = [];

  override processElementOf(inputIndex: number, value: unknown, timestampMs: number, kind: RowKind): void {
    this.output.collect(`${inputIndex}:${String(value)}`, timestampMs, kind);
  }

  override endInput(inputIndex: number): void {
    this.ended.push(inputIndex);
  }
}

const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`);
const ownerOf = (key: string, parallelism: number): number => subtaskOfKeyGroup(keyGroupOf(key, 128), parallelism, 128);

test('records, timers, side outputs and counts of an operator that is written as in a job', async () => {
  const harness = await harnessOf(summed);
  harness.processElement({ key: 'a', value: 1 }, 10);
  harness.processElement({ key: 'a', value: 2 }, 20);
  expect(harness.getOutput()).toEqual([record(1, 10), record(3, 20)]);
  expect(harness.getOutput()).toHaveLength(2);
  expect(harness.takeSideOutput(ODD)).toEqual([record(1, 10), record(3, 20)]);
  expect(harness.getSideOutput(ODD)).toEqual([]);
  expect([harness.numEventTimeTimers(), harness.numProcessingTimeTimers()]).toEqual([1, 1]);
  await harness.setProcessingTime(500);
  expect(harness.numProcessingTimeTimers()).toBe(0);
  await harness.processWatermark(1019);
  expect(harness.takeOutput().slice(2)).toEqual([watermark(1019)]);
  await harness.processWatermark(1020);
  expect(harness.takeOutput()).toEqual([record('bye 3', 1020), watermark(1020)]);
  expect([harness.numEventTimeTimers(), harness.numKeyedStateEntries()]).toEqual([0, 0]);
  await harness.close();
});

for (const backend of TEST_BACKENDS) {
  test(`keyed state and timers follow their keys from parallelism to parallelism (${backend.name})`, async () => {
    const first = await harnessOf(summed, { backend });
    for (const [value, key] of keys.entries()) first.processElement({ key, value }, 10);
    let snapshots: HarnessSnapshot[] = [await first.snapshot()];
    await first.close();
    let round = 0;
    for (const parallelism of [3, 2, 5, 1]) {
      round++;
      const next: HarnessSnapshot[] = [];
      for (let subtaskIndex = 0; subtaskIndex < parallelism; subtaskIndex++) {
        const harness = await harnessOf(summed, { backend, parallelism, subtaskIndex });
        await harness.initializeState(repackageState(...snapshots));
        const mine = keys.filter((key) => ownerOf(key, parallelism) === subtaskIndex);
        expect([harness.numKeyedStateEntries(), harness.numEventTimeTimers()]).toEqual([mine.length, mine.length]);
        for (const key of mine) harness.processElement({ key, value: 100 }, 10 + round);
        const expected = mine.map((key) => record(keys.indexOf(key) + 100 * round, 10 + round));
        expect(harness.takeOutput()).toEqual(expected);
        next.push(await harness.snapshot());
        if (parallelism === 1) {
          await harness.setProcessingTime(500);
          await harness.processWatermark(1014);
          expect(harness.takeOutput()).toHaveLength(21);
          expect(harness.numKeyedStateEntries()).toBe(0);
        }
        await harness.close();
      }
      snapshots = next;
    }
  });
}

test('a record of a key of another subtask is refused', async () => {
  const key = keys.find((candidate) => ownerOf(candidate, 2) === 1)!;
  const harness = await harnessOf(summed, { parallelism: 2, subtaskIndex: 0 });
  expect(() => harness.processElement({ key, value: 1 }, 1)).toThrow(`key ${key} belongs to subtask 1 of 2, this is 0`);
  await expect(harnessOf(summed, { parallelism: 2, subtaskIndex: 2 })).rejects.toThrow('expected 0 to 1, found 2');
  await expect(harnessOf(summed, { parallelism: 129 })).rejects.toThrow('at most the max parallelism 128');
  const wider = await harnessOf(summed, { maxParallelism: 256 });
  await expect(wider.initializeState(await harness.snapshot())).rejects.toThrow('max parallelism 128');
  await expect(async () => repackageState(await harness.snapshot(), await wider.snapshot())).rejects.toThrow('256');
});

test('operator state is dealt out anew: a list in runs, a union whole', async () => {
  const create = (): Keeper => new Keeper();
  const one = await oneInputHarness(create, { parallelism: 2, subtaskIndex: 0 });
  const two = await oneInputHarness(create, { parallelism: 2, subtaskIndex: 1 });
  for (const value of ['a', 'b', 'c']) one.processElement(value);
  for (const value of ['d', 'e']) two.processElement(value);
  const snapshot = repackageState(await one.snapshot(), await two.snapshot());
  const shown: unknown[] = [];
  for (let subtaskIndex = 0; subtaskIndex < 3; subtaskIndex++) {
    const harness = await oneInputHarness(create, { parallelism: 3, subtaskIndex });
    await harness.initializeState(snapshot);
    harness.processElement('show');
    shown.push(...harness.takeOutput());
  }
  expect(shown).toEqual(['a,b,a,b,c,d,e', 'c,d,a,b,c,d,e', 'e,a,b,c,d,e'].map((value) => record(value)));
  const { operator, keyed } = repartitionOperatorState(snapshot, { parallelism: 3, subtaskIndex: 2 });
  expect(operator.map(({ name, entries }) => [name, entries.length])).toEqual([
    ['list', 1],
    ['union', 5],
  ]);
  expect(keyed).toEqual([]);
});

test('many inputs: the smallest watermark counts, idle ones do not', async () => {
  const harness = await multiInputHarness(() => new ManyInputs(), 3, [(value: string) => value, undefined, undefined]);
  harness.processElementOf(0, 'x', 1);
  harness.processElementOf(2, 'y', 2);
  await harness.processWatermarkOf(0, 10);
  await harness.processWatermarkOf(1, 20);
  expect(harness.takeOutput()).toEqual([record('0:x', 1), record('2:y', 2)]);
  await harness.processWatermarkStatus('idle', 2);
  expect(harness.takeOutput()).toEqual([watermark(10)]);
  await harness.processWatermarkStatus('idle', 0);
  expect(harness.takeOutput()).toEqual([watermark(20)]);
  await harness.processWatermarkStatus('idle', 1);
  expect(harness.takeOutput()).toEqual([status('idle')]);
  await harness.endInput();
  expect((harness.operator as ManyInputs).ended).toEqual([0, 1, 2]);
});

test('an operator without a third input says so', async () => {
  const harness = await keyedOneInputHarness(
    () => new Keeper(),
    (value: string) => value,
  );
  expect(() => harness.processElementOf(2, 'x')).toThrow(InternalError);
});

test('two inputs written as in a job', async () => {
  const harness = await twoInputHarnessOf((left: DataStream<number>, right: DataStream<string>) =>
    left.connect(right).process(() => ({
      processElement1: (value: number, _context: unknown, out: { collect(value: string): void }) =>
        out.collect(`number ${value}`),
      processElement2: (value: string, _context: unknown, out: { collect(value: string): void }) =>
        out.collect(`text ${value}`),
    })),
  );
  harness.processElement1(1, 5);
  harness.processElement2('x', 6);
  await harness.processWatermark1(7);
  await harness.processWatermark2(8);
  expect(harness.takeOutput()).toEqual([record('number 1', 5), record('text x', 6), watermark(7)]);
});

test('a harness drives one operator only', async () => {
  const open = async (build: (input: DataStream<number>) => DataStream<number>): Promise<unknown> => harnessOf(build);
  await expect(open((input) => input.map((value) => value).filter(() => true))).rejects.toThrow(
    'a harness drives one operator, found map, filter; testJob runs a job of several',
  );
  await expect(open((input) => input)).rejects.toThrow('found none');
});
