/** Milliseconds between two looks of the probe. */
const LOOK_MS = 2;
/** Shorter gaps between outputs are no pauses. */
const GAP_MS_MIN = 1;

interface Gap {
  readonly atMs: number;
  readonly ms: number;
}

/** What was measured since `begin`. Times in milliseconds. */
export interface Measured {
  readonly records: number;
  readonly seconds: number;
  readonly recordsPerSecond: number;
  readonly recordsPerCpuSecond: number;
  /** The longest time in which the event loop did not turn, and the most CPU its thread used in one turn. */
  readonly stallMs: number;
  readonly stallCpuMs: number;
  /** Gaps between two outputs, as a record meets them that comes at a random time; and the longest. */
  readonly pauseP99Ms: number;
  readonly pauseMaxMs: number;
  /** The longest gap in the first second of a checkpoint. */
  readonly barrierPauseMaxMs: number;
  readonly peakRssMb: number;
  /** At that time: the JavaScript heap of the task's thread, and array buffers. */
  readonly heapMb: number;
  readonly buffersMb: number;
}

/** Looks at the event loop, at memory and at the outputs of a run. */
export class Probe {
  #isOn = false;
  #beganAtMs = 0;
  #beganCpuMs = 0;
  #lastOutputMs = 0;
  #lastLookMs = 0;
  #lastThreadCpuMs = 0;
  #lastRssAtMs = 0;
  #stallMs = 0;
  #stallCpuMs = 0;
  #peakRss = 0;
  #heapAtPeak = 0;
  #buffersAtPeak = 0;
  #records = 0;
  #gaps: Gap[] = [];
  #barriersAtMs: number[] = [];
  firstOutputAtMs: number | undefined = undefined;

  constructor() {
    setInterval(() => this.#look(), LOOK_MS).unref();
  }

  begin(): void {
    const nowMs = performance.now();
    this.#beganAtMs = nowMs;
    this.#beganCpuMs = processCpuMs();
    this.#lastOutputMs = nowMs;
    this.#lastLookMs = nowMs;
    this.#lastThreadCpuMs = threadCpuMs();
    this.#stallMs = 0;
    this.#stallCpuMs = 0;
    this.#peakRss = 0;
    this.#records = 0;
    this.#gaps = [];
    this.#barriersAtMs = [];
    this.#isOn = true;
  }

  onOutput(): void {
    this.#records++;
    const nowMs = performance.now();
    this.firstOutputAtMs ??= nowMs;
    const gapMs = nowMs - this.#lastOutputMs;
    if (gapMs >= GAP_MS_MIN) this.#gaps.push({ atMs: nowMs, ms: gapMs });
    this.#lastOutputMs = nowMs;
  }

  onCheckpoint(durationMs: number): void {
    this.#barriersAtMs.push(performance.now() - durationMs);
  }

  get records(): number {
    return this.#records;
  }

  measured(): Measured {
    const nowMs = performance.now();
    const seconds = (nowMs - this.#beganAtMs) / 1000;
    const cpuSeconds = (processCpuMs() - this.#beganCpuMs) / 1000;
    const gaps = this.#gaps.map(({ ms }) => ms).sort((a, b) => b - a);
    let left = seconds * 1000 * 0.01;
    const p99 = gaps.find((ms) => (left -= ms) <= 0) ?? 0;
    const nearBarrier = this.#gaps.filter(({ atMs, ms }) =>
      this.#barriersAtMs.some((barrierMs) => atMs >= barrierMs && atMs - ms <= barrierMs + 1000),
    );
    return {
      records: this.#records,
      seconds: rounded(seconds),
      recordsPerSecond: Math.round(this.#records / seconds),
      recordsPerCpuSecond: Math.round(this.#records / cpuSeconds),
      stallMs: rounded(this.#stallMs),
      stallCpuMs: rounded(this.#stallCpuMs),
      pauseP99Ms: rounded(p99),
      pauseMaxMs: rounded(gaps[0] ?? 0),
      barrierPauseMaxMs: rounded(Math.max(0, ...nearBarrier.map(({ ms }) => ms))),
      peakRssMb: Math.round(this.#peakRss / (1 << 20)),
      heapMb: Math.round(this.#heapAtPeak / (1 << 20)),
      buffersMb: Math.round(this.#buffersAtPeak / (1 << 20)),
    };
  }

  #look(): void {
    const nowMs = performance.now();
    const cpuMs = threadCpuMs();
    if (this.#isOn) {
      this.#stallMs = Math.max(this.#stallMs, nowMs - this.#lastLookMs - LOOK_MS);
      this.#stallCpuMs = Math.max(this.#stallCpuMs, cpuMs - this.#lastThreadCpuMs);
      if (nowMs - this.#lastRssAtMs > 50) {
        this.#lastRssAtMs = nowMs;
        this.#lookAtMemory();
      }
    }
    this.#lastLookMs = nowMs;
    this.#lastThreadCpuMs = cpuMs;
  }

  #lookAtMemory(): void {
    const rss = process.memoryUsage.rss();
    if (rss <= this.#peakRss) return;
    const { heapTotal, arrayBuffers } = process.memoryUsage();
    this.#peakRss = rss;
    this.#heapAtPeak = heapTotal;
    this.#buffersAtPeak = arrayBuffers;
  }
}

function processCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

export function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
