import type { OutputTag } from '../../engine/task/output-tag.ts';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { Schema } from '../../state/schema/schema.ts';
import type { AggregateFunction } from '../process/state-spec.ts';
import { CountTrigger } from './count-trigger.ts';
import { CountWindowOperator } from './count-window-operator.ts';
import { EventTimeTrigger } from './event-time-trigger.ts';
import type { Evictor } from './evictor.ts';
import { FixedEventTimeWindows } from './fixed-windows.ts';
import { GlobalWindows } from './global-windows.ts';
import { PurgingTrigger } from './purging-trigger.ts';
import { EventTimeSessionWindows } from './session-windows.ts';
import { SessionWindowOperator } from './session-window-operator.ts';
import { SlicedWindowOperator } from './sliced-window-operator.ts';
import type { Trigger } from './trigger.ts';
import type { GlobalWindow, TimeWindow, Window } from './window.ts';
import type { WindowAssigner } from './window-assigner.ts';
import {
  AggregateContents,
  EvictingContents,
  ListContents,
  ReduceContents,
  type WindowContents,
} from './window-contents.ts';
import { EMIT_ELEMENTS, type WindowLogic } from './window-function.ts';
import { WindowOperator } from './window-operator.ts';

/** How the elements of a window are kept. */
export type WindowAccumulation<T, E> =
  | { readonly kind: 'list'; readonly schema: Schema<T> }
  | { readonly kind: 'reduce'; readonly schema: Schema<T>; readonly reduce: (accumulated: T, value: T) => T }
  | {
      readonly kind: 'aggregate';
      readonly aggregate: AggregateFunction<T, unknown, E>;
      /** Of the records; needed with an evictor only. */
      readonly schema?: Schema<T> | undefined;
    };

export interface WindowDeclaration<T, W extends Window> {
  readonly assigner: WindowAssigner<T, W>;
  /** Default: the assigner's. */
  readonly trigger?: Trigger<T, W> | undefined;
  readonly evictor?: Evictor<T, W> | undefined;
  readonly allowedLatenessMs: number;
  readonly lateTag: OutputTag<T> | undefined;
}

/** Makes the operator for a window: one with fewer state accesses where it does the same. */
export function createWindowOperator<T, E, OUT, W extends Window>(
  { assigner, trigger, evictor, allowedLatenessMs, lateTag }: WindowDeclaration<T, W>,
  accumulation: WindowAccumulation<T, E>,
  logic: WindowLogic<Key, E, OUT, W> | undefined,
): StreamOperator<OUT> {
  const countMax = evictor === undefined ? purgedCountOf(assigner, trigger) : undefined;
  const isPlain = (trigger === undefined || trigger === EventTimeTrigger.create()) && evictor === undefined;
  const keepsWindowState = logic?.windowState !== undefined || logic?.clear !== undefined;
  const aggregate = (isPlain || countMax !== undefined) && !keepsWindowState ? aggregateOf(accumulation) : undefined;
  if (aggregate !== undefined && countMax !== undefined) {
    const globalLogic = logic as unknown as WindowLogic<Key, E, OUT, GlobalWindow> | undefined;
    return new CountWindowOperator<T, unknown, E, OUT>({ countMax, aggregate, logic: globalLogic });
  }
  if (aggregate !== undefined) {
    const timeLogic = logic as unknown as WindowLogic<Key, E, OUT, TimeWindow> | undefined;
    const options = { aggregate, logic: timeLogic, allowedLatenessMs, lateTag };
    // A reduction of sliding windows may depend on the order of arrival, which slices do not keep.
    const isSliceable =
      assigner instanceof FixedEventTimeWindows &&
      (assigner.slideMs === assigner.sizeMs ||
        (assigner.slideMs < assigner.sizeMs && accumulation.kind === 'aggregate'));
    if (isSliceable) return new SlicedWindowOperator<T, unknown, E, OUT>({ assigner, ...options });
    if (assigner instanceof EventTimeSessionWindows) {
      return new SessionWindowOperator<T, unknown, E, OUT>({
        assigner: assigner as EventTimeSessionWindows<T>,
        ...options,
      });
    }
  }
  const options = { assigner, trigger: trigger ?? assigner.defaultTrigger(), allowedLatenessMs, lateTag };
  const elementLogic = logic ?? (EMIT_ELEMENTS as unknown as WindowLogic<Key, E, OUT, W>);
  if (evictor !== undefined) {
    const contents = new EvictingContents<T, W>(accumulation.schema!, evictor);
    return new WindowOperator({ ...options, contents, logic: folding(accumulation, elementLogic) });
  }
  return new WindowOperator({ ...options, contents: contentsOf<T, E, W>(accumulation), logic: elementLogic });
}

/** Set where every so many records of a key are a window: the global window, fired and purged by their number. */
function purgedCountOf(
  assigner: WindowAssigner<never, Window>,
  trigger: Trigger<never, never> | undefined,
): number | undefined {
  if (!(assigner instanceof GlobalWindows && trigger instanceof PurgingTrigger)) return undefined;
  return trigger.nested instanceof CountTrigger ? trigger.nested.countMax : undefined;
}

/** The accumulation as an aggregate; undefined when all records are wanted. */
function aggregateOf<T, E>(accumulation: WindowAccumulation<T, E>): AggregateFunction<T, unknown, E> | undefined {
  if (accumulation.kind === 'aggregate') return accumulation.aggregate;
  if (accumulation.kind === 'list') return undefined;
  const { schema, reduce } = accumulation;
  const fold = (accumulated: unknown, value: unknown): unknown =>
    accumulated === NOTHING ? value : reduce(accumulated as T, value as T);
  return {
    accumulatorSchema: schema as Schema<unknown>,
    createAccumulator: () => NOTHING,
    add: fold,
    merge: fold,
    getResult: (accumulated) => accumulated as E,
  };
}

const NOTHING = Symbol('nothing');

function contentsOf<T, E, W extends Window>(accumulation: WindowAccumulation<T, E>): WindowContents<T, E, W> {
  switch (accumulation.kind) {
    case 'list':
      return new ListContents(accumulation.schema) as unknown as WindowContents<T, E, W>;
    case 'reduce':
      return new ReduceContents(accumulation.schema, accumulation.reduce) as unknown as WindowContents<T, E, W>;
    case 'aggregate':
      return new AggregateContents(accumulation.aggregate);
  }
}

/** With an evictor all elements are kept, and folded when the window fires. */
function folding<T, E, OUT, W extends Window>(
  accumulation: WindowAccumulation<T, E>,
  logic: WindowLogic<Key, E, OUT, W>,
): WindowLogic<Key, T, OUT, W> {
  return {
    windowState: logic.windowState,
    globalState: logic.globalState,
    open: (context) => logic.open?.(context),
    process: (key, context, elements, out) => logic.process(key, context, fold(accumulation, elements), out),
    ...(logic.clear === undefined ? {} : { clear: (context) => logic.clear!(context) }),
    close: () => logic.close?.(),
  };
}

function fold<T, E>(accumulation: WindowAccumulation<T, E>, elements: readonly T[]): readonly E[] {
  switch (accumulation.kind) {
    case 'list':
      return elements as unknown as readonly E[];
    case 'reduce':
      return elements.length === 0 ? [] : [elements.reduce((a, b) => accumulation.reduce(a, b)) as unknown as E];
    case 'aggregate': {
      const { aggregate } = accumulation;
      let accumulator = aggregate.createAccumulator();
      for (const element of elements) accumulator = aggregate.add(accumulator, element);
      return [aggregate.getResult(accumulator)];
    }
  }
}
