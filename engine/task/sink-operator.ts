import type { Json } from './source.ts';
import type { RowKind } from './row-kind.ts';
import type { Sink, SinkContext, SinkWriter } from './sink.ts';
import { StreamOperator } from './stream-operator.ts';
import { InternalError } from '../base/errors.ts';
import type { Counter } from '../base/metrics.ts';

/** What was written between two barriers. */
interface Epoch {
  readonly checkpointId: number;
  readonly committables: Promise<readonly Json[]>;
}

/**
 * The end of a chain: hands records to a sink's writer.
 *
 * Stateful: the writer's own state. Law: what was written before a barrier is in that checkpoint's committables, and, when
 * that checkpoint is not completed, in those of the next one that is.
 */
export class SinkOperator extends StreamOperator<never> {
  readonly #sink: Sink<unknown>;
  readonly #restoredStates: readonly Json[];
  readonly #createContext: () => SinkContext;
  #writer: SinkWriter<unknown> = UNOPENED_WRITER;
  /** Of checkpoints that have not been completed, oldest first. */
  #epochs: readonly Epoch[] = [];
  #writerStates: readonly Json[] = [];
  #recordsIn: Counter | undefined;

  constructor(options: { sink: Sink<unknown>; createContext: () => SinkContext; restoredStates: readonly Json[] }) {
    super();
    this.#sink = options.sink;
    this.#createContext = options.createContext;
    this.#restoredStates = options.restoredStates;
  }

  override async open(): Promise<void> {
    this.#recordsIn = this.context.metrics.counter('numRecordsIn');
    this.#writer = await this.#sink.createWriter(this.#createContext());
    if (this.#restoredStates.length > 0) this.#writer.restoreState?.(this.#restoredStates);
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    this.#recordsIn!.value++;
    this.#writer.write(value, timestampMs, kind);
  }

  override blockedUntil(): Promise<void> | undefined {
    return this.#writer.blockedUntil?.();
  }

  override snapshotState(checkpointId: number, isFull?: boolean): void {
    const committables = this.#writer.prepareCommit(checkpointId, isFull);
    committables.catch(() => {}); // Whoever takes them sees the failure.
    this.#epochs = [...this.#epochs, { checkpointId, committables }];
    this.#writerStates = this.#writer.snapshotState?.(checkpointId) ?? [];
  }

  /**
   * For the checkpoint of the last `snapshotState`: the promise of all committables that no completed checkpoint holds, and
   * the writer's state.
   */
  prepared(): { readonly committables: Promise<readonly Json[]>; readonly writerStates: readonly Json[] } {
    const committables = Promise.all(this.#epochs.map((epoch) => epoch.committables)).then((lists) => lists.flat());
    committables.catch(() => {});
    return { committables, writerStates: this.#writerStates };
  }

  override notifyCheckpointComplete(checkpointId: number): void {
    this.#epochs = this.#epochs.filter((epoch) => epoch.checkpointId > checkpointId);
  }

  override async finish(): Promise<void> {
    await this.#writer.flush?.();
  }

  override async close(): Promise<void> {
    await this.#writer.close();
  }
}

const UNOPENED_WRITER: SinkWriter<unknown> = {
  write: () => {
    throw new InternalError('the sink writer was used before it was opened');
  },
  prepareCommit: () => Promise.resolve([]),
  close: () => Promise.resolve(),
};
