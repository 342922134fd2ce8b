import type { Environment, TimerHandle } from '../base/environment.ts';
import { UserError } from '../base/errors.ts';
import type { KeyedStateBackend } from '../../state/keyed/keyed-state-backend.ts';
import type { Namespace } from '../../state/keyed/key.ts';
import { MIN_TIMESTAMP_MS } from '../time/timestamps.ts';
import type { TimerService } from './timer-service.ts';

/** The timer service of one operator of a task. Only the keyed head has a backend behind it. */
export class TaskTimerService implements TimerService {
  readonly #environment: Environment;
  readonly #keyedState: KeyedStateBackend | undefined;
  readonly #post: (mail: () => void) => void;
  #watermarkMs = MIN_TIMESTAMP_MS;
  readonly #scheduled = new Set<TimerHandle>();
  /** Set by the task: the timer may be earlier than the one it waits for. */
  onProcessingTimerRegistered: (timestampMs: number) => void = () => {};

  constructor(environment: Environment, keyedState: KeyedStateBackend | undefined, post: (mail: () => void) => void) {
    this.#environment = environment;
    this.#keyedState = keyedState;
    this.#post = post;
  }

  setWatermark(watermarkMs: number): void {
    this.#watermarkMs = watermarkMs;
  }

  currentWatermarkMs(): number {
    return this.#watermarkMs;
  }

  currentProcessingTimeMs(): number {
    return this.#environment.clock.nowMs();
  }

  registerEventTimeTimer(namespace: Namespace, timestampMs: number): void {
    this.#backend().registerEventTimeTimer(namespace, timestampMs);
  }

  deleteEventTimeTimer(namespace: Namespace, timestampMs: number): void {
    this.#backend().deleteEventTimeTimer(namespace, timestampMs);
  }

  registerProcessingTimeTimer(namespace: Namespace, timestampMs: number): void {
    this.#backend().registerProcessingTimeTimer(namespace, timestampMs);
    this.onProcessingTimerRegistered(timestampMs);
  }

  deleteProcessingTimeTimer(namespace: Namespace, timestampMs: number): void {
    this.#backend().deleteProcessingTimeTimer(namespace, timestampMs);
  }

  schedule(timestampMs: number, callback: (timestampMs: number) => void): { cancel(): void } {
    let isCanceled = false;
    const delayMs = Math.max(0, timestampMs - this.#environment.clock.nowMs());
    const timer = this.#environment.scheduler.setTimer(delayMs, () => {
      this.#scheduled.delete(timer);
      this.#post(() => {
        if (!isCanceled) callback(timestampMs);
      });
    });
    this.#scheduled.add(timer);
    return {
      cancel: () => {
        isCanceled = true;
        timer.cancel();
        this.#scheduled.delete(timer);
      },
    };
  }

  /** Cancels what is scheduled. */
  close(): void {
    for (const timer of this.#scheduled) timer.cancel();
    this.#scheduled.clear();
  }

  #backend(): KeyedStateBackend {
    if (this.#keyedState === undefined) {
      throw new UserError('JOB_DEFINITION', 'timers need a keyed stream', {
        hint: 'Call keyBy(...) before the operator that registers timers.',
      });
    }
    return this.#keyedState;
  }
}
