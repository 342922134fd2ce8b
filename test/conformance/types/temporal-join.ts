import type { JoinLogic } from '../../../operators/join/join-function.ts';
import { TemporalJoinOperator, type TemporalJoinType } from '../../../operators/join/temporal-join-operator.ts';
import type { VectorType } from '../observed.ts';
import { AnyJson } from './any-json.ts';
import { harnessRun } from './from-harness.ts';

const PAIR: JoinLogic<unknown, unknown, unknown> = {
  processElement: (left, right, _context, out) => out.collect({ left, right: right ?? null }),
};

export const temporalJoin: VectorType = (vector, observed, backend) =>
  harnessRun(
    () =>
      new TemporalJoinOperator({
        joinType: (vector.operator['joinType'] as string).toLowerCase() as TemporalJoinType,
        leftSchema: AnyJson,
        rightSchema: AnyJson,
        logic: PAIR,
        leftLateTag: undefined,
      }),
    observed,
    { backend, inputCount: 2, isKeyed: true, listsWatermarks: true },
  );
