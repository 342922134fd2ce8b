import { Counter } from '../../engine/base/metrics.ts';
import { DISCARDING_OUTPUT, type Output } from '../../engine/task/output.ts';
import type { OutputTag } from '../../engine/task/output-tag.ts';
import type { RowKind } from '../../engine/task/row-kind.ts';
import type { OperatorContext } from '../../engine/task/stream-operator.ts';

/** Where records go that came too late: to a side output, or else they are counted and dropped. */
export class LateRecords<T> {
  readonly #tag: OutputTag<T> | undefined;
  #output: Output<T> = DISCARDING_OUTPUT;
  /** `numLateRecordsDropped`: those without a side output. */
  dropped: Counter = new Counter();

  constructor(tag: OutputTag<T> | undefined) {
    this.#tag = tag;
  }

  open(context: OperatorContext): void {
    this.dropped = context.metrics.counter('numLateRecordsDropped');
    if (this.#tag !== undefined) this.#output = context.sideOutput(this.#tag);
  }

  collect(value: T, timestampMs: number, kind: RowKind): void {
    if (this.#tag === undefined) this.dropped.value++;
    else this.#output.collect(value, timestampMs, kind);
  }
}
