import { expect, test } from 'vitest';
import { OutputTag } from '../../../engine/task/output-tag.ts';
import type { Collector } from '../../../operators/process/collector.ts';
import { valueState } from '../../../operators/process/state-spec.ts';
import { createWindowOperator, type WindowDeclaration } from '../../../operators/window/create-window-operator.ts';
import { CountTrigger } from '../../../operators/window/count-trigger.ts';
import { TumblingEventTimeWindows } from '../../../operators/window/fixed-windows.ts';
import { EventTimeSessionWindows } from '../../../operators/window/session-windows.ts';
import { SessionWindowOperator } from '../../../operators/window/session-window-operator.ts';
import { SlicedWindowOperator } from '../../../operators/window/sliced-window-operator.ts';
import type { TimeWindow } from '../../../operators/window/window.ts';
import { defineWindowFunction, type WindowLogic } from '../../../operators/window/window-function.ts';
import { WindowOperator } from '../../../operators/window/window-operator.ts';
import type { StreamOperator } from '../../../engine/task/stream-operator.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { record as recordSchema } from '../../../state/schema/record.ts';
import { long, string } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { TEST_BACKENDS } from '../../harness/operators/backends.ts';
import { keyedOneInputHarness } from '../../harness/operators/operator-harness.ts';
import { isRecord, record, watermark } from '../../harness/operators/stream-elements.ts';

const Event = recordSchema('Event', { key: string(), number: long() });
type Event = Infer<typeof Event>;

const event = (key: string, number: number): Event => ({ key, number });
const sum = (a: Event, b: Event): Event => event(a.key, a.number + b.number);

function reducing(
  declaration: Pick<WindowDeclaration<Event, TimeWindow>, 'assigner'> & Partial<WindowDeclaration<Event, TimeWindow>>,
  logic?: WindowLogic<Key, Event, unknown, TimeWindow>,
): StreamOperator<unknown> {
  return createWindowOperator<Event, Event, unknown, TimeWindow>(
    { allowedLatenessMs: 0, lateTag: undefined, ...declaration },
    { kind: 'reduce', schema: Event, reduce: sum },
    logic,
  );
}

const tumbling = TumblingEventTimeWindows.of(2_000) as never;
const sessions = EventTimeSessionWindows.withGap(100) as never;
const keyOf = ({ key }: Event): string => key;

test('the operator with the fewest state accesses is taken, and only where it does the same', () => {
  const stateful = defineWindowFunction({ windowState: { n: valueState(long()) }, process() {} });
  expect(reducing({ assigner: tumbling })).toBeInstanceOf(SlicedWindowOperator);
  expect(reducing({ assigner: sessions })).toBeInstanceOf(SessionWindowOperator);
  expect(reducing({ assigner: tumbling, trigger: CountTrigger.of(2) as never })).toBeInstanceOf(WindowOperator);
  expect(reducing({ assigner: tumbling }, stateful as never)).toBeInstanceOf(WindowOperator);
});

for (const backend of TEST_BACKENDS) {
  test(`records that a function hands on in their list stay as they were when the window goes on (${backend.name})`, async () => {
    const create = () =>
      createWindowOperator<Event, Event, readonly Event[], TimeWindow>(
        { assigner: tumbling, trigger: CountTrigger.of(1) as never, allowedLatenessMs: 0, lateTag: undefined },
        { kind: 'list', schema: Event },
        { process: (_key, _context, events, out) => out.collect(events) },
      );
    const harness = await keyedOneInputHarness(create, keyOf, { backend });
    harness.processElement(event('a', 1), 500);
    harness.processElement(event('a', 2), 600);
    expect(harness.takeOutput().map((it) => isRecord(it) && it.value)).toEqual([
      [event('a', 1)],
      [event('a', 1), event('a', 2)],
    ]);
    await harness.close();
  });

  test(`a record inside the allowed lateness fires its window again at once (${backend.name})`, async () => {
    for (const trigger of [undefined, new (class extends CountTrigger {})(1)]) {
      const late = new OutputTag<Event>('late');
      const create = () =>
        reducing({ assigner: tumbling, allowedLatenessMs: 500, lateTag: late, trigger: trigger as never });
      const harness = await keyedOneInputHarness(create, keyOf, { backend });
      harness.processElement(event('a', 1), 500);
      await harness.processWatermark(2_300);
      const first = record(event('a', 1), 1_999);
      expect(harness.takeOutput()).toEqual([first, watermark(2_300)]);
      harness.processElement(event('a', 1), 1_997);
      expect(harness.takeOutput()).toEqual([record(event('a', 2), 1_999)]);
      await harness.processWatermark(2_499);
      harness.processElement(event('a', 1), 1_998);
      expect(harness.takeOutput()).toEqual([watermark(2_499)]);
      expect(harness.takeSideOutput(late)).toEqual([record(event('a', 1), 1_998)]);
      expect(harness.numEventTimeTimers()).toBe(0);
      expect(harness.numKeyedStateEntries()).toBe(0);
    }
  });

  test(`a late record without side output is counted (${backend.name})`, async () => {
    for (const assigner of [tumbling, sessions]) {
      const harness = await keyedOneInputHarness(() => reducing({ assigner }), keyOf, { backend });
      await harness.processWatermark(10_000);
      harness.processElement(event('a', 1), 5_000);
      expect(harness.metrics.counter('numLateRecordsDropped').value).toBe(1);
    }
  });

  test(`a record whose window equals a merged session keeps what the session holds (${backend.name})`, async () => {
    // Gaps 1000, 2000, 2000 from one time: the second makes the session longer, the third is the same window again.
    const assigner = EventTimeSessionWindows.withDynamicGap(({ number }: Event) => (number === 10 ? 1_000 : 2_000));
    const generic = { assigner: assigner as never, trigger: undefined };
    for (const logic of [
      undefined,
      defineWindowFunction({
        process: (_key, _context, elements: readonly Event[], out: Collector<Event>) => out.collect(elements[0]!),
        clear() {},
      }),
    ]) {
      const harness = await keyedOneInputHarness(() => reducing(generic, logic as never), keyOf, { backend });
      for (const number of [10, 1, 2]) harness.processElement(event('a', number), 0);
      await harness.processWatermark(5_000);
      expect(harness.takeOutput()).toEqual([record(event('a', 13), 1_999), watermark(5_000)]);
    }
  });

  test(`window state is one window's, global state the key's; clear empties the former (${backend.name})`, async () => {
    const logic = defineWindowFunction({
      windowState: { fired: valueState(long()) },
      globalState: { total: valueState(long()) },
      process(_key, { window, windowState, globalState }, elements: readonly Event[], out: Collector<unknown>) {
        windowState.fired.update((windowState.fired.value() ?? 0) + 1);
        globalState.total.update((globalState.total.value() ?? 0) + 1);
        out.collect([
          (window as TimeWindow).startMs,
          elements[0]!.number,
          windowState.fired.value(),
          globalState.total.value(),
        ]);
      },
      clear: ({ windowState }) => windowState.fired.clear(),
    });
    const create = () => reducing({ assigner: tumbling, allowedLatenessMs: 500 }, logic as never);
    const harness = await keyedOneInputHarness(create, keyOf, { backend });
    harness.processElement(event('a', 1), 0);
    harness.processElement(event('a', 5), 2_000);
    await harness.processWatermark(2_000);
    harness.processElement(event('a', 1), 0);
    await harness.processWatermark(4_000);
    const values = harness.takeOutput().flatMap((element) => ('value' in element ? [element.value] : []));
    expect(values).toEqual([
      [0, 1, 1, 1],
      [0, 2, 2, 2],
      [2_000, 5, 1, 3],
    ]);
    await harness.processWatermark(10_000);
    // The key's total is left.
    expect([harness.numEventTimeTimers(), harness.numKeyedStateEntries()]).toEqual([0, 1]);
  });
}
