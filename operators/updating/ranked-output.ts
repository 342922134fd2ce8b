import type { Output } from '../../engine/task/output.ts';
import { DELETE, INSERT, UPDATE_AFTER, UPDATE_BEFORE } from '../../engine/task/row-kind.ts';
import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import type { StateTtl } from '../../state/keyed/state.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { createKeyRowOutput, type EmitMode, type KeyRowOutput } from './changelog-output.ts';
import { MiniBatch, type MiniBatchSettings } from './mini-batch.ts';
import { packRow } from './packed-rows.ts';

/** Makes the result for a row and its rank, from 1. */
export type CreateRanked<T, R> = (row: T, rank: number) => R;

export interface RankedOutputOptions<T, R> {
  /** Rows of a key at most. */
  readonly n: number;
  readonly schema: Schema<T>;
  /** Undefined: the rows come out as they are, without rank. */
  readonly createRanked: CreateRanked<T, R> | undefined;
  readonly emit: EmitMode;
  readonly miniBatch: MiniBatchSettings | undefined;
  readonly ttl: StateTtl | undefined;
}

/** Where an operator sends the rows of a key that are in its list, whenever they change. */
export interface RankedOutput<T, R> {
  open(context: OperatorContext, output: Output<R>): void;
  /**
   * The rows of the current key have changed: one was added, one removed, or both. The arrays are not changed afterwards.
   *
   * @param timestampMs of the record that has changed them.
   */
  change(
    before: readonly T[],
    after: readonly T[],
    removed: T | undefined,
    added: T | undefined,
    timestampMs: number,
  ): void;
  flush(): void;
  close(): void;
}

/**
 * With rank a result is known by its key and its rank: rows that move are updates of the ranks they leave and enter. Without,
 * rows come and go (`+I`, `-D`); the only row of a top-1 is known by its key, and updated.
 */
export function createRankedOutput<T, R>(options: RankedOutputOptions<T, R>): RankedOutput<T, R> {
  if (options.n === 1) return new SingleOutput(options);
  return options.miniBatch === undefined
    ? new DirectRankedOutput(options)
    : new FoldedRankedOutput(options, options.miniBatch);
}

class SingleOutput<T, R> implements RankedOutput<T, R> {
  readonly #rows: KeyRowOutput<R>;
  readonly #create: CreateRanked<T, R>;

  constructor(options: RankedOutputOptions<T, R>) {
    this.#rows = createKeyRowOutput(options);
    this.#create = options.createRanked ?? ((row) => row as unknown as R);
  }

  open(context: OperatorContext, output: Output<R>): void {
    this.#rows.open(context, output);
  }

  change(
    [before]: readonly T[],
    [after]: readonly T[],
    _removed: T | undefined,
    _added: T | undefined,
    timestampMs: number,
  ): void {
    this.#rows.change(this.#resultOf(before), this.#resultOf(after), timestampMs);
  }

  flush(): void {
    this.#rows.flush();
  }

  close(): void {
    this.#rows.close();
  }

  #resultOf(row: T | undefined): R | undefined {
    return row === undefined ? undefined : this.#create(row, 1);
  }
}

class DirectRankedOutput<T, R> implements RankedOutput<T, R> {
  readonly #create: CreateRanked<T, R> | undefined;
  readonly #hasBefore: boolean;
  #output: Output<R> = undefined as never;

  constructor({ createRanked, emit }: RankedOutputOptions<T, R>) {
    this.#create = createRanked;
    this.#hasBefore = emit === 'changelog';
  }

  open(_context: OperatorContext, output: Output<R>): void {
    this.#output = output;
  }

  change(
    before: readonly T[],
    after: readonly T[],
    removed: T | undefined,
    added: T | undefined,
    timestampMs: number,
  ): void {
    const create = this.#create;
    const output = this.#output;
    if (create === undefined) {
      if (removed !== undefined) output.collect(removed as unknown as R, timestampMs, DELETE);
      if (added !== undefined) output.collect(added as unknown as R, timestampMs, INSERT);
      return;
    }
    const count = Math.max(before.length, after.length);
    for (let i = 0; i < count; i++) {
      const old = i < before.length ? before[i] : undefined;
      const row = i < after.length ? after[i] : undefined;
      if (old === row) continue;
      if (row === undefined) {
        output.collect(create(old!, i + 1), timestampMs, DELETE);
      } else if (old === undefined) {
        output.collect(create(row, i + 1), timestampMs, INSERT);
      } else {
        if (this.#hasBefore) output.collect(create(old, i + 1), timestampMs, UPDATE_BEFORE);
        output.collect(create(row, i + 1), timestampMs, UPDATE_AFTER);
      }
    }
  }

  flush(): void {}

  close(): void {}
}

/** What has happened to the rows of a key since the last flush. */
interface FoldedRows<T> {
  readonly before: readonly T[];
  after: readonly T[];
  timestampMs: number;
}

class FoldedRankedOutput<T, R> implements RankedOutput<T, R> {
  readonly #direct: DirectRankedOutput<T, R>;
  readonly #schema: Schema<T>;
  readonly #hasRank: boolean;
  readonly #batch: MiniBatch<FoldedRows<T>>;
  #context: OperatorContext = undefined as never;

  constructor(options: RankedOutputOptions<T, R>, settings: MiniBatchSettings) {
    this.#direct = new DirectRankedOutput(options);
    this.#schema = options.schema;
    this.#hasRank = options.createRanked !== undefined;
    this.#batch = new MiniBatch(settings, (_key, folded) => this.#send(folded));
  }

  open(context: OperatorContext, output: Output<R>): void {
    this.#context = context;
    this.#direct.open(context, output);
    this.#batch.open(context);
  }

  change(
    before: readonly T[],
    after: readonly T[],
    _removed: T | undefined,
    _added: T | undefined,
    timestampMs: number,
  ): void {
    const key = this.#context.keyedState.currentKey();
    const folded = this.#batch.get(key);
    if (folded === undefined) {
      this.#batch.set(key, { before, after, timestampMs });
    } else {
      folded.after = after;
      folded.timestampMs = timestampMs;
    }
    this.#batch.count();
  }

  flush(): void {
    this.#batch.flush();
  }

  close(): void {
    this.#batch.close();
  }

  /** Rows were decoded anew since: equal ones may be different objects. */
  #send({ before, after, timestampMs }: FoldedRows<T>): void {
    if (this.#hasRank) {
      const same = after.map((row, i) => {
        const old = before[i];
        return old !== undefined && this.#areEqual(old, row) ? old : row;
      });
      this.#direct.change(before, same, undefined, undefined, timestampMs);
      return;
    }
    const gone = new Map<string, T[]>();
    for (const row of before) {
      const text = packRow(row, this.#schema);
      const rows = gone.get(text);
      if (rows === undefined) gone.set(text, [row]);
      else rows.push(row);
    }
    const added = after.filter((row) => gone.get(packRow(row, this.#schema))?.pop() === undefined);
    for (const rows of gone.values()) {
      for (const row of rows) this.#direct.change(before, after, row, undefined, timestampMs);
    }
    for (const row of added) this.#direct.change(before, after, undefined, row, timestampMs);
  }

  #areEqual(a: T, b: T): boolean {
    return a === b || packRow(a, this.#schema) === packRow(b, this.#schema);
  }
}
