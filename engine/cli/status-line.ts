import type { Environment, TimerHandle } from '../base/environment.ts';
import type { JobStatus } from '../runtime/job-execution.ts';
import { formatBytes } from './byte-size.ts';

/** What a `Date` can hold; the limits of event time lie beyond it. */
const DATE_MS_MAX = 8_640_000_000_000_000;
/** How often the status is shown: rewritten on a terminal, a new line elsewhere. */
const TERMINAL_PERIOD_MS = 500;
const PLAIN_PERIOD_MS = 10_000;
/** Weight of the newest period in the rate shown. */
const RATE_SMOOTHING = 0.4;

/** Shows how a job is doing: one rewritten line on a terminal, plain lines elsewhere. */
export class StatusLine {
  readonly #environment: Environment;
  readonly #stream: NodeJS.WriteStream;
  readonly #status: () => JobStatus;
  readonly #extra: () => string;
  readonly #isTerminal: boolean;
  #timer: TimerHandle | undefined;
  #isShown = false;
  #lastCount = 0;
  #lastAttempt = 0;
  #lastAtMs: number;
  #rate = 0;

  constructor(options: {
    environment: Environment;
    stream: NodeJS.WriteStream;
    status: () => JobStatus;
    extra: () => string;
  }) {
    this.#environment = options.environment;
    this.#stream = options.stream;
    this.#status = options.status;
    this.#extra = options.extra;
    this.#isTerminal = options.stream.isTTY === true;
    this.#lastAtMs = options.environment.clock.monotonicMs();
  }

  start(): void {
    this.#timer = this.#environment.scheduler.setTimer(this.#isTerminal ? TERMINAL_PERIOD_MS : PLAIN_PERIOD_MS, () => {
      this.#show();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.clear();
  }

  /** Takes the line away, so that something else can be written. */
  clear(): void {
    if (!this.#isShown) return;
    this.#stream.write('\r\u001b[K');
    this.#isShown = false;
  }

  #show(): void {
    const text = this.#text(this.#status());
    if (!this.#isTerminal) {
      this.#stream.write(`${text}\n`);
      return;
    }
    const width = this.#stream.columns > 0 ? this.#stream.columns : 120;
    this.#stream.write(`\r\u001b[K${text.slice(0, width - 1)}`);
    this.#isShown = true;
  }

  #text(status: JobStatus): string {
    this.#updateRate(status);
    const { checkpoints } = status;
    const parts = [status.state, `${formatCount(status.sourceRecordCount)} events`, `${formatCount(this.#rate)}/s`];
    parts.push(`watermark ${formatWatermark(status.watermarkMs, this.#environment.clock.nowMs())}`);
    if (checkpoints.lastCheckpointId !== undefined && checkpoints.lastCompletedAtMs !== undefined) {
      const ageS = Math.round((this.#environment.clock.nowMs() - checkpoints.lastCompletedAtMs) / 1000);
      parts.push(
        `checkpoint ${checkpoints.lastCheckpointId} ${ageS}s ago (${formatBytes(checkpoints.lastBytes)}, ${Math.round(checkpoints.lastDurationMs)} ms)`,
      );
    }
    if (status.restartCount > 0) parts.push(`${status.restartCount} restarts`);
    const extra = this.#extra();
    if (extra !== '') parts.push(extra);
    return parts.join(' · ');
  }

  #updateRate(status: JobStatus): void {
    const nowMs = this.#environment.clock.monotonicMs();
    if (status.attempt !== this.#lastAttempt) this.#lastCount = 0;
    const elapsedS = (nowMs - this.#lastAtMs) / 1000;
    if (elapsedS > 0) {
      const current = (status.sourceRecordCount - this.#lastCount) / elapsedS;
      this.#rate = this.#rate === 0 ? current : this.#rate * (1 - RATE_SMOOTHING) + current * RATE_SMOOTHING;
    }
    this.#lastAttempt = status.attempt;
    this.#lastCount = status.sourceRecordCount;
    this.#lastAtMs = nowMs;
  }
}

/** `950`, `12.3 k`, `4.56 M`. */
export function formatCount(count: number): string {
  if (count >= 1e6) return `${(count / 1e6).toFixed(2)} M`;
  return count >= 1e4 ? `${(count / 1e3).toFixed(1)} k` : String(Math.round(count));
}

/** Event time and how far it is behind the wall clock. */
export function formatWatermark(watermarkMs: number, nowMs: number): string {
  if (watermarkMs <= -DATE_MS_MAX) return 'none yet';
  if (watermarkMs >= DATE_MS_MAX) return 'end of input';
  const lagS = Math.max(0, Math.round((nowMs - watermarkMs) / 1000));
  return `${new Date(watermarkMs).toISOString().slice(0, 19)}Z (lag ${formatLag(lagS)})`;
}

function formatLag(seconds: number): string {
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`;
}
