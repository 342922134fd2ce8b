import type { AsyncQueue, AsyncRequest, QueuedElement, QueuedMark, Segment } from './async-request.ts';
import { Fifo } from './fifo.ts';

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
    const { waiting, done, mark } = this.#segments.peek()!;
    return done.size > 0 || (waiting.size === 0 && mark !== undefined);
  }

  get isOpen(): boolean {
    return this.#segments.size === 1;
  }

  add(request: AsyncRequest<T, R>): void {
    this.#size++;
    request.segment = this.#last;
    this.#last.waiting.add(request);
  }

  addMark(mark: QueuedMark): void {
    this.#size++;
    this.#last.mark = mark;
    this.#last = this.#openSegment();
  }

  complete(request: AsyncRequest<T, R>): void {
    request.segment!.waiting.delete(request);
    request.segment!.done.push(request);
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
    for (const { done, waiting, mark } of this.#segments) {
      yield* done;
      yield* waiting;
      if (mark !== undefined) yield mark;
    }
  }

  #openSegment(): Segment<T, R> {
    const segment: Segment<T, R> = { waiting: new Set(), done: new Fifo(), mark: undefined };
    this.#segments.push(segment);
    return segment;
  }
}
