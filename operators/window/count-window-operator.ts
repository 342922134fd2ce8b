import { StreamOperator } from '../../engine/task/stream-operator.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { ValueState } from '../../state/keyed/state.ts';
import { record } from '../../state/schema/record.ts';
import { long } from '../../state/schema/scalars.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { TimestampedCollector } from '../process/collector.ts';
import { FunctionContext } from '../process/function-context.ts';
import type { AggregateFunction } from '../process/state-spec.ts';
import { OperatorWindowContext } from './window-contexts.ts';
import type { WindowLogic } from './window-function.ts';
import { keepWindowLayout } from './window-layout.ts';
import { GlobalWindow } from './window.ts';

export interface CountWindowOptions<T, ACC, R, OUT> {
  /** Records of a window. */
  readonly countMax: number;
  readonly aggregate: AggregateFunction<T, ACC, R>;
  /** Undefined: the aggregate's result is emitted as it is. */
  readonly logic: WindowLogic<Key, R, OUT, GlobalWindow> | undefined;
}

interface OpenWindow<ACC> {
  count: number;
  accumulator: ACC;
}

/**
 * Aggregates every n records of a key: what `WindowOperator` does for the global window with a count trigger that purges,
 * with one state access per record.
 *
 * Stateful: count and accumulator of each key whose window is open.
 * Law: a result carries the largest timestamp there is, as all results of the global window.
 */
export class CountWindowOperator<T, ACC, R, OUT> extends StreamOperator<OUT> {
  override readonly takesRetractions = false;
  readonly #countMax: number;
  readonly #aggregate: AggregateFunction<T, ACC, R>;
  readonly #logic: WindowLogic<Key, R, OUT, GlobalWindow> | undefined;
  readonly #collector = new TimestampedCollector<OUT>();
  #open: ValueState<OpenWindow<ACC>> = undefined as never;
  #functionContext: OperatorWindowContext<GlobalWindow> = undefined as never;

  constructor({ countMax, aggregate, logic }: CountWindowOptions<T, ACC, R, OUT>) {
    super();
    this.#countMax = countMax;
    this.#aggregate = aggregate;
    this.#logic = logic;
  }

  override open(): void {
    keepWindowLayout(this.context, `windows of ${this.#countMax} records, kept as one value`);
    const schema = record('tidemark.CountWindow', { count: long(), accumulator: this.#aggregate.accumulatorSchema });
    this.#open = this.context.keyedState.state({
      kind: 'value',
      name: 'open-window',
      schema: schema as unknown as Schema<OpenWindow<ACC>>,
    });
    this.#collector.output = this.output;
    this.#collector.timestampMs = GlobalWindow.INSTANCE.maxTimestampMs;
    this.#functionContext = new OperatorWindowContext(this.context, undefined, this.#logic?.globalState);
    this.#logic?.open?.(new FunctionContext(this.context));
  }

  override processElement(value: unknown): void {
    const window = this.#open.value();
    const accumulator = this.#aggregate.add(window?.accumulator ?? this.#aggregate.createAccumulator(), value as T);
    const count = window === undefined ? 1 : window.count + 1;
    if (count >= this.#countMax) {
      if (window !== undefined) this.#open.clear();
      this.#emit(this.#aggregate.getResult(accumulator));
    } else if (window === undefined) {
      this.#open.update({ count, accumulator });
    } else {
      window.count = count;
      window.accumulator = accumulator;
      this.#open.update(window);
    }
  }

  override close(): void {
    this.#logic?.close?.();
  }

  #emit(result: R): void {
    if (this.#logic === undefined) {
      this.#collector.collect(result as unknown as OUT);
      return;
    }
    this.#functionContext.enter(GlobalWindow.INSTANCE, 0);
    this.#logic.process(this.currentKey(), this.#functionContext, [result], this.#collector);
  }
}
