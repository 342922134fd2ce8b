import { describeRecord } from '../../engine/base/describe-record.ts';
import { ExternalError, TidemarkError, UserError } from '../../engine/base/errors.ts';
import type { Counter } from '../../engine/base/metrics.ts';
import type { RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator, type WatermarkEmitter, type WatermarkInterceptor } from '../../engine/task/stream-operator.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { FunctionContext } from '../process/function-context.ts';
import type { AsyncFunction } from './async-function.ts';
import { type AsyncQueue, AsyncRequest, type QueuedElement, QueuedMark } from './async-request.ts';
import { isPromise, toResults } from './async-results.ts';
import type { AsyncRetryStrategy } from './async-retry.ts';
import { Fifo } from './fifo.ts';
import { OrderedQueue } from './ordered-queue.ts';
import { RequestTimeouts } from './request-timeouts.ts';
import { RequestsInFlight } from './requests-in-flight.ts';
import { UnorderedQueue } from './unordered-queue.ts';

/** Results that go out in one turn before others get theirs, about. */
const RESULTS_PER_TURN = 1024;

export interface AsyncWaitSettings<T, R> {
  readonly fn: AsyncFunction<T, R>;
  readonly schema: Schema<T>;
  readonly isOrdered: boolean;
  /** Records and watermarks under way at most. */
  readonly capacity: number;
  /** For all attempts of a record together. Undefined: none. */
  readonly timeoutMs: number | undefined;
  readonly retry: AsyncRetryStrategy<R> | undefined;
}

/**
 * Asks an async function about every record and emits the results with its timestamp and row kind.
 *
 * Stateful: the records under way, which are asked about again after a restore, before new ones. Starts a chain: the task
 * holds its input back while records wait for room.
 * Law: no result passes a watermark, in either direction; ordered, none passes another record's.
 */
export class AsyncWaitOperator<T, R> extends StreamOperator<R> {
  readonly #settings: AsyncWaitSettings<T, R>;
  readonly #fn: AsyncFunction<T, R>;
  readonly #queue: AsyncQueue<T, R>;
  /** Came when the queue was full. */
  readonly #waiting = new Fifo<QueuedElement<T, R>>();
  readonly #retrying = new Set<AsyncRequest<T, R>>();
  readonly #emitOutput = (): void => this.#emit();
  #inFlight: RequestsInFlight<T, R> = undefined as never;
  #timeouts: RequestTimeouts<T, R> | undefined;
  #emitter: WatermarkEmitter = undefined as never;
  #retries: Counter = undefined as never;
  /** Its results were there at once: good for another record. */
  #spare: AsyncRequest<T, R> | undefined;
  /** The last one that has gone out. After a restore lower ones may come in than one that was under way. */
  #watermarkMs = -Infinity;
  #isOpen = false;
  #isOutputPosted = false;
  #isInputEnded = false;
  #isClosed = false;
  #room: PromiseWithResolvers<void> | undefined;
  #finished: PromiseWithResolvers<void> | undefined;

  override readonly watermarkInterceptor: WatermarkInterceptor = {
    open: (emitter) => void (this.#emitter = emitter),
    onWatermark: (watermarkMs) => this.#onMark(new QueuedMark(watermarkMs, false)),
    onStatus: (isIdle) => this.#onMark(new QueuedMark(Number.NaN, isIdle)),
  };

  constructor(settings: AsyncWaitSettings<T, R>) {
    super();
    this.#settings = settings;
    this.#fn = settings.fn;
    this.#queue = settings.isOrdered ? new OrderedQueue() : new UnorderedQueue();
  }

  /** Records and watermarks that have not gone out. */
  get inFlightCount(): number {
    return this.#queue.size + this.#waiting.size;
  }

  override async open(): Promise<void> {
    const { context } = this;
    const { schema, timeoutMs } = this.#settings;
    this.#inFlight = new RequestsInFlight(context, schema);
    if (timeoutMs !== undefined)
      this.#timeouts = new RequestTimeouts(timeoutMs, context, (request) => this.#onTimeout(request));
    this.#retries = context.metrics.counter('numAsyncRetries');
    context.metrics.gauge('numAsyncInFlight', () => this.inFlightCount);
    await this.#fn.open?.(new FunctionContext(context));
    for (const element of this.#inFlight.restored()) this.#admit(element);
    this.#isOpen = true;
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    const spare = this.#spare;
    this.#spare = undefined;
    this.#admit(spare?.reset(value as T, timestampMs, kind) ?? new AsyncRequest<T, R>(value as T, timestampMs, kind));
  }

  /** Records wait inside: no more of them before they have found room. */
  override blockedUntil(): Promise<void> | undefined {
    if (this.#waiting.size === 0) return undefined;
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }

  override snapshotState(): void {
    this.#inFlight.store(this.#elements());
  }

  /** No attempt is repeated any more; those that wait for their next one get it now, as their last. */
  override endInput(): void {
    this.#isInputEnded = true;
    for (const request of this.#retrying) {
      request.retryTimer?.cancel();
      this.#attempt(request);
    }
    this.#retrying.clear();
  }

  override finish(): Promise<void> | undefined {
    if (this.inFlightCount === 0) return undefined;
    this.#finished = Promise.withResolvers<void>();
    return this.#finished.promise;
  }

  override async close(): Promise<void> {
    this.#isClosed = true;
    const reason = new UserError('CANCELED', 'the operator was closed');
    for (const element of this.#elements())
      if (element instanceof AsyncRequest && !element.isDone) element.abort(reason);
    await this.#fn.close?.();
  }

  *#elements(): Generator<QueuedElement<T, R>> {
    yield* this.#queue.elements();
    yield* this.#waiting;
  }

  #onMark(mark: QueuedMark): void {
    if (this.inFlightCount === 0) this.#emitMark(mark);
    else this.#admit(mark);
  }

  #admit(element: QueuedElement<T, R>): void {
    if (this.#waiting.size > 0 || this.#queue.size >= this.#settings.capacity) this.#waiting.push(element);
    else this.#start(element);
  }

  #start(element: QueuedElement<T, R>): void {
    if (element instanceof QueuedMark) {
      this.#queue.addMark(element);
      this.#postOutput();
      return;
    }
    this.#attempt(element);
    if (element.isDone) return;
    this.#enqueue(element);
    this.#timeouts?.add(element);
  }

  #attempt(request: AsyncRequest<T, R>): void {
    request.attempt++;
    request.retryTimer = undefined;
    let given: PromiseLike<Iterable<R>> | Iterable<R>;
    try {
      given = this.#fn.asyncInvoke(request.value, request);
    } catch (error) {
      this.#onError(request, error);
      return;
    }
    if (!isPromise<Iterable<R>>(given)) this.#onResults(request, given);
    else
      given.then(
        (results) => this.#onResults(request, results),
        (error: unknown) => this.#onError(request, error),
      );
  }

  #onResults(request: AsyncRequest<T, R>, given: Iterable<R>): void {
    if (request.isDone || this.#isClosed) return;
    let results: readonly R[];
    try {
      results = toResults(given);
      if (this.#mayRetry(request) && this.#settings.retry?.ifResult?.(results) === true) {
        this.#retryLater(request);
        return;
      }
    } catch (error) {
      this.#fail(request, error);
      return;
    }
    this.#complete(request, results);
  }

  #onError(request: AsyncRequest<T, R>, failure: unknown): void {
    if (request.isDone || this.#isClosed) return;
    try {
      if (this.#mayRetry(request) && this.#settings.retry?.ifError?.(failure) === true) {
        this.#retryLater(request);
        return;
      }
    } catch (error) {
      this.#fail(request, error);
      return;
    }
    this.#fail(request, failure);
  }

  #mayRetry({ attempt }: AsyncRequest<T, R>): boolean {
    const { retry } = this.#settings;
    return retry !== undefined && attempt < retry.maxAttempts && !this.#isInputEnded;
  }

  #retryLater(request: AsyncRequest<T, R>): void {
    const { timers } = this.context;
    const delayMs = Math.ceil(this.#settings.retry!.delayMs(request.attempt));
    this.#retries.value++;
    this.#retrying.add(request);
    request.retryTimer = timers.schedule(timers.currentProcessingTimeMs() + delayMs, () => {
      this.#retrying.delete(request);
      this.#attempt(request);
    });
  }

  #onTimeout(request: AsyncRequest<T, R>): void {
    request.retryTimer?.cancel();
    this.#retrying.delete(request);
    const { timeoutMs } = this.#settings;
    const attempts = request.attempt === 1 ? '' : ` in ${request.attempt} attempts`;
    const timeout = new ExternalError(
      'TIMEOUT',
      `async function '${this.context.operatorName}': no result within ${timeoutMs} ms${attempts} for the record ${describeRecord(request.value)}`,
      { hint: 'Give the function a method timeout(value), whose results are taken then, or raise the option timeout.' },
    );
    request.abort(timeout);
    let results: readonly R[];
    try {
      if (this.#fn.timeout === undefined) throw timeout;
      results = toResults(this.#fn.timeout(request.value, request));
    } catch (error) {
      this.#fail(request, error);
      return;
    }
    this.#complete(request, results);
  }

  /** Reports a failure to the task. In one that goes on, the record has no results. */
  #fail(request: AsyncRequest<T, R>, cause: unknown): void {
    const failure =
      cause instanceof TidemarkError
        ? cause
        : new UserError(
            'USER_FUNCTION',
            `async function '${this.context.operatorName}' failed in attempt ${request.attempt} for the record ${describeRecord(request.value)}`,
            { cause, hint: this.#hintOf(request) },
          );
    this.#complete(request, []);
    this.context.mailbox.post(() => {
      throw failure;
    });
  }

  /** Why no further attempt was made, where the strategy would have allowed one. */
  #hintOf({ attempt }: AsyncRequest<T, R>): string | undefined {
    const { retry } = this.#settings;
    if (retry === undefined || attempt >= retry.maxAttempts || !this.#isInputEnded) return undefined;
    return 'The input has ended, and no attempt is repeated after that. For a result instead of a failure, return it and let ifResult of the retry strategy ask again.';
  }

  #complete(request: AsyncRequest<T, R>, results: readonly R[]): void {
    request.results = results;
    if (request.isQueued) {
      this.#timeouts?.remove(request);
    } else {
      // Results that were there at once: the task is in the middle of the record.
      if (this.#isOpen && this.#queue.isOpen) {
        this.#emitResults(request);
        this.#spare = request;
        return;
      }
      this.#enqueue(request);
    }
    this.#queue.complete(request);
    this.#postOutput();
  }

  #enqueue(request: AsyncRequest<T, R>): void {
    request.isQueued = true;
    this.#queue.add(request);
  }

  #postOutput(): void {
    if (this.#isOutputPosted || !this.#queue.hasOutput) return;
    this.#isOutputPosted = true;
    this.context.mailbox.postOutput(this.#emitOutput);
  }

  /** Sends out what can go, and lets in what has waited for its room. */
  #emit(): void {
    this.#isOutputPosted = false;
    if (this.#isClosed) return;
    for (let count = 0; count < RESULTS_PER_TURN; count++) {
      const element = this.#queue.take();
      if (element === undefined) break;
      if (element instanceof QueuedMark) this.#emitMark(element);
      else count += this.#emitResults(element);
      this.#admitWaiting();
    }
    this.#postOutput();
    if (this.#waiting.size === 0) {
      this.#room?.resolve();
      this.#room = undefined;
    }
    if (this.inFlightCount === 0) this.#finished?.resolve();
  }

  #admitWaiting(): void {
    while (this.#waiting.size > 0 && this.#queue.size < this.#settings.capacity) this.#start(this.#waiting.shift()!);
  }

  #emitResults({ results, timestamp, rowKind }: AsyncRequest<T, R>): number {
    const { output } = this;
    for (let i = 0; i < results!.length; i++) output.collect(results![i] as R, timestamp, rowKind);
    return results!.length;
  }

  #emitMark({ watermarkMs, isIdle }: QueuedMark): void {
    if (Number.isNaN(watermarkMs)) {
      if (isIdle) this.#emitter.markIdle();
      else this.#emitter.markActive();
    } else if (watermarkMs >= this.#watermarkMs) {
      this.#watermarkMs = watermarkMs;
      this.#emitter.emitWatermark(watermarkMs);
    }
  }
}
