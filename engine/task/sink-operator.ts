import type { Json } from './source.ts';
import type { RowKind } from './row-kind.ts';
import type { Sink, SinkContext, SinkWriter } from './sink.ts';
import { StreamOperator } from './stream-operator.ts';
import { InternalError } from '../base/errors.ts';

/**
 * The end of a chain: hands records to a sink's writer.
 *
 * Stateful: the writer's own state. Law: what was written before a barrier is in that checkpoint's committables.
 */
export class SinkOperator extends StreamOperator<never> {
  readonly #sink: Sink<unknown>;
  readonly #restoredStates: readonly Json[];
  readonly #createContext: () => SinkContext;
  #writer: SinkWriter<unknown> = UNOPENED_WRITER;
  #prepared: Promise<readonly Json[]> | undefined;
  #writerStates: readonly Json[] = [];
  recordCount = 0;

  constructor(options: { sink: Sink<unknown>; createContext: () => SinkContext; restoredStates: readonly Json[] }) {
    super();
    this.#sink = options.sink;
    this.#createContext = options.createContext;
    this.#restoredStates = options.restoredStates;
  }

  override async open(): Promise<void> {
    this.#writer = await this.#sink.createWriter(this.#createContext());
    if (this.#restoredStates.length > 0) this.#writer.restoreState?.(this.#restoredStates);
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    this.recordCount++;
    this.#writer.write(value, timestampMs, kind);
  }

  override blockedUntil(): Promise<void> | undefined {
    return this.#writer.blockedUntil?.();
  }

  override snapshotState(checkpointId: number): void {
    this.#prepared = this.#writer.prepareCommit(checkpointId);
    this.#writerStates = this.#writer.snapshotState?.(checkpointId) ?? [];
  }

  /** What the last `snapshotState` cut off: the promise of its committables, and the writer's state. */
  takePrepared(): { readonly committables: Promise<readonly Json[]>; readonly writerStates: readonly Json[] } {
    const committables = this.#prepared ?? Promise.resolve([]);
    this.#prepared = undefined;
    return { committables, writerStates: this.#writerStates };
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
