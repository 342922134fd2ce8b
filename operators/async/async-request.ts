import type { RowKind } from '../../engine/task/row-kind.ts';
import type { AsyncContext } from './async-function.ts';
import type { Fifo } from './fifo.ts';

/** A record in the hands of an async function, from its first attempt until its results have gone out. */
export class AsyncRequest<T, R> implements AsyncContext {
  value: T;
  timestamp: number;
  rowKind: RowKind;
  attempt = 0;
  isQueued = false;
  /** Undefined: not there yet. */
  results: readonly R[] | undefined = undefined;
  /** Milliseconds of the monotonic clock. */
  deadlineMs = Infinity;
  /** Neighbours in the order of deadlines. */
  previous: AsyncRequest<T, R> | undefined = undefined;
  next: AsyncRequest<T, R> | undefined = undefined;
  /** Set while it waits for its next attempt. */
  retryTimer: { cancel(): void } | undefined = undefined;
  /** Where it stands in an unordered queue. */
  segment: Segment<T, R> | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #abortReason: unknown = undefined;

  constructor(value: T, timestamp: number, rowKind: RowKind) {
    this.value = value;
    this.timestamp = timestamp;
    this.rowKind = rowKind;
  }

  /** Takes the next record, after results that were there at once. Only a request that has never stood in a queue. */
  reset(value: T, timestamp: number, rowKind: RowKind): this {
    this.value = value;
    this.timestamp = timestamp;
    this.rowKind = rowKind;
    this.attempt = 0;
    this.results = undefined;
    this.#controller = undefined;
    return this;
  }

  get isDone(): boolean {
    return this.results !== undefined;
  }

  /** Made when it is asked for: most functions do not. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  /** What the function still waits for is no longer wanted. */
  abort(reason: Error): void {
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }
}

/** A watermark or a status between records. */
export class QueuedMark {
  /** NaN for a status. */
  readonly watermarkMs: number;
  readonly isIdle: boolean;

  constructor(watermarkMs: number, isIdle: boolean) {
    this.watermarkMs = watermarkMs;
    this.isIdle = isIdle;
  }
}

export type QueuedElement<T, R> = AsyncRequest<T, R> | QueuedMark;

/** The records between two marks, in an unordered queue. */
export interface Segment<T, R> {
  /** In order; those that are done stay until there are many of them. */
  requests: AsyncRequest<T, R>[];
  /** How many of them are not done. */
  waitingCount: number;
  readonly done: Fifo<AsyncRequest<T, R>>;
  /** Goes out behind all of them. Undefined: the segment is still open. */
  mark: QueuedMark | undefined;
}

/** What is under way, and in which order it goes out. */
export interface AsyncQueue<T, R> {
  /** Requests and marks. */
  readonly size: number;
  /** Whether the next element can go out. */
  readonly hasOutput: boolean;
  /** Whether results that are there at once may go out without standing in the queue. */
  readonly isOpen: boolean;
  add(request: AsyncRequest<T, R>): void;
  addMark(mark: QueuedMark): void;
  /** The request's results are there. */
  complete(request: AsyncRequest<T, R>): void;
  /** Takes the next element that can go out. */
  take(): QueuedElement<T, R> | undefined;
  /** Everything in it, oldest first. */
  elements(): Iterable<QueuedElement<T, R>>;
}
