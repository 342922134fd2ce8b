import type {
  Json,
  ReaderContext,
  ReaderStatus,
  SourceOutput,
  SourceReader,
  SourceSplit,
} from '../../../engine/task/source.ts';
import { Availability } from '../base/availability.ts';
import { type HybridSplit, hybridSplitId, hybridSplitOf, type ReaderEvent, type StageEvent } from './hybrid-split.ts';
import type { HybridStages } from './hybrid-stages.ts';

/** Reads the sources' splits by their own readers, one source after another. */
export class HybridReader<T> implements SourceReader<T, HybridSplit> {
  readonly #stages: HybridStages<T>;
  readonly #context: ReaderContext;
  readonly #availability = new Availability();
  #stage = -1;
  #inner: SourceReader<T, SourceSplit> | undefined;
  #isStarted = false;
  /** What has come before the source's reader has started. */
  #early: { readonly splits: HybridSplit[]; readonly calls: (() => void)[] } = { splits: [], calls: [] };
  /** The source is not the last, and has ended here. */
  #hasEnded = false;
  #failure: { readonly error: unknown } | undefined;
  readonly #closing: Promise<void>[] = [];

  constructor(stages: HybridStages<T>, context: ReaderContext) {
    this.#stages = stages;
    this.#context = context;
  }

  /** At a switch time stands still until the next source has given out its splits. */
  get expectsSplits(): boolean {
    return this.#hasEnded || !this.#isStarted;
  }

  /** The source to begin with is told by the enumerator. */
  async start(): Promise<void> {}

  addSplits(splits: readonly HybridSplit[]): void {
    if (!this.#isStarted) this.#early.splits.push(...splits);
    this.#whenStarted(() => this.#inner!.addSplits(splits.map(({ split }) => split)));
  }

  /** Told per source, by event. */
  noMoreSplits(): void {}

  handleEvent(event: Json): void {
    const told = event as unknown as StageEvent;
    if (told.do === 'begin') this.#begin(told.stage, told.previousEnd);
    else if (told.stage !== this.#stage) return;
    else if (told.do === 'no-more') this.#whenStarted(() => this.#inner!.noMoreSplits());
    else this.#whenStarted(() => this.#inner!.handleEvent?.(told.event));
    this.#availability.signal();
  }

  poll(output: SourceOutput<T>, recordCountMax: number): ReaderStatus {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#hasEnded || this.#inner === undefined || !this.#isStarted) return 'empty';
    const status = this.#inner.poll(this.#outputOf(output), recordCountMax);
    if (status !== 'end') return status;
    if (this.#stages.isLast(this.#stage)) return 'end';
    this.#hasEnded = true;
    this.#send({ do: 'ended', stage: this.#stage });
    return 'empty';
  }

  async available(): Promise<void> {
    const mine = this.#availability.wait();
    await (this.#hasEnded || !this.#isStarted ? mine : Promise.race([mine, this.#inner!.available()]));
  }

  snapshotState(checkpointId: number): readonly HybridSplit[] {
    const inner = this.#inner?.snapshotState(checkpointId) ?? [];
    return [...this.#early.splits, ...inner.map((split) => hybridSplitOf(this.#stage, split))];
  }

  notifyCheckpointComplete(checkpointId: number): void {
    this.#inner?.notifyCheckpointComplete?.(checkpointId);
  }

  pauseOrResumeSplits(toPause: readonly string[], toResume: readonly string[]): void {
    const prefix = hybridSplitId(this.#stage, '');
    const own = (ids: readonly string[]): string[] =>
      ids.filter((id) => id.startsWith(prefix)).map((id) => id.slice(prefix.length));
    this.#inner?.pauseOrResumeSplits?.(own(toPause), own(toResume));
  }

  hasBacklog(splitId: string): boolean {
    const prefix = hybridSplitId(this.#stage, '');
    if (!splitId.startsWith(prefix)) return false;
    return this.#inner?.hasBacklog?.(splitId.slice(prefix.length)) ?? true;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#closing, this.#inner?.close()]);
  }

  #begin(stage: number, previousEnd: Json): void {
    if (this.#inner !== undefined) this.#closing.push(this.#inner.close());
    this.#stage = stage;
    this.#hasEnded = false;
    this.#isStarted = false;
    const inner = this.#stages.source(stage, previousEnd).createReader({
      ...this.#context,
      sendEvent: (event) => this.#send({ do: 'inner', stage, event }),
    }) as SourceReader<T, SourceSplit>;
    this.#inner = inner;
    inner.start().then(
      () => {
        if (this.#inner !== inner) return;
        this.#isStarted = true;
        const { calls } = this.#early;
        this.#early = { splits: [], calls: [] };
        for (const call of calls) call();
        this.#availability.signal();
      },
      (error: unknown) => {
        this.#failure = { error };
        this.#availability.signal();
      },
    );
  }

  #whenStarted(call: () => void): void {
    if (this.#isStarted) call();
    else this.#early.calls.push(call);
  }

  #send(event: ReaderEvent): void {
    this.#context.sendEvent(event as unknown as Json);
  }

  #outputOf(output: SourceOutput<T>): SourceOutput<T> {
    const stage = this.#stage;
    return {
      forSplit: (splitId) => output.forSplit(hybridSplitId(stage, splitId)),
      releaseSplit: (splitId) => output.releaseSplit(hybridSplitId(stage, splitId)),
    };
  }
}
