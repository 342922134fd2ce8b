import type { Namespace } from '../../state/keyed/key.ts';
import { NeverTrigger } from './never-trigger.ts';
import type { Trigger } from './trigger.ts';
import { WindowAssigner } from './window-assigner.ts';
import { GlobalWindow } from './window.ts';

const WINDOWS: readonly GlobalWindow[] = [GlobalWindow.INSTANCE];

/** One window for everything; fires only by a trigger of your own. No record is ever late. */
export class GlobalWindows extends WindowAssigner<unknown, GlobalWindow> {
  readonly isEventTime = true;

  static create(): GlobalWindows {
    return new GlobalWindows();
  }

  assignWindows(): readonly GlobalWindow[] {
    return WINDOWS;
  }

  defaultTrigger(): Trigger<unknown, GlobalWindow> {
    return NeverTrigger.create();
  }

  namespaceOf(): Namespace {
    return 0;
  }

  windowOf(): GlobalWindow {
    return GlobalWindow.INSTANCE;
  }
}
