/*
 * Windows by brute force: every window with all its records, timers in sets, the next one found by looking at all of them.
 * Knows nothing of the operators, of state or of keys that are away.
 */
import {
  MAX_MS,
  type ModelRecord,
  type ModelTrigger,
  modelTriggerOf,
  type ModelWindow,
  type Time,
  type TriggerSpec,
  type Verdict,
} from './window-model-triggers.ts';

export interface AssignerSpec {
  readonly kind: 'fixed' | 'session' | 'global';
  readonly isEventTime: boolean;
  /** Of fixed windows: size, slide and offset. */
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
  /** Of sessions: the gap of a record is this times (1 + value modulo `gapCount`). */
  readonly gapMs: number;
  readonly gapCount: number;
}

export interface EvictorSpec {
  readonly kind: 'count' | 'time' | 'delta';
  readonly arg: number;
  readonly after: boolean;
}

export interface WindowSpec {
  readonly assigner: AssignerSpec;
  readonly trigger: TriggerSpec;
  readonly evictor: EvictorSpec | undefined;
  readonly latenessMs: number;
}

/** What came out: of which key and window (its end), with which records; and how often it had fired before. */
export interface Firing {
  readonly key: string;
  readonly endMs: number;
  readonly values: readonly number[];
  readonly earlierCount: number;
}

function kept(spec: EvictorSpec | undefined, after: boolean, records: ModelRecord[]): ModelRecord[] {
  if (spec === undefined || spec.after !== after || records.length === 0) return records;
  switch (spec.kind) {
    case 'count':
      return spec.arg === 0 ? [] : records.slice(-spec.arg);
    case 'time': {
      const newestMs = Math.max(...records.map(({ timestampMs }) => timestampMs));
      return records.filter(({ timestampMs }) => timestampMs > newestMs - spec.arg);
    }
    case 'delta':
      return records.filter(({ value }) => records.at(-1)!.value - value < spec.arg);
  }
}

/** Feeds one operator's input by hand and tells what fires, step by step. */
export class WindowModel {
  readonly #spec: WindowSpec;
  readonly #trigger: ModelTrigger;
  readonly #time: Time;
  #windows: ModelWindow[] = [];
  lateCount = 0;
  readonly #firings: Firing[] = [];

  constructor(spec: WindowSpec, watermarkMs: number) {
    this.#spec = spec;
    this.#trigger = modelTriggerOf(spec.trigger);
    this.#time = { watermarkMs, nowMs: 0 };
  }

  takeFirings(): Firing[] {
    return this.#firings.splice(0);
  }

  record(key: string, value: number, timestampMs: number): void {
    const record = { value, timestampMs };
    let isAdded = false;
    for (const [startMs, endMs] of this.#boundsOf(record)) {
      if (
        this.#spec.assigner.isEventTime &&
        this.#cleanupMs(this.#joined(key, startMs, endMs)) <= this.#time.watermarkMs
      )
        continue;
      isAdded = true;
      const window = this.#windowFor(key, startMs, endMs);
      window.records.push(record);
      this.#act(window, this.#trigger.onElement(window, record, this.#time));
      const cleanupMs = this.#cleanupMs(window);
      if (cleanupMs !== MAX_MS) this.#cleanupTimersOf(window).add(cleanupMs);
    }
    const { isEventTime } = this.#spec.assigner;
    if (!isAdded && isEventTime && timestampMs + this.#spec.latenessMs <= this.#time.watermarkMs) this.lateCount++;
  }

  watermark(watermarkMs: number): void {
    this.#time.watermarkMs = watermarkMs;
    this.#fireTimers(true, watermarkMs);
  }

  /** After a restore there is no watermark. */
  restart(): void {
    this.#time.watermarkMs = -MAX_MS;
  }

  clock(nowMs: number): void {
    this.#time.nowMs = nowMs;
    this.#fireTimers(false, nowMs);
  }

  #boundsOf({ value, timestampMs }: ModelRecord): (readonly [startMs: number, endMs: number])[] {
    const { kind, isEventTime, sizeMs, slideMs, offsetMs, gapMs, gapCount } = this.#spec.assigner;
    const timeMs = isEventTime ? timestampMs : this.#time.nowMs;
    if (kind === 'global') return [[0, Infinity]];
    if (kind === 'session') return [[timeMs, timeMs + gapMs * (1 + (value % gapCount))]];
    const bounds: [number, number][] = [];
    const lastMs = Math.floor((timeMs - offsetMs) / slideMs) * slideMs + offsetMs;
    for (let startMs = lastMs; startMs + sizeMs > timeMs; startMs -= slideMs) bounds.push([startMs, startMs + sizeMs]);
    return bounds;
  }

  /** Windows of the key that the new one belongs to: the same one, or all a session touches. */
  #touched(key: string, startMs: number, endMs: number): ModelWindow[] {
    const isSession = this.#spec.assigner.kind === 'session';
    return this.#windows
      .filter((window) => window.key === key)
      .filter((window) => (isSession ? window.startMs <= endMs && window.endMs >= startMs : window.startMs === startMs))
      .toSorted((a, b) => a.startMs - b.startMs);
  }

  #joined(key: string, startMs: number, endMs: number): Pick<ModelWindow, 'startMs' | 'endMs'> {
    const touched = this.#touched(key, startMs, endMs);
    return {
      startMs: Math.min(startMs, ...touched.map((window) => window.startMs)),
      endMs: Math.max(endMs, ...touched.map((window) => window.endMs)),
    };
  }

  #windowFor(key: string, startMs: number, endMs: number): ModelWindow {
    const touched = this.#touched(key, startMs, endMs);
    const joined = this.#joined(key, startMs, endMs);
    const [first] = touched;
    if (touched.length === 1 && first!.startMs === joined.startMs && first!.endMs === joined.endMs) return first!;
    const window: ModelWindow = {
      key,
      ...joined,
      records: touched.flatMap(({ records }) => records),
      count: 0,
      nextMs: undefined,
      timeoutMs: undefined,
      last: undefined,
      firedCount: 0,
      event: new Set(),
      processing: new Set(),
    };
    this.#windows = this.#windows.filter((other) => !touched.includes(other));
    this.#windows.push(window);
    if (touched.length > 0) this.#trigger.onMerge(window, touched, this.#time);
    return window;
  }

  #cleanupMs(window: Pick<ModelWindow, 'endMs'>): number {
    const lastMs = Math.min(window.endMs - 1, MAX_MS);
    return this.#spec.assigner.isEventTime ? Math.min(lastMs + this.#spec.latenessMs, MAX_MS) : lastMs;
  }

  #act(window: ModelWindow, [fires, purges]: Verdict): void {
    const { evictor } = this.#spec;
    if (fires && window.records.length > 0) {
      const records = kept(evictor, false, window.records);
      const values = records.map(({ value }) => value);
      this.#firings.push({ key: window.key, endMs: window.endMs, values, earlierCount: window.firedCount++ });
      window.records = kept(evictor, true, records);
    }
    if (purges) window.records = [];
  }

  #fireTimers(isEventTime: boolean, untilMs: number): void {
    for (;;) {
      let dueMs = Infinity;
      let due: ModelWindow | undefined;
      for (const window of this.#windows)
        for (const timestampMs of isEventTime ? window.event : window.processing)
          if (timestampMs <= untilMs && timestampMs < dueMs) [dueMs, due] = [timestampMs, window];
      if (due === undefined) return;
      (isEventTime ? due.event : due.processing).delete(dueMs);
      const verdict = isEventTime
        ? this.#trigger.onEvent(due, dueMs, this.#time)
        : this.#trigger.onProcessing(due, dueMs, this.#time);
      this.#act(due, verdict);
      const cleanupMs = this.#cleanupMs(due);
      const isCleanup = this.#spec.assigner.isEventTime === isEventTime && dueMs === cleanupMs;
      if (isCleanup) this.#windows.splice(this.#windows.indexOf(due), 1);
      // A trigger that deletes its timers leaves this one.
      else if (cleanupMs !== MAX_MS) this.#cleanupTimersOf(due).add(cleanupMs);
    }
  }

  #cleanupTimersOf(window: ModelWindow): Set<number> {
    return this.#spec.assigner.isEventTime ? window.event : window.processing;
  }
}
