import { UserError } from '../../engine/base/errors.ts';
import { long } from '../../state/schema/scalars.ts';
import { reducingState } from '../process/state-spec.ts';
import { CONTINUE, FIRE, type OnMergeContext, Trigger, type TriggerContext, type TriggerResult } from './trigger.ts';
import type { Window } from './window.ts';

const STATES = { count: reducingState(long(), (a, b) => a + b) };
type States = typeof STATES;

/** Fires at every n-th record of a window; the counts of windows that merge add up. */
export class CountTrigger extends Trigger<unknown, Window, States> {
  override readonly states: States = STATES;
  readonly countMax: number;

  constructor(countMax: number) {
    super();
    if (!(countMax >= 1))
      throw new UserError('CONFIGURATION', `a count trigger needs a positive count, found ${countMax}`);
    this.countMax = countMax;
  }

  static of(countMax: number): CountTrigger {
    return new CountTrigger(countMax);
  }

  onElement(_value: unknown, _timestampMs: number, _window: Window, { state }: TriggerContext<States>): TriggerResult {
    state.count.add(1);
    if (state.count.get()! < this.countMax) return CONTINUE;
    state.count.clear();
    return FIRE;
  }

  override get canMerge(): boolean {
    return true;
  }

  override onMerge(_window: Window, context: OnMergeContext<States>): void {
    context.mergeState('count');
  }

  clear(_window: Window, { state }: TriggerContext<States>): void {
    state.count.clear();
  }
}
