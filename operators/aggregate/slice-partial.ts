import { assert } from '../../engine/base/assert.ts';
import type { RowKind } from '../../engine/task/row-kind.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { AggregateFunction } from '../process/state-spec.ts';
import { LateRecords } from '../window/late-records.ts';

/**
 * What a local phase sends to where a window's state is: the accumulator of some records of a key that lie in one slice of
 * time; or one record as it is, with `rows` 0, where the other side has to see it.
 */
export interface SlicePartial<T, ACC> {
  readonly key: Key;
  /** Records in the accumulator. */
  readonly rows: number;
  readonly accumulator: ACC | undefined;
  readonly value: T | undefined;
}

/** An aggregate of records as one of partials. */
export function aggregateOfPartials<T, ACC, R>(
  aggregate: AggregateFunction<T, ACC, R>,
): AggregateFunction<SlicePartial<T, ACC>, ACC, R> {
  return {
    accumulatorSchema: aggregate.accumulatorSchema,
    createAccumulator: () => aggregate.createAccumulator(),
    add: (accumulator, { rows, accumulator: partial, value }) =>
      rows === 0 ? aggregate.add(accumulator, value as T) : aggregate.merge(accumulator, partial as ACC),
    getResult: (accumulator) => aggregate.getResult(accumulator),
    merge: (a, b) => aggregate.merge(a, b),
  };
}

/** Late records as they were: none that is late comes folded. */
export class LatePartials<T, ACC> extends LateRecords<SlicePartial<T, ACC>> {
  override collect({ rows, value }: SlicePartial<T, ACC>, timestampMs: number, kind: RowKind): void {
    assert(rows === 0, () => `${rows} records were folded behind the watermark`);
    super.collect(value as never, timestampMs, kind);
  }
}
