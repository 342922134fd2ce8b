/* What makes a window of `WindowModel` fire: its memory lies in the window, its timers in sets of the window. */
export interface ModelRecord {
  readonly value: number;
  readonly timestampMs: number;
}

export type TriggerSpec =
  | { readonly kind: 'eventTime' | 'processingTime' | 'endOfStream' | 'never' }
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'continuousEventTime' | 'continuousProcessingTime'; readonly intervalMs: number }
  | { readonly kind: 'delta'; readonly threshold: number }
  | { readonly kind: 'purging'; readonly of: TriggerSpec }
  | {
      readonly kind: 'timeout';
      readonly of: TriggerSpec;
      readonly timeoutMs: number;
      readonly resets: boolean;
      readonly clears: boolean;
    };

export const MAX_MS = 9_007_199_254_740_807;

export interface ModelWindow {
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
  records: ModelRecord[];
  /** What a trigger remembers. */
  count: number;
  nextMs: number | undefined;
  timeoutMs: number | undefined;
  last: number | undefined;
  firedCount: number;
  readonly event: Set<number>;
  readonly processing: Set<number>;
}

export interface Time {
  watermarkMs: number;
  nowMs: number;
}

/** [fires, purges]. */
export type Verdict = readonly [fires: boolean, purges: boolean];
const NO: Verdict = [false, false];
const YES: Verdict = [true, false];

const lastMsOf = (window: ModelWindow): number => Math.min(window.endMs - 1, MAX_MS);

export interface ModelTrigger {
  onElement(window: ModelWindow, record: ModelRecord, time: Time): Verdict;
  onEvent(window: ModelWindow, timestampMs: number, time: Time): Verdict;
  onProcessing(window: ModelWindow, timestampMs: number, time: Time): Verdict;
  onMerge(window: ModelWindow, from: readonly ModelWindow[], time: Time): void;
  clear(window: ModelWindow): void;
}

export function modelTriggerOf(spec: TriggerSpec): ModelTrigger {
  const trigger: ModelTrigger = {
    onElement: () => NO,
    onEvent: () => NO,
    onProcessing: () => NO,
    onMerge: () => {},
    clear: () => {},
  };
  switch (spec.kind) {
    case 'never':
      return trigger;
    case 'eventTime':
      return {
        ...trigger,
        onElement(window, _record, { watermarkMs }) {
          if (lastMsOf(window) <= watermarkMs) return YES;
          window.event.add(lastMsOf(window));
          return NO;
        },
        onEvent: (window, timestampMs) => [timestampMs === lastMsOf(window), false],
        onMerge: (window, _from, { watermarkMs }) =>
          void (lastMsOf(window) > watermarkMs && window.event.add(lastMsOf(window))),
        clear: (window) => void window.event.delete(lastMsOf(window)),
      };
    case 'processingTime':
      return {
        ...trigger,
        onElement: (window) => (window.processing.add(lastMsOf(window)), NO),
        onProcessing: () => YES,
        onMerge: (window, _from, { nowMs }) =>
          void (lastMsOf(window) > nowMs && window.processing.add(lastMsOf(window))),
        clear: (window) => void window.processing.delete(lastMsOf(window)),
      };
    case 'endOfStream':
      return {
        ...trigger,
        onElement: (window) => (window.event.add(MAX_MS), NO),
        onEvent: (_window, timestampMs) => [timestampMs === MAX_MS, false],
        onMerge: (window) => void window.event.add(MAX_MS),
        clear: (window) => void window.event.delete(MAX_MS),
      };
    case 'count':
      return {
        ...trigger,
        onElement(window) {
          window.count++;
          if (window.count < spec.count) return NO;
          window.count = 0;
          return YES;
        },
        onMerge: (window, from) => void (window.count = from.reduce((sum, { count }) => sum + count, 0)),
        clear: (window) => void (window.count = 0),
      };
    case 'delta':
      return {
        ...trigger,
        onElement(window, { value }) {
          const isFirst = window.last === undefined;
          if (!isFirst && value - window.last! <= spec.threshold) return NO;
          window.last = value;
          return [!isFirst, false];
        },
        clear: (window) => void (window.last = undefined),
      };
    case 'continuousEventTime':
    case 'continuousProcessingTime':
      return continuous(spec.intervalMs, spec.kind === 'continuousEventTime');
    case 'purging': {
      const inner = modelTriggerOf(spec.of);
      const purging = ([fires]: Verdict): Verdict => [fires, fires];
      return {
        ...inner,
        onElement: (window, record, time) => purging(inner.onElement(window, record, time)),
        onEvent: (window, timestampMs, time) => purging(inner.onEvent(window, timestampMs, time)),
        onProcessing: (window, timestampMs, time) => purging(inner.onProcessing(window, timestampMs, time)),
      };
    }
    case 'timeout':
      return timeout(spec);
  }
}

function continuous(intervalMs: number, isEventTime: boolean): ModelTrigger {
  const timersOf = (window: ModelWindow): Set<number> => (isEventTime ? window.event : window.processing);
  const goOn = (window: ModelWindow, fromMs: number, { watermarkMs }: Time): void => {
    const isPastEnd = !isEventTime && fromMs >= lastMsOf(window);
    window.nextMs = isPastEnd ? fromMs + intervalMs : Math.min(fromMs + intervalMs, lastMsOf(window));
    // Not for ever, when all input has ended.
    if (isEventTime && lastMsOf(window) === MAX_MS && watermarkMs === MAX_MS) window.nextMs = MAX_MS;
    timersOf(window).add(window.nextMs);
  };
  const onTimer = (window: ModelWindow, timestampMs: number, time: Time): Verdict => {
    if (window.nextMs !== timestampMs) return NO;
    goOn(window, timestampMs, time);
    return YES;
  };
  return {
    onElement(window, { timestampMs }, time) {
      if (isEventTime) {
        if (lastMsOf(window) <= time.watermarkMs) return YES;
        window.event.add(lastMsOf(window));
      }
      const fromMs = isEventTime ? timestampMs : time.nowMs;
      if (window.nextMs === undefined) goOn(window, Math.floor(fromMs / intervalMs) * intervalMs, time);
      return NO;
    },
    onEvent(window, timestampMs, time) {
      if (!isEventTime) return NO;
      return timestampMs === lastMsOf(window) ? YES : onTimer(window, timestampMs, time);
    },
    onProcessing: (window, timestampMs, time) => (isEventTime ? NO : onTimer(window, timestampMs, time)),
    onMerge(window, from) {
      const all = from.flatMap(({ nextMs }) => nextMs ?? []);
      if (all.length === 0) return;
      window.nextMs = Math.min(...all);
      timersOf(window).add(window.nextMs);
    },
    clear(window) {
      if (window.nextMs !== undefined) timersOf(window).delete(window.nextMs);
      window.nextMs = undefined;
    },
  };
}

function timeout(spec: Extract<TriggerSpec, { kind: 'timeout' }>): ModelTrigger {
  const inner = modelTriggerOf(spec.of);
  const forget = (window: ModelWindow): void => {
    if (window.timeoutMs !== undefined) window.processing.delete(window.timeoutMs);
    window.timeoutMs = undefined;
  };
  const clear = (window: ModelWindow): void => {
    forget(window);
    inner.clear(window);
  };
  const fire = (window: ModelWindow, [, purges]: Verdict): Verdict => {
    if (spec.clears) clear(window);
    else forget(window);
    return [true, purges];
  };
  return {
    onElement(window, record, time) {
      const verdict = inner.onElement(window, record, time);
      if (verdict[0]) {
        clear(window);
        return verdict;
      }
      if (spec.resets) forget(window);
      if (window.timeoutMs === undefined) {
        window.timeoutMs = time.nowMs + spec.timeoutMs;
        window.processing.add(window.timeoutMs);
      }
      return verdict;
    },
    onEvent: (window, timestampMs, time) => fire(window, inner.onEvent(window, timestampMs, time)),
    onProcessing: (window, timestampMs, time) => fire(window, inner.onProcessing(window, timestampMs, time)),
    onMerge: () => {},
    clear,
  };
}
