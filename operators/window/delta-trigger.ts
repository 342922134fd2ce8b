import type { Schema } from '../../state/schema/schema.ts';
import { type StateSpec, valueState } from '../process/state-spec.ts';
import type { ValueStateDescriptor } from '../../state/keyed/state.ts';
import { CONTINUE, FIRE, Trigger, type TriggerContext, type TriggerResult } from './trigger.ts';
import type { Window } from './window.ts';

type States<T> = { readonly lastElement: StateSpec<ValueStateDescriptor<T>> };

/**
 * Fires with a record whose distance to the one that fired last (at first: the first of the window) is more than a threshold.
 * Not for windows that merge.
 */
export class DeltaTrigger<T> extends Trigger<T, Window, States<T>> {
  override readonly states: States<T>;
  readonly #threshold: number;
  readonly #delta: (lastElement: T, element: T) => number;

  constructor(threshold: number, delta: (lastElement: T, element: T) => number, schema: Schema<T>) {
    super();
    this.#threshold = threshold;
    this.#delta = delta;
    this.states = { lastElement: valueState(schema) };
  }

  /** @param schema how the record that fired last is kept. */
  static of<T>(threshold: number, delta: (lastElement: T, element: T) => number, schema: Schema<T>): DeltaTrigger<T> {
    return new DeltaTrigger(threshold, delta, schema);
  }

  onElement(value: T, _timestampMs: number, _window: Window, { state }: TriggerContext<States<T>>): TriggerResult {
    const lastElement = state.lastElement.value();
    if (lastElement === undefined) {
      state.lastElement.update(value);
      return CONTINUE;
    }
    if (!(this.#delta(lastElement, value) > this.#threshold)) return CONTINUE;
    state.lastElement.update(value);
    return FIRE;
  }

  clear(_window: Window, { state }: TriggerContext<States<T>>): void {
    state.lastElement.clear();
  }
}
