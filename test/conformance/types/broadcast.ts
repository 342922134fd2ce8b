import { hasTimestamp } from '../../../engine/time/timestamps.ts';
import type { KeyedBroadcastProcessLogic } from '../../../operators/process/broadcast-process-function.ts';
import { BroadcastProcessOperator } from '../../../operators/process/broadcast-process-operator.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { NotCovered, type VectorType } from '../observed.ts';
import { printTime } from '../vector.ts';
import { harnessRun } from './from-harness.ts';

const time = (timestampMs: number): string => (hasTimestamp(timestampMs) ? String(printTime(timestampMs)) : 'null');

const FUNCTIONS: Readonly<Record<string, KeyedBroadcastProcessLogic<Key, unknown, unknown, string>>> = {
  'broadcast side(2): out "BR:"+v+" WM:"+wm+" TS:"+ts. keyed side(1): register event timer 41; out "NON-BR:"+v+" WM:"+wm+" TS:"+ts. onTimer: out "TIMER:"+timestamp':
    {
      processElement(value, { timers, currentWatermark, timestamp }, out) {
        timers.registerEventTimeTimer(41);
        out.collect(`NON-BR:${String(value)} WM:${time(currentWatermark)} TS:${time(timestamp)}`);
      },
      processBroadcastElement: (value, { currentWatermark, timestamp }, out) =>
        out.collect(`BR:${String(value)} WM:${time(currentWatermark)} TS:${time(timestamp)}`),
      onTimer: (timestampMs, _context, out) => out.collect(`TIMER:${timestampMs}`),
    },
};

export const keyedBroadcastProcess: VectorType = (vector, observed, backend) => {
  const logic = FUNCTIONS[vector.operator['fn'] as string];
  if (logic === undefined) throw new NotCovered(`function ${String(vector.operator['fn'])}`);
  return harnessRun(() => new BroadcastProcessOperator(logic), observed, {
    backend,
    inputCount: 2,
    isKeyed: true,
    isSecondBroadcast: true,
    listsWatermarks: true,
  });
};
