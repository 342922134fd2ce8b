import type { Key } from '../../state/keyed/key.ts';
import type { CoProcessLogic, ProcessLogic } from './process-function.ts';
import type { StateSpecs } from './state-spec.ts';

/** A process function as an object: its uid, its states, its methods. Keeps nothing itself, so all subtasks share it. */
export interface ProcessDefinition<K extends Key, IN, OUT, S extends StateSpecs = StateSpecs> extends ProcessLogic<
  K,
  IN,
  OUT,
  S
> {
  readonly uid: string;
  /** For people. Default: the uid. */
  readonly name?: string | undefined;
}

export interface CoProcessDefinition<
  K extends Key,
  IN1,
  IN2,
  OUT,
  S extends StateSpecs = StateSpecs,
> extends CoProcessLogic<K, IN1, IN2, OUT, S> {
  readonly uid: string;
  readonly name?: string | undefined;
}

/** No declared state: `state` has no properties. */
type NoState = {};

/**
 * Declares a process function for `keyedStream.process(...)`, with its states before they are used:
 *
 *     const firstClick = defineProcess({
 *       uid: 'first-click',
 *       state: { seen: valueState(boolean(), { ttl: { eventTime: '30d' } }) },
 *       processElement(click: Click, { state }, out: Collector<Click>) {
 *         if (state.seen.value()) return;
 *         state.seen.update(true);
 *         out.collect(click);
 *       },
 *     });
 */
export function defineProcess<IN, OUT, S extends StateSpecs = NoState, K extends Key = Key>(
  definition: ProcessDefinition<K, IN, OUT, S>,
): ProcessDefinition<K, IN, OUT, S> {
  return definition;
}

/** Declares a process function over two connected keyed streams: `processElement1`, `processElement2`, `onTimer`. */
export function defineCoProcess<IN1, IN2, OUT, S extends StateSpecs = NoState, K extends Key = Key>(
  definition: CoProcessDefinition<K, IN1, IN2, OUT, S>,
): CoProcessDefinition<K, IN1, IN2, OUT, S> {
  return definition;
}
