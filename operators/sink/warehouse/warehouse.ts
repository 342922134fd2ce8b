import type { RowKind } from '../../../engine/task/row-kind.ts';
import type { WarehouseTable } from './warehouse-table.ts';

/** One epoch of one sink: what is loaded in one transaction, once. */
export interface WarehouseLoad {
  readonly jobName: string;
  readonly sinkUid: string;
  readonly checkpointId: number;
  /** Attempt of the job that loads. */
  readonly attempt: number;
  /** Stands for the content: equal for equal rows. */
  readonly fingerprint: string;
}

/** What the ledger knew when the transaction had locked it. */
export interface LedgerView {
  /** Set when this load was committed before. */
  readonly loaded: { readonly fingerprint: string; readonly attempt: number } | undefined;
  /** Attempt of the sink's newest load; 0 without any. */
  readonly newestAttempt: number;
  /** The newest load of the sink before this checkpoint; -1 without any. */
  readonly newestCheckpointId: number;
}

/**
 * A database that results are loaded into: PostgreSQL, or a simulated one. It keeps a ledger of loads; the ledger's row
 * and the load's rows become visible together or not at all.
 */
export interface Warehouse {
  /** For messages: `postgres://user@host:5432/db`, never with a password. */
  readonly description: string;
  /**
   * Makes schema, ledger and table when `isCreated`, and checks that the table can take the rows.
   *
   * @throws UserError for what will not heal by itself: wrong password, missing or different table.
   * @throws ExternalError CONNECTION, retryable, when the server cannot be reached.
   */
  prepare(table: WarehouseTable, options: { readonly isCreated: boolean }): Promise<void>;
  /**
   * Begins a transaction, locks the ledger and reads it. Waits until a load under way has ended, so what it reads is
   * final. A transaction of an earlier call that was not ended is rolled back.
   */
  begin(load: WarehouseLoad): Promise<WarehouseTransaction>;
  close(): Promise<void>;
}

/** A load under way. After any error only `rollback` may be called. */
export interface WarehouseTransaction {
  readonly ledger: LedgerView;
  /** Adds rows to the table, or changes them by its key when it has one. */
  copy(table: WarehouseTable): Promise<RowLoader>;
  /**
   * Writes the ledger and commits.
   *
   * @throws ExternalError TRANSACTION_OUTCOME_UNKNOWN when the reply did not come: only the ledger knows.
   */
  commit(rowCount: number): Promise<void>;
  /** Never throws. */
  rollback(): Promise<void>;
}

/** Takes rows one by one; the later row of a key wins. */
export interface RowLoader {
  add(row: Readonly<Record<string, unknown>>, kind: RowKind): void;
  /** Whether enough is buffered that `flush` should be awaited. */
  readonly isFull: boolean;
  flush(): Promise<void>;
  /** Ends the copy. @returns the number of rows that the database took. */
  finish(): Promise<number>;
}
