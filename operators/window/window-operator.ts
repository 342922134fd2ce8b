import { UserError } from '../../engine/base/errors.ts';
import type { Counter } from '../../engine/base/metrics.ts';
import type { OutputTag } from '../../engine/task/output-tag.ts';
import type { RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import { saturatingAdd } from '../../engine/time/timestamps.ts';
import type { Key, Namespace } from '../../state/keyed/key.ts';
import type { NamespacedState } from '../../state/keyed/state.ts';
import { TimestampedCollector } from '../process/collector.ts';
import { FunctionContext } from '../process/function-context.ts';
import { LateRecords } from './late-records.ts';
import type { WindowMerge } from './merging-window-set.ts';
import { FixedWindows } from './fixed-windows.ts';
import { FIRE, PURGE, type Trigger, type TriggerResult } from './trigger.ts';
import type { Window } from './window.ts';
import { MergingWindowAssigner, type WindowAssigner, type WindowAssignerContext } from './window-assigner.ts';
import type { WindowContents } from './window-contents.ts';
import { OperatorAssignerContext, OperatorTriggerContext, OperatorWindowContext } from './window-contexts.ts';
import type { WindowLogic } from './window-function.ts';
import { keepWindowLayout } from './window-layout.ts';
import { WindowsInFlight } from './windows-in-flight.ts';

export interface WindowOperatorOptions<T, E, OUT, W extends Window> {
  readonly assigner: WindowAssigner<T, W>;
  readonly trigger: Trigger<T, W>;
  readonly contents: WindowContents<T, E, W>;
  readonly logic: WindowLogic<Key, E, OUT, W>;
  /** How long after its end a window is kept, milliseconds. */
  readonly allowedLatenessMs: number;
  readonly lateTag: OutputTag<T> | undefined;
}

/**
 * Puts the records of a key into windows and emits a result whenever a window's trigger fires.
 *
 * Stateful: contents, trigger and function state per key and window; for windows that merge, which are in flight. A window
 * lives until its end plus the allowed lateness.
 * Law: a result carries the last timestamp of its window.
 */
export class WindowOperator<T, E, OUT, W extends Window> extends StreamOperator<OUT> {
  override readonly takesRetractions = false;
  readonly #assigner: WindowAssigner<T, W>;
  readonly #isEventTime: boolean;
  readonly #trigger: Trigger<T, W>;
  readonly #contents: WindowContents<T, E, W>;
  readonly #logic: WindowLogic<Key, E, OUT, W>;
  readonly #allowedLatenessMs: number;
  readonly #late: LateRecords<T>;
  readonly #collector = new TimestampedCollector<OUT>();
  #assignerContext: WindowAssignerContext = undefined as never;
  /** Set for windows that merge. */
  #inFlight: WindowsInFlight<W> | undefined;
  #contentsState: NamespacedState = undefined as never;
  #triggerContext: OperatorTriggerContext = undefined as never;
  #functionContext: OperatorWindowContext<W> = undefined as never;

  constructor(options: WindowOperatorOptions<T, E, OUT, W>) {
    super();
    this.#assigner = options.assigner;
    this.#isEventTime = options.assigner.isEventTime;
    this.#trigger = options.trigger;
    this.#contents = options.contents;
    this.#logic = options.logic;
    this.#allowedLatenessMs = options.allowedLatenessMs;
    this.#late = new LateRecords(options.lateTag);
  }

  override open(): void {
    const { keyedState } = this.context;
    this.#collector.output = this.output;
    this.#assignerContext = new OperatorAssignerContext(this.context);
    this.#late.open(this.context);
    keepWindowLayout(this.context, layoutOf(this.#assigner) + this.#contents.layout);
    this.#contentsState = this.#contents.open(keyedState, this.context.timers);
    if (this.#assigner instanceof MergingWindowAssigner)
      this.#inFlight = new WindowsInFlight(keyedState, this.#assigner);
    this.#triggerContext = new OperatorTriggerContext(this.context, this.#trigger.states);
    this.#functionContext = new OperatorWindowContext(this.context, this.#logic.windowState, this.#logic.globalState);
    this.#logic.open?.(new FunctionContext(this.context));
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    const windows = this.#assigner.assignWindows(value as T, timestampMs, this.#assignerContext);
    let isSkipped = true;
    const inFlight = this.#inFlight;
    if (inFlight === undefined) {
      for (let i = 0; i < windows.length; i++) {
        const window = windows[i]!;
        if (this.#isLate(window)) continue;
        isSkipped = false;
        const namespace = this.#assigner.namespaceOf(window);
        this.#addTo(window, namespace, namespace, value as T, timestampMs);
      }
    } else {
      const set = inFlight.load();
      for (const window of windows) {
        const actual = set.addWindow(window, (merge) => this.#merge(merge));
        if (this.#isLate(actual)) {
          set.retire(actual);
          continue;
        }
        isSkipped = false;
        const stateNamespace = this.#assigner.namespaceOf(set.stateWindowOf(actual)!);
        this.#addTo(actual, this.#assigner.namespaceOf(actual), stateNamespace, value as T, timestampMs);
      }
      inFlight.store(set);
    }
    if (isSkipped && this.#isElementLate(timestampMs)) this.#late.collect(value as T, timestampMs, kind);
  }

  override onEventTimeTimer(timestampMs: number, namespace: Namespace): void {
    this.#onTimer(timestampMs, namespace, true);
  }

  override onProcessingTimeTimer(timestampMs: number, namespace: Namespace): void {
    this.#onTimer(timestampMs, namespace, false);
  }

  override close(): void {
    this.#logic.close?.();
  }

  /** Records that were late for all their windows and went nowhere. */
  get lateRecordsDropped(): Counter {
    return this.#late.dropped;
  }

  #addTo(window: W, namespace: Namespace, stateNamespace: Namespace, value: T, timestampMs: number): void {
    this.#contentsState.setNamespace(stateNamespace);
    this.#contents.add(value, timestampMs);
    this.#triggerContext.enterWindow(namespace, this.#cleanupTimeMs(window), this.#isEventTime);
    this.#act(this.#trigger.onElement(value, timestampMs, window, this.#triggerContext), window);
    this.#triggerContext.registerCleanup();
  }

  #onTimer(timestampMs: number, namespace: Namespace, isEventTime: boolean): void {
    const window = this.#assigner.windowOf(namespace);
    const set = this.#inFlight?.load();
    const stateWindow = set === undefined ? window : set.stateWindowOf(window);
    // The timer of a window that has merged into another one.
    if (stateWindow === undefined) return;
    this.#contentsState.setNamespace(this.#assigner.namespaceOf(stateWindow));
    const cleanupMs = this.#cleanupTimeMs(window);
    this.#triggerContext.enterWindow(namespace, cleanupMs, this.#isEventTime);
    const result = isEventTime
      ? this.#trigger.onEventTime(timestampMs, window, this.#triggerContext)
      : this.#trigger.onProcessingTime(timestampMs, window, this.#triggerContext);
    this.#act(result, window);
    if (this.#isEventTime === isEventTime && timestampMs === cleanupMs) {
      this.#clear(window, namespace);
      set?.retire(window);
    }
    if (set !== undefined) this.#inFlight!.store(set);
  }

  #act(result: TriggerResult, window: W): void {
    if ((result & FIRE) !== 0) this.#fire(window);
    if ((result & PURGE) !== 0) this.#contents.clear();
  }

  #fire(window: W): void {
    const elements = this.#contents.elements(window);
    if (elements === undefined) return;
    this.#collector.timestampMs = window.maxTimestampMs;
    this.#functionContext.enter(window, this.#assigner.namespaceOf(window));
    this.#logic.process(this.currentKey(), this.#functionContext, elements, this.#collector);
    this.#contents.afterFire(window);
  }

  #clear(window: W, namespace: Namespace): void {
    this.#contents.clear();
    this.#triggerContext.enter(namespace);
    this.#trigger.clear(window, this.#triggerContext);
    if (this.#logic.clear === undefined) return;
    this.#functionContext.enter(window, namespace);
    this.#logic.clear(this.#functionContext);
  }

  #merge({ target, sources, stateWindow, mergedStateWindows }: WindowMerge<W>): void {
    if (this.#isEventTime && this.#isLate(target)) {
      throw new UserError(
        'JOB_DEFINITION',
        `windows merged into one that ended before the watermark ${this.context.timers.currentWatermarkMs()}`,
        {
          hint: 'A merging assigner must only make windows larger.',
        },
      );
    }
    const namespaceOf = (window: W): Namespace => this.#assigner.namespaceOf(window);
    this.#triggerContext.enter(namespaceOf(target), sources.map(namespaceOf));
    this.#trigger.onMerge(target, this.#triggerContext);
    for (const source of sources) {
      this.#triggerContext.enter(namespaceOf(source));
      this.#trigger.clear(source, this.#triggerContext);
      const cleanupMs = this.#cleanupTimeMs(source);
      if (this.#isEventTime) this.#triggerContext.deleteEventTimeTimer(cleanupMs);
      else this.#triggerContext.deleteProcessingTimeTimer(cleanupMs);
    }
    if (mergedStateWindows.length === 0) return;
    this.#contentsState.mergeNamespaces(namespaceOf(stateWindow), mergedStateWindows.map(namespaceOf));
  }

  /** The window is gone, its lateness included. */
  #isLate(window: W): boolean {
    return this.#isEventTime && this.#cleanupTimeMs(window) <= this.context.timers.currentWatermarkMs();
  }

  #isElementLate(timestampMs: number): boolean {
    return this.#isEventTime && timestampMs + this.#allowedLatenessMs <= this.context.timers.currentWatermarkMs();
  }

  #cleanupTimeMs(window: W): number {
    return this.#isEventTime ? saturatingAdd(window.maxTimestampMs, this.#allowedLatenessMs) : window.maxTimestampMs;
  }
}

/** What the namespaces of an assigner's windows mean. */
function layoutOf(assigner: WindowAssigner<never, Window>): string {
  if (assigner instanceof FixedWindows) {
    const domain = assigner.isEventTime ? 'event' : 'processing';
    return `${domain}-time windows of ${assigner.sizeMs} ms every ${assigner.slideMs} ms, kept one by one`;
  }
  return assigner instanceof MergingWindowAssigner ? 'windows that merge, kept one by one' : 'windows kept one by one';
}
