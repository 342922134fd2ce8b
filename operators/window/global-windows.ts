import type { Namespace } from '../../state/keyed/key.ts';
import { EndOfStreamTrigger } from './end-of-stream-trigger.ts';
import { NeverTrigger } from './never-trigger.ts';
import type { Trigger } from './trigger.ts';
import { WindowAssigner } from './window-assigner.ts';
import { GlobalWindow } from './window.ts';

const WINDOWS: readonly GlobalWindow[] = [GlobalWindow.INSTANCE];

/** One window for everything; fires only by a trigger of your own. No record is ever late, and nothing is cleared. */
export class GlobalWindows extends WindowAssigner<unknown, GlobalWindow> {
  // Not in event time, so that no record is late, not even after the last watermark.
  readonly isEventTime = false;
  readonly #trigger: Trigger<unknown, GlobalWindow>;

  constructor(trigger: Trigger<unknown, GlobalWindow> = NeverTrigger.create()) {
    super();
    this.#trigger = trigger;
  }

  static create(): GlobalWindows {
    return new GlobalWindows();
  }

  /** Fires once, when all input has ended. */
  static createWithEndOfStreamTrigger(): GlobalWindows {
    return new GlobalWindows(EndOfStreamTrigger.create());
  }

  assignWindows(): readonly GlobalWindow[] {
    return WINDOWS;
  }

  defaultTrigger(): Trigger<unknown, GlobalWindow> {
    return this.#trigger;
  }

  namespaceOf(): Namespace {
    return 0;
  }

  windowOf(): GlobalWindow {
    return GlobalWindow.INSTANCE;
  }
}
