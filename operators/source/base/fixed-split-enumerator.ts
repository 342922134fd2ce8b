import type { EnumeratorContext, Json, SourceSplit, SplitEnumerator } from '../../../engine/task/source.ts';

export interface FixedSplitEnumeratorOptions<S extends SourceSplit> {
  readonly context: EnumeratorContext<S>;
  /** The enumerator's state of a checkpoint: then `splits` is not asked. */
  readonly restored: Json | undefined;
  readonly splits: () => readonly S[];
  /** Chooses the reader: `splitIndexOf(split) % parallelism`. */
  readonly splitIndexOf: (split: S) => number;
  readonly isBounded: boolean;
}

/**
 * Hands a fixed set of splits to the readers, all at once and always the same way, so that they are read side by side.
 * What is not yet handed out is its state; a split that was is in its reader's state, a finished one nowhere.
 */
export class FixedSplitEnumerator<S extends SourceSplit> implements SplitEnumerator<S> {
  readonly #options: FixedSplitEnumeratorOptions<S>;
  readonly #readers = new Set<number>();
  #pending: S[];

  constructor(options: FixedSplitEnumeratorOptions<S>) {
    this.#options = options;
    this.#pending =
      options.restored === undefined
        ? [...options.splits()]
        : [...(options.restored as unknown as { readonly pending: readonly S[] }).pending];
  }

  async start(): Promise<void> {}

  addReader(subtaskIndex: number): void {
    this.#readers.add(subtaskIndex);
    this.#assign(subtaskIndex);
    if (this.#options.isBounded) this.#options.context.signalNoMoreSplits(subtaskIndex);
  }

  handleSplitRequest(): void {}

  addSplitsBack(splits: readonly S[]): void {
    this.#pending.push(...splits);
    for (const subtaskIndex of this.#readers) this.#assign(subtaskIndex);
  }

  snapshotState(): Json {
    return { pending: [...this.#pending] };
  }

  async close(): Promise<void> {}

  #assign(subtaskIndex: number): void {
    const { context, splitIndexOf } = this.#options;
    const isOurs = (split: S): boolean => splitIndexOf(split) % context.parallelism === subtaskIndex;
    const splits = this.#pending.filter(isOurs);
    if (splits.length === 0) return;
    this.#pending = this.#pending.filter((split) => !isOurs(split));
    context.assign(subtaskIndex, splits);
  }
}
