import { StreamOperator } from '../../../engine/task/stream-operator.ts';
import { MIN_TIMESTAMP_MS } from '../../../engine/time/timestamps.ts';
import { EventTimeSessionWindows } from '../../../operators/window/session-windows.ts';
import { type Trigger, type TriggerResult, triggerResultName } from '../../../operators/window/trigger.ts';
import type { TimeWindow } from '../../../operators/window/window.ts';
import { OperatorTriggerContext } from '../../../operators/window/window-contexts.ts';
import type { Namespace } from '../../../state/keyed/key.ts';
import { keyedOneInputHarness } from '../../harness/operators/operator-harness.ts';
import type { VectorType } from '../observed.ts';
import { timeMs } from '../vector.ts';
import { triggerOf } from './window.ts';
import { parseWindow, printWindow } from './window-assigners.ts';

const NAMING = EventTimeSessionWindows.withGap(1);

interface Merge {
  readonly into: TimeWindow;
  readonly from: readonly TimeWindow[];
}

/** An operator that is nothing but a trigger. */
class TriggerProbe extends StreamOperator<never> {
  readonly #trigger: Trigger;
  readonly results: { readonly window: TimeWindow; readonly result: TriggerResult }[] = [];
  #triggerContext: OperatorTriggerContext = undefined as never;

  constructor(trigger: Trigger) {
    super();
    this.#trigger = trigger;
  }

  override open(): void {
    this.#triggerContext = new OperatorTriggerContext(this.context, this.#trigger.states);
  }

  override processElement(value: unknown): void {
    if ('into' in (value as object)) {
      this.#merge(value as Merge);
      return;
    }
    const window = value as TimeWindow;
    this.#triggerContext.enter(NAMING.namespaceOf(window));
    this.results.push({ window, result: this.#trigger.onElement(1, MIN_TIMESTAMP_MS, window, this.#triggerContext) });
  }

  override onEventTimeTimer(timestampMs: number, namespace: Namespace): void {
    const window = NAMING.windowOf(namespace);
    this.#triggerContext.enter(namespace);
    this.results.push({ window, result: this.#trigger.onEventTime(timestampMs, window, this.#triggerContext) });
  }

  #merge({ into, from }: Merge): void {
    this.#triggerContext.enter(
      NAMING.namespaceOf(into),
      from.map((window) => NAMING.namespaceOf(window)),
    );
    this.#trigger.onMerge(into, this.#triggerContext);
    for (const window of from) {
      this.#triggerContext.enter(NAMING.namespaceOf(window));
      this.#trigger.clear(window, this.#triggerContext);
    }
  }
}

export const trigger: VectorType = async (vector, observed, backend) => {
  const probe = new TriggerProbe(triggerOf(vector.operator as never));
  const harness = await keyedOneInputHarness(
    () => probe,
    () => 'key',
    { backend },
  );
  return {
    async step(step) {
      if (step.t === 'rec') harness.processElement(parseWindow(step.window!));
      else if (step.t === 'wm') await harness.processWatermark(timeMs(step.ts));
      else harness.processElement({ into: parseWindow(step.into!), from: step.from!.map(parseWindow) });
      const results = probe.results.splice(0);
      observed.assert(
        ...results.map(({ window, result }) => ({ window: printWindow(window), result: triggerResultName(result) })),
      );
    },
    close: () => harness.close(),
  };
};
