import type { OutputTag } from '../../engine/task/output-tag.ts';
import type { RowKind } from '../../engine/task/row-kind.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { Collector } from '../process/collector.ts';
import type { FunctionContext } from '../process/function-context.ts';
import type { StateHandles, StateSpecs } from '../process/state-spec.ts';
import type { TimeWindow, Window } from './window.ts';

/** What a window function can ask and do. One object, reused: do not keep it. */
export interface WindowFunctionContext<
  W extends Window = Window,
  WS extends StateSpecs = StateSpecs,
  GS extends StateSpecs = StateSpecs,
> {
  readonly window: W;
  readonly currentWatermark: number;
  readonly currentProcessingTime: number;
  /** States per key and window; empty them in `clear`. Not for windows that merge. */
  readonly windowState: StateHandles<WS>;
  /** States per key, shared by its windows. */
  readonly globalState: StateHandles<GS>;
  /** Emits to a side output with the window's result timestamp. */
  output<T>(tag: OutputTag<T>, value: T, kind?: RowKind): void;
}

/** What a window operator runs when a window fires: an object, or an instance of `ProcessWindowFunction`. */
export interface WindowLogic<
  K extends Key,
  IN,
  OUT,
  W extends Window = Window,
  WS extends StateSpecs = StateSpecs,
  GS extends StateSpecs = StateSpecs,
> {
  readonly windowState?: WS | undefined;
  readonly globalState?: GS | undefined;
  open?(context: FunctionContext): void;
  /** @param elements all of the window in order of arrival; after `reduce` or `aggregate` the one result. */
  process(key: K, context: WindowFunctionContext<W, WS, GS>, elements: readonly IN[], out: Collector<OUT>): void;
  /** The window is gone: empty `windowState`. */
  clear?(context: WindowFunctionContext<W, WS, GS>): void;
  close?(): void;
}

/** A window function as a class. Pass `() => new MyFunction()`: every subtask makes its own. */
export abstract class ProcessWindowFunction<
  IN,
  OUT,
  K extends Key = Key,
  W extends Window = Window,
> implements WindowLogic<K, IN, OUT, W> {
  open(_context: FunctionContext): void {}
  abstract process(key: K, context: WindowFunctionContext<W>, elements: readonly IN[], out: Collector<OUT>): void;
  clear?(context: WindowFunctionContext<W>): void;
  close(): void {}
}

/** Declares a window function with its states; types follow from them. Windows of time unless `W` says otherwise. */
export function defineWindowFunction<
  IN,
  OUT,
  W extends Window = TimeWindow,
  WS extends StateSpecs = Record<never, never>,
  GS extends StateSpecs = Record<never, never>,
  K extends Key = Key,
>(logic: WindowLogic<K, IN, OUT, W, WS, GS>): WindowLogic<K, IN, OUT, W, WS, GS> {
  return logic;
}

/** Emits every element: what `reduce` and `aggregate` without a function do. */
export const EMIT_ELEMENTS: WindowLogic<Key, unknown, unknown> = {
  process(_key, _context, elements, out) {
    for (let i = 0; i < elements.length; i++) out.collect(elements[i]);
  },
};
