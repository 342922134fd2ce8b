import { OutputTag } from '../../../engine/task/output-tag.ts';
import { IntervalJoinOperator } from '../../../operators/join/interval-join-operator.ts';
import type { JoinLogic } from '../../../operators/join/join-function.ts';
import { type JoinType, OuterIntervalJoinOperator } from '../../../operators/join/outer-interval-join-operator.ts';
import type { StreamOperator } from '../../../engine/task/stream-operator.ts';
import type { Observed, VectorType } from '../observed.ts';
import { printTime } from '../vector.ts';
import { AnyJson } from './any-json.ts';
import { harnessRun } from './from-harness.ts';

const PAIR: JoinLogic<unknown, unknown, unknown> = {
  processElement: (left, right, _context, out) => out.collect({ left: left ?? null, right: right ?? null }),
};

export const intervalJoin: VectorType = (vector, observed, backend) => {
  const { lower, lowerInclusive, upper, upperInclusive, leftLateTag, rightLateTag } = vector.operator;
  const tagOf = (tag: unknown): OutputTag<unknown> | undefined =>
    typeof tag === 'string' ? new OutputTag(tag) : undefined;
  return harnessRun(
    () =>
      new IntervalJoinOperator({
        lowerMs: (lower as number) + (lowerInclusive === false ? 1 : 0),
        upperMs: (upper as number) - (upperInclusive === false ? 1 : 0),
        leftSchema: AnyJson,
        rightSchema: AnyJson,
        logic: PAIR,
        leftLateTag: tagOf(leftLateTag),
        rightLateTag: tagOf(rightLateTag),
      }),
    observed,
    {
      backend,
      inputCount: 2,
      isKeyed: true,
      listsWatermarks: false,
      afterStep: (harness) => observeBuffers(harness.operator, observed, () => harness.backend.setCurrentKey('key')),
    },
  );
};

function observeBuffers(operator: StreamOperator<unknown>, observed: Observed, selectKey: () => void): void {
  selectKey();
  const { left, right } = (operator as IntervalJoinOperator<unknown, unknown, unknown>).bufferedTimestamps();
  observed.states.set(observed.step, { leftBuffer: left.map(printTime), rightBuffer: right.map(printTime) });
}

export const intervalJoinOuter: VectorType = (vector, observed, backend) => {
  const { joinType, leftLower, leftUpper, allowedLateness, minCleanUpInterval, watermarkDelay } = vector.operator;
  return harnessRun(
    () =>
      new OuterIntervalJoinOperator({
        joinType: (joinType as string).toLowerCase() as JoinType,
        lowerMs: -(leftUpper as number),
        upperMs: -(leftLower as number),
        allowedLatenessMs: (allowedLateness ?? 0) as number,
        cleanupIntervalMs: (minCleanUpInterval ?? 0) as number,
        watermarkDelayMs: (watermarkDelay ?? 0) as number,
        isPrompt: false,
        emitUnmatched: 'final',
        leftSchema: AnyJson,
        rightSchema: AnyJson,
        logic: PAIR,
      }),
    observed,
    { backend, inputCount: 2, isKeyed: true, listsWatermarks: true },
  );
};
