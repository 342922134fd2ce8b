import { type AsyncQueue, type AsyncRequest, type QueuedElement, QueuedMark } from './async-request.ts';
import { Fifo } from './fifo.ts';

/** Elements go out as they came in: results wait for those of the records before. */
export class OrderedQueue<T, R> implements AsyncQueue<T, R> {
  readonly #elements = new Fifo<QueuedElement<T, R>>();

  get size(): number {
    return this.#elements.size;
  }

  get hasOutput(): boolean {
    const element = this.#elements.peek();
    return element !== undefined && (element instanceof QueuedMark || element.isDone);
  }

  get isOpen(): boolean {
    return this.#elements.size === 0;
  }

  add(request: AsyncRequest<T, R>): void {
    this.#elements.push(request);
  }

  addMark(mark: QueuedMark): void {
    this.#elements.push(mark);
  }

  complete(): void {}

  take(): QueuedElement<T, R> | undefined {
    return this.hasOutput ? this.#elements.shift() : undefined;
  }

  elements(): Iterable<QueuedElement<T, R>> {
    return this.#elements;
  }
}
