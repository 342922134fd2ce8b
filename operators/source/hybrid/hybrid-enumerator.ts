import type { EnumeratorContext, Json, SourceSplit, SplitEnumerator } from '../../../engine/task/source.ts';
import { type HybridSplit, hybridSplitOf, type ReaderEvent, type StageEvent } from './hybrid-split.ts';
import type { HybridStages } from './hybrid-stages.ts';

interface EnumeratorState {
  readonly stage: number;
  /** What the source of the stage was made from. */
  readonly previousEnd: Json;
  /** State of its enumerator. */
  readonly inner: Json;
}

/**
 * Runs the enumerators of the sources one after another. Readers that have ended their part say so; when all have, the next
 * source begins.
 */
export class HybridEnumerator implements SplitEnumerator<HybridSplit> {
  readonly #stages: HybridStages<never>;
  readonly #context: EnumeratorContext<HybridSplit>;
  readonly #readers = new Set<number>();
  readonly #ended = new Set<number>();
  #stage: number;
  #previousEnd: Json;
  #inner: SplitEnumerator<SourceSplit>;
  #isClosed = false;

  constructor(stages: HybridStages<unknown>, context: EnumeratorContext<HybridSplit>, restored: Json | undefined) {
    this.#stages = stages as HybridStages<never>;
    this.#context = context;
    const state = restored as unknown as EnumeratorState | undefined;
    this.#stage = state?.stage ?? 0;
    this.#previousEnd = state?.previousEnd ?? null;
    this.#inner = this.#createInner(this.#stage, this.#previousEnd, state?.inner);
  }

  async start(): Promise<void> {
    await this.#inner.start();
  }

  addReader(subtaskIndex: number): void {
    this.#readers.add(subtaskIndex);
    this.#ended.delete(subtaskIndex);
    this.#begin(subtaskIndex);
  }

  handleSplitRequest(subtaskIndex: number): void {
    this.#inner.handleSplitRequest(subtaskIndex);
  }

  handleEvent(subtaskIndex: number, event: Json): void {
    const told = event as unknown as ReaderEvent;
    if (told.stage !== this.#stage) return;
    if (told.do === 'inner') {
      this.#inner.handleEvent?.(subtaskIndex, told.event);
      return;
    }
    this.#ended.add(subtaskIndex);
    if (this.#ended.size === this.#context.parallelism)
      this.#switch().catch((error: unknown) => this.#context.fail(error));
  }

  addSplitsBack(splits: readonly HybridSplit[], subtaskIndex: number): void {
    this.#inner.addSplitsBack(
      splits.map(({ split }) => split),
      subtaskIndex,
    );
  }

  snapshotState(checkpointId: number): Json {
    const state: EnumeratorState = {
      stage: this.#stage,
      previousEnd: this.#previousEnd,
      inner: this.#inner.snapshotState(checkpointId),
    };
    return state as unknown as Json;
  }

  notifyCheckpointComplete(checkpointId: number): void {
    this.#inner.notifyCheckpointComplete?.(checkpointId);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#inner.close();
  }

  /** A checkpoint that is taken before the next enumerator has started is of the stage before, at its end. */
  async #switch(): Promise<void> {
    const { logger } = this.#context;
    const before = this.#inner;
    const stage = this.#stage + 1;
    const previousEnd = before.snapshotState(0);
    const next = this.#createInner(stage, previousEnd, undefined);
    await next.start();
    if (this.#isClosed) {
      await next.close();
      return;
    }
    this.#stage = stage;
    this.#previousEnd = previousEnd;
    this.#inner = next;
    this.#ended.clear();
    logger.info(`${this.#stages.description}: source ${stage + 1} begins`);
    for (const subtaskIndex of this.#readers) this.#begin(subtaskIndex);
    await before.close();
  }

  #begin(subtaskIndex: number): void {
    this.#send(subtaskIndex, { do: 'begin', stage: this.#stage, previousEnd: this.#previousEnd });
    this.#inner.addReader(subtaskIndex);
  }

  #createInner(stage: number, previousEnd: Json, restored: Json | undefined): SplitEnumerator<SourceSplit> {
    const { environment, logger, parallelism } = this.#context;
    return this.#stages.source(stage, previousEnd).createEnumerator(
      {
        environment,
        logger,
        parallelism,
        assign: (subtaskIndex, splits) =>
          this.#context.assign(
            subtaskIndex,
            splits.map((split) => hybridSplitOf(stage, split)),
          ),
        signalNoMoreSplits: (subtaskIndex) => this.#send(subtaskIndex, { do: 'no-more', stage }),
        sendEvent: (subtaskIndex, event) => this.#send(subtaskIndex, { do: 'inner', stage, event }),
        fail: (error) => this.#context.fail(error),
      },
      restored,
    );
  }

  #send(subtaskIndex: number, event: StageEvent): void {
    this.#context.sendEvent(subtaskIndex, event as unknown as Json);
  }
}
