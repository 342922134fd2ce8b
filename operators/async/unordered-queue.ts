import type { AsyncQueue, AsyncRequest, QueuedElement, QueuedMark, Segment } from './async-request.ts';
import { Fifo } from './fifo.ts';

/** Requests that are done, in a segment, before they are taken off its list. */
const DONE_KEPT_MAX = 1024;

/** Results go out as they come, but none passes a mark: those before it go out before, those behind it behind. */
export class UnorderedQueue<T, R> implements AsyncQueue<T, R> {
  /** The last one is open, the others are not. */
  readonly #segments = new Fifo<Segment<T, R>>();
  #last: Segment<T, R>;
  #size = 0;

  constructor() {
    this.#last = this.#openSegment();
  }

  get size(): number {
    return this.#size;
  }

  get hasOutput(): boolean {
    const { waitingCount, done, mark } = this.#segments.peek()!;
    return done.size > 0 || (waitingCount === 0 && mark !== undefined);
  }

  get isOpen(): boolean {
    return this.#segments.size === 1;
  }

  add(request: AsyncRequest<T, R>): void {
    this.#size++;
    const segment = this.#last;
    request.segment = segment;
    segment.requests.push(request);
    segment.waitingCount++;
  }

  addMark(mark: QueuedMark): void {
    this.#size++;
    this.#last.mark = mark;
    this.#last = this.#openSegment();
  }

  complete(request: AsyncRequest<T, R>): void {
    const segment = request.segment!;
    segment.done.push(request);
    segment.waitingCount--;
    // An array, not a set: 3x (test/bench/operators/async.bench.ts).
    if (segment.waitingCount === 0) segment.requests.length = 0;
    else if (segment.requests.length > DONE_KEPT_MAX + 2 * segment.waitingCount)
      segment.requests = segment.requests.filter(({ isDone }) => !isDone);
  }

  take(): QueuedElement<T, R> | undefined {
    if (!this.hasOutput) return undefined;
    this.#size--;
    const { done, mark } = this.#segments.peek()!;
    const request = done.shift();
    if (request !== undefined) return request;
    this.#segments.shift();
    return mark;
  }

  *elements(): Generator<QueuedElement<T, R>> {
    for (const { done, requests, mark } of this.#segments) {
      yield* done;
      for (const request of requests) if (!request.isDone) yield request;
      if (mark !== undefined) yield mark;
    }
  }

  #openSegment(): Segment<T, R> {
    const segment: Segment<T, R> = { requests: [], waitingCount: 0, done: new Fifo(), mark: undefined };
    this.#segments.push(segment);
    return segment;
  }
}
