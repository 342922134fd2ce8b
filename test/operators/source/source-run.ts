import { MetricGroup } from '../../../engine/base/metrics.ts';
import type { Environment } from '../../../engine/base/environment.ts';
import type { Json, ReaderStatus, Source, SourceReader, SourceSplit } from '../../../engine/task/source.ts';

export interface SourceCheckpoint<S> {
  readonly enumerator: Json;
  readonly splits: readonly S[];
}

/** The smallest engine that can run a source: one enumerator, some readers, checkpoints. For tests of sources. */
export class SourceRun<T, S extends SourceSplit> {
  readonly environment: Environment;
  /** Everything emitted, in order, with the split it came from. */
  readonly emitted: { readonly splitId: string; readonly value: T; readonly timestampMs: number }[] = [];
  readonly released: string[] = [];
  readonly #readers: SourceReader<T, S>[] = [];
  readonly #ended = new Set<number>();
  readonly #enumerator;
  #error: Error | undefined;
  #checkpointId = 0;

  constructor(options: {
    readonly source: Source<T, S>;
    readonly environment: Environment;
    readonly parallelism?: number;
    readonly restore?: SourceCheckpoint<S>;
  }) {
    const { source, environment, parallelism = 1, restore } = options;
    this.environment = environment;
    const common = { environment, logger: environment.logger, parallelism };
    this.#enumerator = source.createEnumerator(
      {
        ...common,
        assign: (subtaskIndex, splits) => this.#readers[subtaskIndex]!.addSplits(clone(splits)),
        signalNoMoreSplits: (subtaskIndex) => this.#readers[subtaskIndex]!.noMoreSplits(),
        sendEvent: (subtaskIndex, event) => this.#readers[subtaskIndex]!.handleEvent?.(event),
        fail: (error) => void (this.#error = error as Error),
      },
      restore === undefined ? undefined : clone(restore.enumerator),
    );
    for (let subtaskIndex = 0; subtaskIndex < parallelism; subtaskIndex++) {
      this.#readers.push(
        source.createReader({
          ...common,
          metrics: new MetricGroup(),
          subtaskIndex,
          requestSplit: () => this.#enumerator.handleSplitRequest(subtaskIndex),
          sendEvent: (event) => this.#enumerator.handleEvent?.(subtaskIndex, event),
        }),
      );
    }
    this.#restored = restore?.splits;
  }
  readonly #restored: readonly S[] | undefined;

  async start(): Promise<this> {
    await this.#enumerator.start();
    for (const reader of this.#readers) await reader.start();
    if (this.#restored !== undefined) this.#enumerator.addSplitsBack(clone(this.#restored), 0);
    this.#readers.forEach((_, index) => this.#enumerator.addReader(index));
    return this;
  }

  /** One poll of every reader. */
  poll(recordCountMax: number): ReaderStatus[] {
    if (this.#error !== undefined) throw this.#error;
    return this.#readers.map((reader, index) => {
      if (this.#ended.has(index)) return 'end';
      const status = reader.poll(
        {
          forSplit: (splitId) => ({
            collect: (value, timestampMs) => void this.emitted.push({ splitId, value, timestampMs }),
          }),
          releaseSplit: (splitId) => void this.released.push(splitId),
        },
        recordCountMax,
      );
      if (status === 'end') this.#ended.add(index);
      return status;
    });
  }

  /** Polls and waits until the readers have ended, or `untilCount` records have come. */
  async run(options: { readonly recordCountMax?: number; readonly untilCount?: number } = {}): Promise<void> {
    const { recordCountMax = 7, untilCount = Infinity } = options;
    for (;;) {
      const statuses = this.poll(recordCountMax);
      if (this.emitted.length >= untilCount || statuses.every((status) => status === 'end')) return;
      if (!statuses.includes('more')) {
        const waiting = this.#readers.filter((_, index) => statuses[index] === 'empty');
        await Promise.race(waiting.map((reader) => reader.available()));
      }
    }
  }

  checkpoint(): SourceCheckpoint<S> {
    const checkpointId = ++this.#checkpointId;
    return clone({
      enumerator: this.#enumerator.snapshotState(checkpointId),
      splits: this.#readers.flatMap((reader) => [...reader.snapshotState(checkpointId)]),
    });
  }

  pauseOrResume(toPause: readonly string[], toResume: readonly string[]): void {
    for (const reader of this.#readers) reader.pauseOrResumeSplits?.(toPause, toResume);
  }

  async close(): Promise<void> {
    for (const reader of this.#readers) await reader.close();
    await this.#enumerator.close();
  }
}

/** As it would come back from a manifest. */
function clone<V>(value: V): V {
  return JSON.parse(JSON.stringify(value)) as V;
}
