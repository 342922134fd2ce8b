import type { Output } from '../../engine/task/output.ts';
import { DELETE, INSERT, UPDATE_AFTER, UPDATE_BEFORE } from '../../engine/task/row-kind.ts';
import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { StateTtl } from '../../state/keyed/state.ts';
import { resultsEqual } from '../aggregate/results-equal.ts';
import { MiniBatch, type MiniBatchSettings } from './mini-batch.ts';

/**
 * How a row that changes comes out. `changelog`: the old row as `-U`, then the new one as `+U`. `upsert`: the new one only,
 * for sinks and operators that know rows by their key. In both a first row is `+I` and a last one `-D`.
 */
export type EmitMode = 'changelog' | 'upsert';

/** Where an operator sends the one row that each of its keys has, whenever that changes. */
export interface KeyRowOutput<R> {
  open(context: OperatorContext, output: Output<R>): void;
  /**
   * The row of the current key has changed, from `before` (undefined: there was none) to `after` (undefined: there is none).
   *
   * @param timestampMs of the record that has changed it.
   */
  change(before: R | undefined, after: R | undefined, timestampMs: number): void;
  /** The same when the row before is not at hand; upsert mode only. */
  upsert(isFirst: boolean, after: R, timestampMs: number): void;
  /** Sends what is held back. */
  flush(): void;
  close(): void;
}

export interface KeyRowOutputOptions {
  readonly emit: EmitMode;
  /** Undefined: changes go out at once. */
  readonly miniBatch: MiniBatchSettings | undefined;
  /** With a time-to-live, rows that are the same after a batch go out too: they keep alive what follows. */
  readonly ttl: StateTtl | undefined;
}

export function createKeyRowOutput<R>(options: KeyRowOutputOptions): KeyRowOutput<R> {
  const { emit, miniBatch, ttl } = options;
  return miniBatch === undefined ? new DirectRowOutput(emit) : new FoldedRowOutput(emit, miniBatch, ttl !== undefined);
}

class DirectRowOutput<R> implements KeyRowOutput<R> {
  readonly #hasBefore: boolean;
  #output: Output<R> = undefined as never;

  constructor(emit: EmitMode) {
    this.#hasBefore = emit === 'changelog';
  }

  open(_context: OperatorContext, output: Output<R>): void {
    this.#output = output;
  }

  change(before: R | undefined, after: R | undefined, timestampMs: number): void {
    const output = this.#output;
    if (after === undefined) {
      if (before !== undefined) output.collect(before, timestampMs, DELETE);
    } else if (before === undefined) {
      output.collect(after, timestampMs, INSERT);
    } else {
      if (this.#hasBefore) output.collect(before, timestampMs, UPDATE_BEFORE);
      output.collect(after, timestampMs, UPDATE_AFTER);
    }
  }

  upsert(isFirst: boolean, after: R, timestampMs: number): void {
    this.#output.collect(after, timestampMs, isFirst ? INSERT : UPDATE_AFTER);
  }

  flush(): void {}

  close(): void {}
}

/** What has happened to the row of a key since the last flush. */
interface FoldedRow<R> {
  /** There was no row then. */
  readonly isFirst: boolean;
  readonly before: R | undefined;
  after: R | undefined;
  timestampMs: number;
}

class FoldedRowOutput<R> implements KeyRowOutput<R> {
  readonly #batch: MiniBatch<FoldedRow<R>>;
  readonly #hasBefore: boolean;
  readonly #emitsUnchanged: boolean;
  #context: OperatorContext = undefined as never;
  #output: Output<R> = undefined as never;

  constructor(emit: EmitMode, settings: MiniBatchSettings, emitsUnchanged: boolean) {
    this.#hasBefore = emit === 'changelog';
    this.#emitsUnchanged = emitsUnchanged;
    this.#batch = new MiniBatch(settings, (_key: Key, row) => this.#send(row));
  }

  open(context: OperatorContext, output: Output<R>): void {
    this.#context = context;
    this.#output = output;
    this.#batch.open(context);
  }

  change(before: R | undefined, after: R | undefined, timestampMs: number): void {
    this.#fold(before === undefined, before, after, timestampMs);
  }

  upsert(isFirst: boolean, after: R, timestampMs: number): void {
    this.#fold(isFirst, undefined, after, timestampMs);
  }

  flush(): void {
    this.#batch.flush();
  }

  close(): void {
    this.#batch.close();
  }

  #fold(isFirst: boolean, before: R | undefined, after: R | undefined, timestampMs: number): void {
    const key = this.#context.keyedState.currentKey();
    const row = this.#batch.get(key);
    if (row === undefined) {
      this.#batch.set(key, { isFirst, before, after, timestampMs });
    } else {
      row.after = after;
      row.timestampMs = timestampMs;
    }
    this.#batch.count();
  }

  #send({ isFirst, before, after, timestampMs }: FoldedRow<R>): void {
    const output = this.#output;
    if (after === undefined) {
      if (before !== undefined) output.collect(before, timestampMs, DELETE);
    } else if (isFirst) {
      output.collect(after, timestampMs, INSERT);
    } else if (this.#emitsUnchanged || !resultsEqual(before, after)) {
      if (this.#hasBefore && before !== undefined) output.collect(before, timestampMs, UPDATE_BEFORE);
      output.collect(after, timestampMs, UPDATE_AFTER);
    }
  }
}
