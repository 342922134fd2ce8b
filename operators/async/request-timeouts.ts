import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import type { AsyncRequest } from './async-request.ts';

/**
 * Finds requests whose time is up. All have the same time, so they stand in the order of their deadlines, and one timer
 * is enough.
 */
export class RequestTimeouts<T, R> {
  readonly #timeoutMs: number;
  readonly #context: OperatorContext;
  readonly #onTimeout: (request: AsyncRequest<T, R>) => void;
  #first: AsyncRequest<T, R> | undefined;
  #last: AsyncRequest<T, R> | undefined;
  #isAlarmSet = false;

  constructor(timeoutMs: number, context: OperatorContext, onTimeout: (request: AsyncRequest<T, R>) => void) {
    this.#timeoutMs = timeoutMs;
    this.#context = context;
    this.#onTimeout = onTimeout;
  }

  /** The time of a request begins. */
  add(request: AsyncRequest<T, R>): void {
    request.deadlineMs = this.#context.environment.clock.monotonicMs() + this.#timeoutMs;
    request.previous = this.#last;
    if (this.#last === undefined) this.#first = request;
    else this.#last.next = request;
    this.#last = request;
    if (!this.#isAlarmSet) this.#setAlarm(this.#timeoutMs);
  }

  /** The request is done. */
  remove(request: AsyncRequest<T, R>): void {
    const { previous, next } = request;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    request.previous = undefined;
    request.next = undefined;
  }

  #setAlarm(inMs: number): void {
    this.#isAlarmSet = true;
    const { timers } = this.#context;
    timers.schedule(timers.currentProcessingTimeMs() + Math.ceil(inMs), () => this.#onAlarm());
  }

  #onAlarm(): void {
    this.#isAlarmSet = false;
    const nowMs = this.#context.environment.clock.monotonicMs();
    for (let request = this.#first; request !== undefined && request.deadlineMs <= nowMs; request = this.#first)
      this.#onTimeout(request);
    if (this.#first !== undefined) this.#setAlarm(this.#first.deadlineMs - nowMs);
  }
}
