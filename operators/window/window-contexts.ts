import { MAX_TIMESTAMP_MS, NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import { INSERT, type RowKind } from '../../engine/task/row-kind.ts';
import type { OutputTag } from '../../engine/task/output-tag.ts';
import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import type { TimerService } from '../../engine/task/timer-service.ts';
import type { Namespace } from '../../state/keyed/key.ts';
import type { StateHandles, StateSpecs } from '../process/state-spec.ts';
import { NamespacedStates } from './namespaced-states.ts';
import type { OnMergeContext } from './trigger.ts';
import type { Window } from './window.ts';
import type { WindowAssignerContext } from './window-assigner.ts';
import type { WindowFunctionContext } from './window-function.ts';

/** What an assigner sees of its operator. */
export class OperatorAssignerContext implements WindowAssignerContext {
  staggerOffsetMs: number | undefined = undefined;
  readonly #context: OperatorContext;

  constructor(context: OperatorContext) {
    this.#context = context;
  }

  currentProcessingTimeMs(): number {
    return this.#context.timers.currentProcessingTimeMs();
  }

  random(): number {
    return this.#context.environment.random.next();
  }
}

const NO_NAMESPACES: readonly Namespace[] = [];

/** A trigger's context; the operator moves it from window to window. */
export class OperatorTriggerContext implements OnMergeContext<StateSpecs> {
  readonly #timers: TimerService;
  readonly #states: NamespacedStates<StateSpecs>;
  #namespace: Namespace = 0;
  #mergedNamespaces: readonly Namespace[] = [];
  /** Of the window entered; NaN in the other time domain, and when it has none. */
  #eventCleanupMs = Number.NaN;
  #processingCleanupMs = Number.NaN;
  /** The clean-up timer was registered since the window was entered: with each record of it, and often twice. */
  #isCleanupRegistered = false;

  constructor(context: OperatorContext, specs: StateSpecs | undefined) {
    this.#timers = context.timers;
    this.#states = new NamespacedStates(context.keyedState, 'trigger-', specs);
  }

  /** @param mergedNamespaces the windows that merged into this one, for `onMerge`. */
  enter(namespace: Namespace, mergedNamespaces: readonly Namespace[] = NO_NAMESPACES): void {
    this.#namespace = namespace;
    this.#mergedNamespaces = mergedNamespaces;
    this.#eventCleanupMs = Number.NaN;
    this.#processingCleanupMs = Number.NaN;
    this.#states.setNamespace(namespace);
  }

  /** The window's clean-up timer, which may be one of the trigger's as well, stays when the trigger deletes its own. */
  enterWindow(namespace: Namespace, cleanupMs: number, isEventTime: boolean): void {
    const keptMs = cleanupMs === MAX_TIMESTAMP_MS ? Number.NaN : cleanupMs;
    this.#namespace = namespace;
    this.#eventCleanupMs = isEventTime ? keptMs : Number.NaN;
    this.#processingCleanupMs = isEventTime ? Number.NaN : keptMs;
    this.#isCleanupRegistered = false;
    this.#states.setNamespace(namespace);
  }

  /** Registers the clean-up timer of the window entered, if it has one. */
  registerCleanup(): void {
    if (this.#isCleanupRegistered) return;
    const eventMs = this.#eventCleanupMs;
    if (!Number.isNaN(eventMs)) this.#timers.registerEventTimeTimer(this.#namespace, eventMs);
    const processingMs = this.#processingCleanupMs;
    if (!Number.isNaN(processingMs)) this.#timers.registerProcessingTimeTimer(this.#namespace, processingMs);
  }

  get currentWatermarkMs(): number {
    return this.#timers.currentWatermarkMs();
  }

  get currentProcessingTimeMs(): number {
    return this.#timers.currentProcessingTimeMs();
  }

  get state(): StateHandles<StateSpecs> {
    return this.#states.handles;
  }

  mergeState(name: string): void {
    this.#states.merge(name, this.#namespace, this.#mergedNamespaces);
  }

  registerEventTimeTimer(timestampMs: number): void {
    if (timestampMs === this.#eventCleanupMs) {
      if (this.#isCleanupRegistered) return;
      this.#isCleanupRegistered = true;
    }
    this.#timers.registerEventTimeTimer(this.#namespace, timestampMs);
  }

  deleteEventTimeTimer(timestampMs: number): void {
    if (timestampMs !== this.#eventCleanupMs) this.#timers.deleteEventTimeTimer(this.#namespace, timestampMs);
  }

  registerProcessingTimeTimer(timestampMs: number): void {
    if (timestampMs === this.#processingCleanupMs) {
      if (this.#isCleanupRegistered) return;
      this.#isCleanupRegistered = true;
    }
    this.#timers.registerProcessingTimeTimer(this.#namespace, timestampMs);
  }

  deleteProcessingTimeTimer(timestampMs: number): void {
    if (timestampMs !== this.#processingCleanupMs) this.#timers.deleteProcessingTimeTimer(this.#namespace, timestampMs);
  }
}

/** A window function's context; the operator moves it from window to window. */
export class OperatorWindowContext<W extends Window> implements WindowFunctionContext<W> {
  window: W = undefined as never;
  readonly globalState: StateHandles<StateSpecs>;
  readonly #context: OperatorContext;
  readonly #windowStates: NamespacedStates<StateSpecs>;
  #timestampMs = NO_TIMESTAMP;

  constructor(context: OperatorContext, windowSpecs: StateSpecs | undefined, globalSpecs: StateSpecs | undefined) {
    this.#context = context;
    this.#windowStates = new NamespacedStates(context.keyedState, 'window-', windowSpecs);
    const globalState: Record<string, unknown> = {};
    for (const [name, spec] of Object.entries(globalSpecs ?? {})) {
      globalState[name] = context.keyedState.state(spec.toDescriptor(`global-${name}`));
    }
    this.globalState = globalState as StateHandles<StateSpecs>;
  }

  enter(window: W, namespace: Namespace): void {
    this.window = window;
    this.#timestampMs = window.maxTimestampMs;
    this.#windowStates.setNamespace(namespace);
  }

  get windowState(): StateHandles<StateSpecs> {
    return this.#windowStates.handles;
  }

  get currentWatermark(): number {
    return this.#context.timers.currentWatermarkMs();
  }

  get currentProcessingTime(): number {
    return this.#context.timers.currentProcessingTimeMs();
  }

  output<T>(tag: OutputTag<T>, value: T, kind: RowKind = INSERT): void {
    this.#context.sideOutput(tag).collect(value, this.#timestampMs, kind);
  }
}
