import { UserError } from '../../../engine/base/errors.ts';
import type { RowKind } from '../../../engine/task/row-kind.ts';
import type { Committer, Sink, SinkContext, SinkWriter } from '../../../engine/task/sink.ts';
import type { Json } from '../../../engine/task/source.ts';

/**
 * A target with transactions of its own: one is open at a time, ends with a checkpoint and is committed when that
 * checkpoint is complete. `TXN` is the transaction's handle: plain JSON that is enough to commit or abort it from another
 * process, since it is kept in the checkpoint.
 *
 * One object is made per subtask for writing, and one per job for committing, on which only `commit` and `close` are called.
 */
export interface TwoPhaseCommitTarget<T, TXN extends Json> {
  /**
   * Names a new transaction. Called before `preCommit` of the one before it, so each transaction keeps what was written to it
   * for itself. What has to be awaited to open it happens behind `blockedUntil`.
   */
  beginTransaction(): TXN;
  write(transaction: TXN, value: T, timestampMs: number, kind: RowKind): void;
  /** Undefined while more can be written; else resolves when it can. Asked between batches. */
  blockedUntil?(): Promise<void> | undefined;
  /** No more is written to this transaction: flush it, so that a commit later can only succeed. */
  preCommit(transaction: TXN): void | Promise<void>;
  /**
   * Makes the transaction visible. Called again for the same one after a crash: a repeated commit changes nothing.
   *
   * @throws ExternalError retryable: tried again with growing delay; anything else fails the job.
   */
  commit(transaction: TXN): void | Promise<void>;
  /** Takes the transaction back; one that is gone already is no error. */
  abort(transaction: TXN): void | Promise<void>;
  close?(): void | Promise<void>;
}

export interface TwoPhaseCommitSinkOptions<T, TXN extends Json> {
  /** For messages and metrics: `jdbc://orders`. */
  readonly description: string;
  readonly createTarget: (context: SinkContext) => TwoPhaseCommitTarget<T, TXN> | Promise<TwoPhaseCommitTarget<T, TXN>>;
}

/**
 * A sink over a target with transactions, exactly once. A checkpoint pre-commits the open transaction and begins the next
 * one; when it is complete, every transaction pre-committed up to it is committed. A restore commits what the checkpoint had
 * pre-committed and aborts the transaction that was open behind it; transactions begun after that checkpoint are not known
 * any more, so the target must let them time out.
 */
export function twoPhaseCommitSink<T, TXN extends Json>(options: TwoPhaseCommitSinkOptions<T, TXN>): Sink<T> {
  return {
    description: options.description,
    createWriter: async (context) => new TwoPhaseCommitWriter(options.description, await options.createTarget(context)),
    createCommitter: async (context) => new TwoPhaseCommitCommitter(await options.createTarget(context)),
  };
}

/** Law: a transaction is open, or in the committables of exactly one checkpoint, or aborted. */
class TwoPhaseCommitWriter<T, TXN extends Json> implements SinkWriter<T> {
  readonly #description: string;
  readonly #target: TwoPhaseCommitTarget<T, TXN>;
  #transaction: TXN;
  /** Of transactions that were open when the restored checkpoint was taken. */
  #aborting: Promise<void> | undefined;

  constructor(description: string, target: TwoPhaseCommitTarget<T, TXN>) {
    this.#description = description;
    this.#target = target;
    this.#transaction = this.#begin();
  }

  write(value: T, timestampMs: number, kind: RowKind): void {
    this.#target.write(this.#transaction, value, timestampMs, kind);
  }

  blockedUntil(): Promise<void> | undefined {
    return this.#aborting ?? this.#target.blockedUntil?.();
  }

  async prepareCommit(): Promise<readonly Json[]> {
    const transaction = this.#transaction;
    this.#transaction = this.#begin();
    await this.#target.preCommit(transaction);
    return [transaction];
  }

  snapshotState(): readonly Json[] {
    return [this.#transaction];
  }

  restoreState(states: readonly Json[]): void {
    this.#aborting = this.#abort(states as readonly TXN[]).then(() => void (this.#aborting = undefined));
    this.#aborting.catch(() => {}); // Whoever waits sees it.
  }

  /** The open transaction goes with the last checkpoint; one that is left here has none. */
  async close(): Promise<void> {
    try {
      await this.#target.abort(this.#transaction);
    } finally {
      await this.#target.close?.();
    }
  }

  async #abort(transactions: readonly TXN[]): Promise<void> {
    for (const transaction of transactions) await this.#target.abort(transaction);
  }

  #begin(): TXN {
    const transaction: unknown = this.#target.beginTransaction();
    if (transaction !== undefined && !(transaction instanceof Promise)) return transaction as TXN;
    const found = transaction === undefined ? 'nothing' : 'a promise';
    throw new UserError('USER_FUNCTION', `${this.#description}: beginTransaction gave ${found}, expected plain JSON`, {
      hint: 'Return a handle such as { id }, and open the transaction behind blockedUntil.',
    });
  }
}

class TwoPhaseCommitCommitter<TXN extends Json> implements Committer {
  readonly #target: TwoPhaseCommitTarget<never, TXN>;

  constructor(target: TwoPhaseCommitTarget<never, TXN>) {
    this.#target = target;
  }

  async commit(_checkpointId: number, committables: readonly Json[]): Promise<void> {
    for (const transaction of committables) await this.#target.commit(transaction as TXN);
  }

  async close(): Promise<void> {
    await this.#target.close?.();
  }
}
