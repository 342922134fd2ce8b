import { OutputTag } from '../../../engine/task/output-tag.ts';
import { hasTimestamp } from '../../../engine/time/timestamps.ts';
import { WatermarkStrategy } from '../../../engine/time/watermark-strategy.ts';
import { CoProcessOperator } from '../../../operators/process/co-process-operator.ts';
import type { Collector } from '../../../operators/process/collector.ts';
import type { ProcessContext, TimerContext } from '../../../operators/process/process-context.ts';
import type { CoProcessLogic, ProcessLogic } from '../../../operators/process/process-function.ts';
import { ProcessOperator } from '../../../operators/process/process-operator.ts';
import { valueState } from '../../../operators/process/state-spec.ts';
import { TimestampsAndWatermarksOperator } from '../../../operators/process/timestamps-and-watermarks-operator.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { long } from '../../../state/schema/scalars.ts';
import { NotCovered, type VectorType } from '../observed.ts';
import { printTime } from '../vector.ts';
import { harnessRun } from './from-harness.ts';

const STATE = { state: valueState(long()) };
type States = typeof STATE;
type Out = Collector<unknown>;

const time = (timestampMs: number): string => (hasTimestamp(timestampMs) ? String(printTime(timestampMs)) : 'null');
const domainOf = (context: TimerContext): string => (context.timeDomain === 'eventTime' ? 'EVENT:1777' : 'PROC:1777');
const INT_OUT = new OutputTag<number>('int-out');
const LONG_OUT = new OutputTag<number>('long-out');

const KEYED_PROCESS: Readonly<Record<string, ProcessLogic<Key, number, unknown>>> = {
  'out value+"TIME:"+currentWatermark+" TS:"+timestamp': {
    processElement: (value, context, out) =>
      out.collect(`${value}TIME:${time(context.currentWatermark)} TS:${time(context.timestamp)}`),
  },
  'out value+"TIME:"+currentProcessingTime+" TS:"+timestamp': {
    processElement: (value, context, out) =>
      out.collect(`${value}TIME:${context.currentProcessingTime} TS:${time(context.timestamp)}`),
  },
  'out "IN:"+v; output(int-out,v); output(long-out,v)': {
    processElement(value, context, out) {
      out.collect(`IN:${value}`);
      context.output(INT_OUT, value);
      context.output(LONG_OUT, value);
    },
  },
  'processElement: out value; register event timer at currentWatermark+5. onTimer: out 1777': {
    processElement(value, context, out) {
      out.collect(value);
      context.timers.registerEventTimeTimer(context.currentWatermark + 5);
    },
    onTimer: (_timestampMs, _context, out) => out.collect(1777),
  },
  'processElement: out value; register processing timer at currentProcessingTime+5 (initial processing time 0). onTimer: out 1777':
    {
      processElement(value, context, out) {
        out.collect(value);
        context.timers.registerProcessingTimeTimer(context.currentProcessingTime + 5);
      },
      onTimer: (_timestampMs, _context, out) => out.collect(1777),
    },
  'state ValueState<int>. processElement: if state==null {out "INPUT:"+v; state=v; register event timer now+5} else {state.clear(); delete event timer now+4}. onTimer: out "STATE:"+state.  now = currentWatermark':
    toggling(
      (context) => context.currentWatermark,
      'Event',
      (value) => `INPUT:${value}`,
    ),
  'state ValueState<int>. processElement: if state==null {out "INPUT:"+v; state=v; register processing timer now+5} else {state.clear(); delete processing timer now+4}. onTimer: out "STATE:"+state.  now = currentProcessingTime':
    toggling(
      (context) => context.currentProcessingTime,
      'Processing',
      (value) => `INPUT:${value}`,
    ),
  'processElement: register proc timer 3, event 4, proc 5, event 6; delete proc 3; delete event 4. onTimer: out "EVENT:1777" or "PROC:1777"':
    {
      processElement(_value, { timers }) {
        timers.registerProcessingTimeTimer(3);
        timers.registerEventTimeTimer(4);
        timers.registerProcessingTimeTimer(5);
        timers.registerEventTimeTimer(6);
        timers.deleteProcessingTimeTimer(3);
        timers.deleteEventTimeTimer(4);
      },
      onTimer: (_timestampMs, context, out) => out.collect(domainOf(context)),
    },
};

/** A first record of a key is kept and sets a timer; the next one takes both back. */
function toggling(
  nowOf: (context: ProcessContext) => number,
  domain: 'Event' | 'Processing',
  print: (value: unknown) => string,
): ProcessLogic<Key, number, unknown> {
  const logic: ProcessLogic<Key, number, unknown, States> = {
    state: STATE,
    processElement(value, context, out) {
      toggle(value, context, out, nowOf(context as never), domain, print);
    },
    onTimer: (_timestampMs, { state }, out) => out.collect(`STATE:${state.state.value() ?? null}`),
  };
  return logic as ProcessLogic<Key, number, unknown>;
}

function toggle(
  value: number,
  { state, timers }: ProcessContext<Key, States>,
  out: Out,
  nowMs: number,
  domain: 'Event' | 'Processing',
  print: (value: unknown) => string,
): void {
  if (state.state.value() === undefined) {
    out.collect(print(value));
    state.state.update(value);
    timers[`register${domain}TimeTimer`](nowMs + 5);
  } else {
    state.state.clear();
    timers[`delete${domain}TimeTimer`](nowMs + 4);
  }
}

const CO_STATE: CoProcessLogic<Key, number, number, unknown, States> = {
  state: STATE,
  processElement1: (value, context, out) =>
    toggle(Number(value), context, out, context.currentWatermark, 'Event', () => `INPUT1:${value}`),
  processElement2: (value, context, out) =>
    toggle(Number(value), context, out, context.currentWatermark, 'Event', () => `INPUT2:${value}`),
  onTimer: (_timestampMs, { state }, out) => out.collect(`STATE:${state.state.value() ?? null}`),
};

const sayWatermark = (value: unknown, context: ProcessContext, out: Out): void =>
  out.collect(`${String(value)}WM:${time(context.currentWatermark)} TS:${time(context.timestamp)}`);

const KEYED_CO_PROCESS: Readonly<Record<string, CoProcessLogic<Key, number, number, unknown>>> = {
  'both sides: out value+"WM:"+currentWatermark+" TS:"+timestamp': {
    processElement1: sayWatermark,
    processElement2: sayWatermark,
  },
  'side1: out "INPUT1:"+v, register event timer 5. side2: out "INPUT2:"+v, register event timer 6. onTimer: out currentKey+":1777"':
    {
      processElement1(value, { timers }, out) {
        out.collect(`INPUT1:${value}`);
        timers.registerEventTimeTimer(5);
      },
      processElement2(value, { timers }, out) {
        out.collect(`INPUT2:${value}`);
        timers.registerEventTimeTimer(6);
      },
      onTimer: (_timestampMs, context, out) => out.collect(`${context.currentKey}:1777`),
    },
  'state per key; either side: if state==null {out "INPUT"+side+":"+v; state=v; register event timer currentWatermark+5} else {state.clear(); delete event timer currentWatermark+4}. onTimer: out "STATE:"+state':
    CO_STATE as CoProcessLogic<Key, number, number, unknown>,
  'side1: register proc 3, event 6; delete proc 3. side2: register event 4, proc 5; delete event 4. onTimer: out "EVENT:1777"/"PROC:1777"':
    {
      processElement1(_value, { timers }) {
        timers.registerProcessingTimeTimer(3);
        timers.registerEventTimeTimer(6);
        timers.deleteProcessingTimeTimer(3);
      },
      processElement2(_value, { timers }) {
        timers.registerEventTimeTimer(4);
        timers.registerProcessingTimeTimer(5);
        timers.deleteEventTimeTimer(4);
      },
      onTimer: (_timestampMs, context, out) => out.collect(domainOf(context)),
    },
};

export const keyedProcess: VectorType = (vector, observed, backend) => {
  const logic = KEYED_PROCESS[vector.operator['fn'] as string];
  if (logic === undefined) throw new NotCovered(`function ${String(vector.operator['fn'])}`);
  return harnessRun(() => new ProcessOperator(logic), observed, {
    backend,
    inputCount: 1,
    isKeyed: true,
    listsWatermarks: true,
  });
};

export const keyedCoProcess: VectorType = (vector, observed, backend) => {
  const logic = KEYED_CO_PROCESS[vector.operator['fn'] as string];
  if (logic === undefined) throw new NotCovered(`function ${String(vector.operator['fn'])}`);
  return harnessRun(() => new CoProcessOperator(logic), observed, {
    backend,
    inputCount: 2,
    isKeyed: true,
    listsWatermarks: true,
  });
};

const STRATEGIES: Readonly<Record<string, () => WatermarkStrategy<unknown>>> = {
  'periodic: current = ts of last event; onPeriodicEmit emits current-1 (MIN before any event)': () =>
    WatermarkStrategy.forGenerator(() => {
      let currentMs = Number.NaN;
      return {
        onEvent: (_value, timestampMs) => void (currentMs = timestampMs),
        onPeriodicEmit: (output) => output.emitWatermark(currentMs - 1),
      };
    }),
  'punctuated: if value[0] emit watermark(value[1]) at once': () =>
    WatermarkStrategy.forGenerator<unknown>(() => ({
      onEvent(value, _timestampMs, output) {
        const [isPunctuation, watermarkMs] = value as [boolean, number];
        if (isPunctuation) output.emitWatermark(watermarkMs);
      },
      onPeriodicEmit() {},
    })),
};

export const assignTimestampsAndWatermarks: VectorType = (vector, observed, backend) => {
  const { generator, timestampAssigner, autoWatermarkInterval } = vector.operator;
  const strategy = STRATEGIES[generator as string]?.();
  if (strategy === undefined) throw new NotCovered(`generator ${String(generator)}`);
  const assign =
    timestampAssigner === 'value' ? (value: unknown) => value as number : (value: unknown) => (value as number[])[1]!;
  return harnessRun(
    () => new TimestampsAndWatermarksOperator(strategy.withTimestamp(assign), autoWatermarkInterval as number),
    observed,
    { backend, inputCount: 1, isKeyed: false, listsWatermarks: true },
  );
};
