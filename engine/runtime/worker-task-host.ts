import { Worker } from 'node:worker_threads';
import type { Environment } from '../base/environment.ts';
import { ExternalError, UserError } from '../base/errors.ts';
import type { MetricGroup } from '../base/metrics.ts';
import type { Barrier } from '../exchange/control-element.ts';
import { MIN_TIMESTAMP_MS } from '../time/timestamps.ts';
import { receiveError } from './error-transfer.ts';
import { writeSentLog } from './log-transfer.ts';
import { MetricMirror } from './metric-mirror.ts';
import type { WorkerOptions } from './runtime-options.ts';
import type { HostedOperator, StateContent, StateRead } from './state-read.ts';
import type { SourceEvent, StoredCheckpoint, TaskHost, TaskHostListener, WaitingTask } from './task-host.ts';
import type { FromWorker, TaskMessage, ToWorker, WorkerStart } from './worker-messages.ts';

const CLOSE_MS_MAX = 10_000;

export interface WorkerTaskHostOptions {
  readonly environment: Environment;
  readonly metrics: MetricGroup;
  readonly listener: TaskHostListener;
  readonly workers: WorkerOptions;
  readonly start: WorkerStart;
}

/** Tasks on a worker thread: sends what it is told to the `LocalTaskHost` over there, and tells what comes back. */
export class WorkerTaskHost implements TaskHost {
  /** Settles when the tasks are restored, or could not be. */
  readonly built: Promise<void>;
  readonly #environment: Environment;
  readonly #listener: TaskHostListener;
  readonly #name: string;
  readonly #closeMsMax: number;
  readonly #worker: Worker;
  readonly #metrics: MetricMirror;
  readonly #built = Promise.withResolvers<void>();
  readonly #opened = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #requests = new Map<number, PromiseWithResolvers<StateContent>>();
  #nextRequestId = 1;
  #operators: readonly HostedOperator[] = [];
  #watermarkMs = MIN_TIMESTAMP_MS;
  #waiting: readonly WaitingTask[] = [];
  /** The thread has ended, or is about to. */
  #isLost = false;
  #isClosing = false;

  /** Starts the thread. @throws UserError when the job's parameters cannot be sent to it. */
  constructor({ environment, metrics, listener, workers, start }: WorkerTaskHostOptions) {
    this.#environment = environment;
    this.#listener = listener;
    this.#name = `worker ${start.workerIndex}`;
    this.#closeMsMax = workers.closeMsMax ?? CLOSE_MS_MAX;
    this.#metrics = new MetricMirror(metrics);
    this.built = this.#built.promise;
    for (const { promise } of [this.#built, this.#opened]) promise.catch(() => {}); // Whoever waits sees it.
    this.#worker = startThread(start, workers);
    this.#worker.on('message', (message: FromWorker) => this.#onMessage(message));
    this.#worker.on('messageerror', (error) => this.#onLost('sent what cannot be read', error));
    this.#worker.on('error', (error) => this.#onError(error));
    this.#worker.on('exit', (code) => this.#onExit(code));
    workers.onStart?.(this.#worker, start.workerIndex);
  }

  get watermarkMs(): number {
    return this.#watermarkMs;
  }

  get operators(): readonly HostedOperator[] {
    return this.#operators;
  }

  async open(): Promise<void> {
    this.#send({ kind: 'open' });
    await this.#opened.promise;
  }

  start(): void {
    this.#send({ kind: 'start' });
  }

  runUntilIdle(): void {
    throw new UserError('CONFIGURATION', 'a job on worker threads cannot be run step by step', {
      hint: 'Start it without workers to drive it from a test.',
    });
  }

  triggerCheckpoint(barrier: Barrier): void {
    this.#send({ kind: 'checkpoint', barrier });
  }

  notifyCheckpointComplete(checkpointId: number): void {
    this.#send({ kind: 'checkpoint-complete', checkpointId });
  }

  sendToSource(taskId: number, event: SourceEvent): void {
    this.#send({ kind: 'source', taskId, event });
  }

  drainSources(): void {
    this.#send({ kind: 'drain' });
  }

  waitingFor(taskId: number, checkpointId: number): readonly number[] | undefined {
    return this.#waiting.find((task) => task.taskId === taskId && task.checkpointId === checkpointId)?.channels;
  }

  async readState(taskId: number, read: StateRead): Promise<StateContent> {
    return await this.#request(taskId, read, undefined);
  }

  async readStoredState(taskId: number, read: StateRead, stored: StoredCheckpoint): Promise<StateContent> {
    return await this.#request(taskId, read, stored);
  }

  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const { logger } = this.#environment;
    if (!this.#isLost) {
      this.#send({ kind: 'close' });
      if (!(await this.#isInTime(this.#closed.promise))) {
        logger.warn(`${this.#name} did not close within ${this.#closeMsMax} ms and is ended`, {
          hint: 'A function of the job may be busy without end.',
        });
      }
    }
    // A thread that is out of memory may collect garbage forever.
    if (!(await this.#isInTime(this.#worker.terminate())))
      logger.error(`${this.#name} cannot be ended, and is left behind`);
  }

  async #isInTime(done: Promise<unknown>): Promise<boolean> {
    const late = Promise.withResolvers<false>();
    const timer = this.#environment.scheduler.setTimer(this.#closeMsMax, () => late.resolve(false));
    const isInTime = await Promise.race([done.then(() => true), late.promise]);
    timer.cancel();
    return isInTime;
  }

  #request(taskId: number, read: StateRead, stored: StoredCheckpoint | undefined): Promise<StateContent> {
    const requestId = this.#nextRequestId++;
    const answer = Promise.withResolvers<StateContent>();
    this.#requests.set(requestId, answer);
    this.#send({ kind: 'read', requestId, taskId, read, stored });
    return answer.promise;
  }

  #send(message: ToWorker): void {
    if (!this.#isLost) this.#worker.postMessage(message);
  }

  #onMessage(message: FromWorker): void {
    switch (message.kind) {
      case 'built':
        this.#built.resolve();
        return;
      case 'opened':
        this.#operators = message.operators;
        this.#opened.resolve();
        return;
      case 'refused': {
        const error = receiveError(message.error);
        this.#built.reject(error);
        this.#opened.reject(error);
        return;
      }
      case 'answer':
        this.#onAnswer(message.requestId, message);
        return;
      case 'log':
        writeSentLog(this.#environment.logger, message.log);
        return;
      case 'report':
        this.#metrics.update(message.metrics);
        this.#watermarkMs = message.watermarkMs;
        this.#waiting = message.waiting;
        return;
      case 'closed':
        this.#isLost = true;
        this.#closed.resolve();
        return;
      case 'died':
        this.#onLost('ended: nobody has caught an error', receiveError(message.error));
        return;
      default:
        // An attempt that is closing hears no more.
        if (!this.#isClosing) this.#tellSafely(message);
    }
  }

  /** What an enumerator throws at a message of its reader fails the attempt. */
  #tellSafely(message: TaskMessage): void {
    try {
      this.#tell(message);
    } catch (error) {
      this.#listener.onFailure(error);
    }
  }

  #tell(message: TaskMessage): void {
    const listener = this.#listener;
    switch (message.kind) {
      case 'snapshot-started':
        listener.onSnapshotStarted(message.taskId);
        return;
      case 'snapshot-ended': {
        const { taskId, checkpointId, acknowledgement, error } = message;
        if (acknowledgement !== undefined)
          listener.onSnapshotEnded(taskId, checkpointId, { kind: 'acknowledged', acknowledgement });
        else if (error !== undefined)
          listener.onSnapshotEnded(taskId, checkpointId, { kind: 'declined', error: receiveError(error) });
        else listener.onSnapshotEnded(taskId, checkpointId, undefined);
        return;
      }
      case 'finished':
        listener.onFinished(message.taskId);
        return;
      case 'failed':
        listener.onFailure(receiveError(message.error));
        return;
      case 'split-request':
        listener.onSplitRequest(message.sourceUid, message.subtaskIndex);
        return;
      case 'reader-event':
        listener.onReaderEvent(message.sourceUid, message.subtaskIndex, message.event);
    }
  }

  #onAnswer(requestId: number, { content, error }: Extract<FromWorker, { kind: 'answer' }>): void {
    const request = this.#requests.get(requestId);
    this.#requests.delete(requestId);
    if (content !== undefined) request?.resolve(content);
    else request?.reject(error === undefined ? undefined : receiveError(error));
  }

  #onError(error: unknown): void {
    const isOutOfMemory = (error as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY';
    this.#onLost(isOutOfMemory ? 'ran out of memory' : 'ended', error, {
      hint: isOutOfMemory
        ? 'Give Node more with NODE_OPTIONS=--max-old-space-size=<MB>, or the page caches less with --cache.'
        : undefined,
    });
  }

  #onExit(code: number): void {
    this.#closed.resolve();
    const reason = code === 1 ? 'was ended' : `ended by itself with exit code ${code}`;
    this.#onLost(reason, undefined, {
      hint: code === 1 ? undefined : 'Does the job call process.exit? Throw an error instead.',
    });
  }

  #onLost(what: string, cause: unknown, { hint }: { readonly hint?: string | undefined } = {}): void {
    if (this.#isLost) return;
    this.#isLost = true;
    const error = new ExternalError('WORKER_LOST', `${this.#name} ${what}`, { cause, hint });
    this.#built.reject(error);
    this.#opened.reject(error);
    this.#closed.resolve();
    for (const request of this.#requests.values()) request.reject(error);
    this.#requests.clear();
    if (!this.#isClosing) this.#listener.onFailure(error);
  }
}

function startThread(start: WorkerStart, { resourceLimits }: WorkerOptions): Worker {
  try {
    return new Worker(new URL('./task-worker.ts', import.meta.url), {
      name: `tidemark worker ${start.workerIndex}`,
      workerData: start,
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
    });
  } catch (error) {
    if ((error as Error).name !== 'DataCloneError') throw error;
    throw new UserError(
      'CONFIGURATION',
      `the parameters of job '${start.jobName}' cannot be sent to a worker thread: ${(error as Error).message}`,
      { cause: error, hint: 'Make them plain data, or run the job with --workers 0.' },
    );
  }
}
