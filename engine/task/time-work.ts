import type { Environment } from '../base/environment.ts';
import type { KeyedStateBackend } from '../../state/keyed/keyed-state-backend.ts';
import type { Namespace } from '../../state/keyed/key.ts';
import type { WatermarkStatusOutput } from '../time/watermark-status-output.ts';
import type { ChainedOperator } from './operator-chain.ts';
import { ProcessingTimeAlarm } from './processing-time-alarm.ts';
import type { TaskTimerService } from './task-timer-service.ts';

/** Timers fired in one piece at most, so that a large sweep leaves room for its consumers and for I/O. */
const TIMERS_PER_PIECE = 1024;

type Control = { readonly watermarkMs: number } | { readonly isIdle: boolean } | { readonly endedInput: number };
type Sweep = { readonly domain: 'event' | 'processing'; readonly untilMs: number };

export interface TimeWorkOptions {
  readonly environment: Environment;
  readonly head: ChainedOperator;
  readonly headTimers: TaskTimerService;
  readonly keyedState: KeyedStateBackend | undefined;
  /** Everything before the end of this input has been done. */
  readonly onInputEnded: (inputIndex: number) => void;
  /** There is work that no channel and no mail has brought. */
  readonly onWake: () => void;
}

/**
 * What time asks of a task, in order and cut into pieces: watermarks and statuses as the inputs' combination decided them,
 * ends of inputs behind them, and processing-time timers.
 *
 * Law: all timers that a watermark makes due have fired before the watermark goes on, and before anything that follows it.
 */
export class TimeWork implements WatermarkStatusOutput {
  readonly #environment: Environment;
  readonly #head: ChainedOperator;
  readonly #headTimers: TaskTimerService;
  readonly #keyedState: KeyedStateBackend | undefined;
  readonly #onInputEnded: (inputIndex: number) => void;
  readonly #alarm: ProcessingTimeAlarm;
  readonly #controls: Control[] = [];
  #sweep: Sweep | undefined;
  #isProcessingTimeDue = false;
  readonly #onEventTimer: (timestampMs: number, namespace: Namespace) => void;
  readonly #onProcessingTimer: (timestampMs: number, namespace: Namespace) => void;

  constructor(options: TimeWorkOptions) {
    this.#environment = options.environment;
    this.#head = options.head;
    this.#headTimers = options.headTimers;
    this.#keyedState = options.keyedState;
    this.#onInputEnded = options.onInputEnded;
    this.#alarm = new ProcessingTimeAlarm(options.environment, () => {
      this.#isProcessingTimeDue = true;
      options.onWake();
    });
    const { operator } = options.head;
    this.#onEventTimer = (timestampMs, namespace) => operator.onEventTimeTimer(timestampMs, namespace);
    this.#onProcessingTimer = (timestampMs, namespace) => operator.onProcessingTimeTimer(timestampMs, namespace);
    options.headTimers.onProcessingTimerRegistered = (timestampMs) => this.#alarm.setFor(timestampMs);
  }

  /** Restored timers may be due. */
  open(): void {
    this.#keyedState?.setProcessingTime(this.#environment.clock.nowMs());
    this.#alarm.setFor(this.#keyedState?.nextProcessingTimeTimerMs());
  }

  /** No processing-time timer fires any more. */
  stop(): void {
    this.#alarm.cancel();
    this.#isProcessingTimeDue = false;
  }

  emitWatermark(watermarkMs: number): void {
    this.#controls.push({ watermarkMs });
  }

  emitStatus(isIdle: boolean): void {
    this.#controls.push({ isIdle });
  }

  /** The input ends behind the watermarks and statuses so far. */
  endInput(inputIndex: number): void {
    this.#controls.push({ endedInput: inputIndex });
  }

  get isPending(): boolean {
    return this.#sweep !== undefined || this.#controls.length > 0 || this.#isProcessingTimeDue;
  }

  /** Does one piece. Returns a promise when state has to be fetched: nothing else may run before it resolves. */
  run(): Promise<void> | undefined {
    if (this.#sweep !== undefined) return this.#runSweep(this.#sweep);
    const control = this.#controls.shift();
    if (control !== undefined) return this.#runControl(control);
    this.#isProcessingTimeDue = false;
    return this.#runSweep({ domain: 'processing', untilMs: this.#environment.clock.nowMs() - 1 });
  }

  #runControl(control: Control): Promise<void> | undefined {
    if ('isIdle' in control) {
      this.#head.processStatus(control.isIdle);
      return undefined;
    }
    if ('endedInput' in control) {
      this.#onInputEnded(control.endedInput);
      return undefined;
    }
    const { watermarkMs } = control;
    this.#headTimers.setWatermark(watermarkMs);
    if (this.#keyedState === undefined) {
      this.#head.processWatermark(watermarkMs);
      return undefined;
    }
    this.#keyedState.setWatermark(watermarkMs);
    return this.#runSweep({ domain: 'event', untilMs: watermarkMs });
  }

  #runSweep(sweep: Sweep): Promise<void> | undefined {
    this.#sweep = sweep;
    const keyedState = this.#keyedState!;
    keyedState.setProcessingTime(this.#environment.clock.nowMs());
    const isDone =
      sweep.domain === 'event'
        ? keyedState.fireEventTimeTimers(sweep.untilMs, TIMERS_PER_PIECE, this.#onEventTimer)
        : keyedState.fireProcessingTimeTimers(sweep.untilMs, TIMERS_PER_PIECE, this.#onProcessingTimer);
    if (typeof isDone !== 'boolean') return isDone.then((done) => this.#afterPiece(sweep, done));
    this.#afterPiece(sweep, isDone);
    return undefined;
  }

  #afterPiece(sweep: Sweep, isDone: boolean): void {
    const keyedState = this.#keyedState!;
    keyedState.clearCurrentKey();
    if (!isDone) return;
    this.#sweep = undefined;
    if (sweep.domain === 'event') this.#head.processWatermark(sweep.untilMs);
    else this.#alarm.setFor(keyedState.nextProcessingTimeTimerMs());
  }
}
