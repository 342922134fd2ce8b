import { UserError } from '../../engine/base/errors.ts';
import type { OutputTag } from '../../engine/task/output-tag.ts';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { DataStream } from '../data-stream.ts';
import type { AggregateFunction } from '../process/state-spec.ts';
import type { OperatorOptions } from '../stream-graph-builder.ts';
import type { WindowDeclaration } from '../window/create-window-operator.ts';
import { EventTimeTrigger } from '../window/event-time-trigger.ts';
import { FixedEventTimeWindows } from '../window/fixed-windows.ts';
import { SlicedWindowOperator } from '../window/sliced-window-operator.ts';
import type { WindowLogic } from '../window/window-function.ts';
import type { TimeWindow, Window } from '../window/window.ts';
import { localPhase } from './local-phase.ts';
import { LocalSlicesOperator } from './local-slices-operator.ts';
import { keyOfPartial } from './partial-group.ts';
import { aggregateOfPartials, LatePartials, type SlicePartial } from './slice-partial.ts';

export interface TwoPhaseWindow<T, ACC, OUT> {
  /** The partials of the first phase, by key. */
  readonly partials: DataStream<SlicePartial<T, ACC>>;
  /** The operator of the second. */
  readonly factory: () => StreamOperator<OUT>;
}

/**
 * Adds the first phase of windows with an aggregate to the graph.
 *
 * @param stream partitioned by key.
 * @throws UserError JOB_DEFINITION for windows that need every record where they are kept.
 */
export function twoPhaseWindow<T, ACC, R, OUT, W extends Window>(
  stream: DataStream<T>,
  { assigner, trigger, evictor, allowedLatenessMs, lateTag }: WindowDeclaration<T, W>,
  aggregate: AggregateFunction<T, ACC, R>,
  createLogic: () => WindowLogic<Key, R, OUT, W> | undefined,
  options: OperatorOptions,
): TwoPhaseWindow<T, ACC, OUT> {
  const refuse = (found: string, hint: string): UserError =>
    new UserError('JOB_DEFINITION', `window-aggregate '${options.uid}' has two phases, but ${found}`, { hint });
  if (!(assigner instanceof FixedEventTimeWindows && assigner.slideMs <= assigner.sizeMs)) {
    throw refuse(
      'its windows are not tumbling or sliding ones of event time',
      'Leave out twoPhase, or use TumblingEventTimeWindows or SlidingEventTimeWindows.',
    );
  }
  if (assigner.stagger !== 'aligned')
    throw refuse('its windows are staggered', "Leave out twoPhase, or the windows' stagger.");
  if ((trigger !== undefined && trigger !== EventTimeTrigger.create()) || evictor !== undefined) {
    throw refuse(
      'it has a trigger or an evictor, which see every record',
      'Leave out twoPhase, or the trigger and the evictor.',
    );
  }
  const probe = createLogic();
  if (probe?.windowState !== undefined || probe?.clear !== undefined)
    throw refuse('its function has state per window', 'Leave out twoPhase, or use globalState, which is per key.');
  if (aggregate.merge === undefined)
    throw refuse('its aggregate function has no merge', 'Give the function a merge(a, b), which makes one of two.');
  const { sizeMs, slideMs } = assigner;
  // Aligned windows: the context is not asked.
  const offsetMs = assigner.offsetMs(undefined as never);
  const local = { sizeMs, slideMs, offsetMs, aggregate };
  const partials = localPhase(
    stream,
    options,
    (keySelector) => new LocalSlicesOperator({ ...local, keySelector }),
  ) as DataStream<SlicePartial<T, ACC>>;
  return {
    partials: partials.keyBy(keyOfPartial).stream,
    factory: () =>
      new SlicedWindowOperator<SlicePartial<T, ACC>, ACC, R, OUT>({
        assigner,
        aggregate: aggregateOfPartials(aggregate),
        logic: createLogic() as unknown as WindowLogic<Key, R, OUT, TimeWindow> | undefined,
        allowedLatenessMs,
        lateTag: undefined,
        late: new LatePartials<T, ACC>(lateTag as unknown as OutputTag<SlicePartial<T, ACC>> | undefined),
      }),
  };
}
