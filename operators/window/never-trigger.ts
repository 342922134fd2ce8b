import { CONTINUE, Trigger, type TriggerResult } from './trigger.ts';

/** Never fires. The default of global windows. */
export class NeverTrigger extends Trigger {
  static create(): NeverTrigger {
    return INSTANCE;
  }

  onElement(): TriggerResult {
    return CONTINUE;
  }

  override get canMerge(): boolean {
    return true;
  }

  clear(): void {}
}

const INSTANCE = new NeverTrigger();
