import { TidemarkError } from '../../../engine/base/errors.ts';
import { MetricGroup } from '../../../engine/base/metrics.ts';
import type { SeededRandom } from '../../../engine/base/random.ts';
import type { Environment } from '../../../engine/base/environment.ts';
import { INSERT } from '../../../engine/task/row-kind.ts';
import type { Committer, Sink, SinkContext, SinkWriter } from '../../../engine/task/sink.ts';
import type { Json, Source, SourceReader, SourceSplit } from '../../../engine/task/source.ts';
import type { ObjectStorage } from '../../../state/storage/object-storage.ts';

/** What a complete checkpoint holds: the only thing that survives a crash, besides the outside world. */
interface Checkpoint {
  readonly checkpointId: number;
  readonly enumerator: Json;
  readonly splits: readonly SourceSplit[];
  readonly pending: readonly { readonly checkpointId: number; readonly committables: readonly Json[] }[];
}

/**
 * The smallest job that copies a source to a sink with checkpoints, and dies at random points. What a dead attempt had
 * under way goes on as a zombie; the next attempt restores from the last complete checkpoint.
 */
export class JobRun<T> {
  readonly #environment: Environment;
  readonly #random: SeededRandom;
  readonly #source: Source<T, SourceSplit>;
  readonly #sink: Sink<T>;
  readonly #storage: ObjectStorage;
  readonly #parallelismMax: number;
  #parallelism = 1;
  readonly #crashProbability: number;
  readonly #storagePrefix: string;
  #checkpoint: Checkpoint | undefined;
  #lastCheckpointId = 0;
  attemptCount = 0;
  /** Failures that were not crashes made here: what faults of the outside have caused. */
  readonly failures: unknown[] = [];

  constructor(options: {
    readonly environment: Environment;
    readonly random: SeededRandom;
    readonly source: Source<T, SourceSplit>;
    readonly sink: Sink<T>;
    readonly storage: ObjectStorage;
    /** Readers and writers at most: every attempt has another number. */
    readonly parallelismMax: number;
    /** Per step of the job. */
    readonly crashProbability: number;
    /** Names the sink, also on the cluster. Default `job/0/staged/sink`. */
    readonly storagePrefix?: string | undefined;
  }) {
    this.#environment = options.environment;
    this.#random = options.random;
    this.#source = options.source;
    this.#sink = options.sink;
    this.#storage = options.storage;
    this.#parallelismMax = options.parallelismMax;
    this.#crashProbability = options.crashProbability;
    this.#storagePrefix = options.storagePrefix ?? 'job/0/staged/sink';
  }

  /** Runs attempts until the source has ended and everything is committed. */
  async run(): Promise<void> {
    for (;;) {
      const attempt = new Attempt<T>(++this.attemptCount);
      this.#parallelism = 1 + this.#random.below(this.#parallelismMax);
      try {
        if (await this.#runAttempt(attempt)) {
          await attempt.close();
          return;
        }
      } catch (error) {
        if (!(error instanceof TidemarkError) || !(error.retryable || error.code === 'FENCED')) throw error;
        this.failures.push(error);
      }
      attempt.isDead = true;
      // Often so soon that the dead attempt's last calls are still under way.
      await this.#environment.scheduler.delay(this.#random.below(2) === 0 ? 0 : this.#random.below(500));
    }
  }

  /** True: done. False: crashed. */
  async #runAttempt(attempt: Attempt<T>): Promise<boolean> {
    const environment = this.#environment;
    const common = { environment, logger: environment.logger, parallelism: this.#parallelism };
    const restored = this.#checkpoint;
    if (this.#sink.createCommitter !== undefined) {
      attempt.committer = await this.#sink.createCommitter(this.#sinkContext(attempt.number, 0));
    }
    attempt.pending.push(...(restored?.pending ?? []));
    void this.#commitPending(attempt);
    for (let subtaskIndex = 0; subtaskIndex < this.#parallelism; subtaskIndex++) {
      const context = {
        ...common,
        metrics: new MetricGroup(),
        subtaskIndex,
        requestSplit: () => {},
        sendEvent: () => {},
      };
      attempt.readers.push(this.#source.createReader(context));
      attempt.writers.push(await this.#sink.createWriter(this.#sinkContext(attempt.number, subtaskIndex)));
    }
    const enumerator = this.#source.createEnumerator(
      {
        ...common,
        assign: (subtaskIndex, splits) => attempt.readers[subtaskIndex]!.addSplits(splits),
        signalNoMoreSplits: (subtaskIndex) => attempt.readers[subtaskIndex]!.noMoreSplits(),
        sendEvent: () => {},
        fail: (error) => void (attempt.failure = error),
      },
      restored?.enumerator,
    );
    attempt.closers.push(() => enumerator.close());
    await enumerator.start();
    if (restored !== undefined) enumerator.addSplitsBack(restored.splits, 0);
    for (const [index, reader] of attempt.readers.entries()) {
      await reader.start();
      enumerator.addReader(index);
    }
    for (;;) {
      if (this.#random.next() < this.#crashProbability) return false;
      if (attempt.failure !== undefined) throw attempt.failure as Error;
      const statuses = attempt.readers.map((reader, index) => {
        const writer = attempt.writers[index]!;
        return reader.poll(
          {
            forSplit: () => ({ collect: (value, timestampMs) => writer.write(value, timestampMs, INSERT) }),
            releaseSplit: () => {},
          },
          1 + this.#random.below(20),
        );
      });
      for (const writer of attempt.writers) await writer.blockedUntil?.();
      const hasEnded = statuses.every((status) => status === 'end');
      if (hasEnded || this.#random.next() < 0.1) {
        if (!(await this.#takeCheckpoint(attempt, enumerator.snapshotState.bind(enumerator)))) return false;
      }
      if (hasEnded) {
        while (attempt.pending.length > 0) {
          if (attempt.failure !== undefined) throw attempt.failure as Error;
          if (this.#random.next() < this.#crashProbability) return false;
          await environment.scheduler.delay(50);
        }
        return true;
      }
      await environment.scheduler.delay(this.#random.below(20));
    }
  }

  /** False: crashed before it was complete. */
  async #takeCheckpoint(attempt: Attempt<T>, snapshotEnumerator: (checkpointId: number) => Json): Promise<boolean> {
    const checkpointId = ++this.#lastCheckpointId;
    const enumerator = snapshotEnumerator(checkpointId);
    const splits = attempt.readers.flatMap((reader) => [...reader.snapshotState(checkpointId)]);
    const prepared = await Promise.all(attempt.writers.map((writer) => writer.prepareCommit(checkpointId)));
    if (this.#random.next() < this.#crashProbability * 3) return false;
    const commit = { checkpointId, committables: prepared.flat() };
    if (attempt.committer !== undefined) attempt.pending.push(commit);
    // As it would come back from a manifest.
    this.#checkpoint = JSON.parse(
      JSON.stringify({ checkpointId, enumerator, splits, pending: attempt.pending }),
    ) as Checkpoint;
    if (this.#random.next() < this.#crashProbability * 3) return false;
    for (const reader of attempt.readers) reader.notifyCheckpointComplete?.(checkpointId);
    void this.#commitPending(attempt);
    return true;
  }

  async #commitPending(attempt: Attempt<T>): Promise<void> {
    if (attempt.isCommitting) return;
    attempt.isCommitting = true;
    while (attempt.pending.length > 0 && !attempt.isDead) {
      const { checkpointId, committables } = attempt.pending[0]!;
      try {
        await attempt.committer!.commit(checkpointId, committables);
        attempt.pending.shift();
      } catch (error) {
        if (!(error instanceof TidemarkError) || !error.retryable) {
          attempt.failure = error;
          break;
        }
        await this.#environment.scheduler.delay(100);
      }
    }
    attempt.isCommitting = false;
  }

  #sinkContext(attempt: number, subtaskIndex: number): SinkContext {
    return {
      environment: this.#environment,
      logger: this.#environment.logger,
      metrics: new MetricGroup(),
      jobName: 'job',
      sinkUid: 'sink',
      subtaskIndex,
      parallelism: this.#parallelism,
      attempt,
      storage: this.#storage,
      storagePrefix: this.#storagePrefix,
    };
  }
}

/** What one attempt has made. */
class Attempt<T> {
  readonly number: number;
  readonly readers: SourceReader<T, SourceSplit>[] = [];
  readonly writers: SinkWriter<T>[] = [];
  readonly closers: (() => Promise<void>)[] = [];
  readonly pending: { readonly checkpointId: number; readonly committables: readonly Json[] }[] = [];
  committer: Committer | undefined;
  isCommitting = false;
  isDead = false;
  failure: unknown;

  constructor(number: number) {
    this.number = number;
  }

  async close(): Promise<void> {
    for (const reader of this.readers) await reader.close();
    for (const writer of this.writers) await writer.close();
    for (const closer of this.closers) await closer();
    await this.committer?.close();
  }
}
