import { ExternalError, OwnershipLostError, TidemarkError, UserError } from '../../../engine/base/errors.ts';
import type { Counter } from '../../../engine/base/metrics.ts';
import type { Committer, SinkContext } from '../../../engine/task/sink.ts';
import type { Json } from '../../../engine/task/source.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { inOrder, type StagedEpoch } from '../staged/staged-epochs.ts';
import { type StagedPart, StagingArea } from '../staged/staging-area.ts';
import type { LedgerView, Warehouse, WarehouseLoad, WarehouseTransaction } from './warehouse.ts';
import type { WarehouseTable } from './warehouse-table.ts';

/**
 * Loads a checkpoint's staged rows in one transaction, guarded by the ledger.
 *
 * Law: whatever happens at whatever point, and however often a commit is repeated, the table has the rows of a load once
 * or, while it is not committed, not at all.
 */
export class WarehouseCommitter<T> implements Committer {
  readonly #context: SinkContext;
  readonly #description: string;
  readonly #warehouse: Warehouse;
  readonly #table: WarehouseTable;
  readonly #schema: Schema<T>;
  readonly #staging: StagingArea;
  readonly #rowCount: Counter;
  readonly #alreadyCommittedCount: Counter;

  constructor(options: {
    readonly context: SinkContext;
    readonly description: string;
    readonly warehouse: Warehouse;
    readonly table: WarehouseTable;
    readonly schema: Schema<T>;
  }) {
    this.#context = options.context;
    this.#description = options.description;
    this.#warehouse = options.warehouse;
    this.#table = options.table;
    this.#schema = options.schema;
    this.#staging = new StagingArea(options.context);
    this.#rowCount = options.context.metrics.counter('numRowsLoaded');
    this.#alreadyCommittedCount = options.context.metrics.counter('alreadyCommittedCommittables');
  }

  async commit(checkpointId: number, committables: readonly Json[]): Promise<void> {
    const epochs = inOrder(committables as unknown as readonly StagedEpoch[]);
    const parts = epochs.flatMap((epoch) => epoch.parts);
    if (parts.length === 0) return;
    const { jobName, sinkUid, attempt } = this.#context;
    const load: WarehouseLoad = { jobName, sinkUid, checkpointId, attempt, fingerprint: fingerprintOf(parts) };
    try {
      await this.#load(load, epochs);
    } catch (error) {
      if (!isOutcomeUnknown(error)) throw error;
      // The server has the last word: `begin` waits for the transaction in doubt and reads what became of it.
      await this.#load(load, epochs);
    }
    await this.#deleteStaged(parts);
  }

  async close(): Promise<void> {
    await this.#warehouse.close();
  }

  async #load(load: WarehouseLoad, epochs: readonly StagedEpoch[]): Promise<void> {
    const transaction = await this.#warehouse.begin(load);
    try {
      if (this.#isLoaded(load, transaction.ledger)) {
        this.#alreadyCommittedCount.value++;
        await transaction.rollback();
        return;
      }
      // A writer that hears late of a completed checkpoint hands its rows over again. A loaded checkpoint had everything
      // that was staged for it and for failed ones before. An attempt before the writer's cannot have loaded it: those are
      // loads of another history, from before the job was taken back to a savepoint.
      const { newestCheckpointId, newestAttempt } = transaction.ledger;
      const fresh = epochs.filter((epoch) => epoch.checkpointId > newestCheckpointId || epoch.attempt > newestAttempt);
      const rowCount = await this.#copy(
        transaction,
        fresh.flatMap((epoch) => epoch.parts),
      );
      await transaction.commit(rowCount);
      this.#rowCount.value += rowCount;
    } catch (error) {
      await transaction.rollback();
      throw error;
    }
  }

  /** @throws OwnershipLostError when a newer attempt loads already. */
  #isLoaded(load: WarehouseLoad, { loaded, newestAttempt }: LedgerView): boolean {
    const { jobName, sinkUid, checkpointId, attempt } = load;
    const where = `${this.#description}: checkpoint ${checkpointId} of job ${jobName}, sink ${sinkUid}`;
    if (newestAttempt > attempt) {
      throw new OwnershipLostError(`${where}: attempt ${newestAttempt} has loaded since, this is attempt ${attempt}`, {
        hint: 'If the job was started anew without its checkpoints, give it another name, or remove its rows from load_ledger.',
      });
    }
    if (loaded === undefined) return false;
    if (loaded.fingerprint === load.fingerprint) return true;
    throw new UserError('WAREHOUSE', `${where} was loaded before by attempt ${loaded.attempt} with other rows`, {
      hint: 'The job was started anew without its checkpoints, or taken back to an older savepoint. Give it another name or table, or remove its later rows from the table and from load_ledger.',
    });
  }

  async #copy(transaction: WarehouseTransaction, parts: readonly StagedPart[]): Promise<number> {
    const loader = await transaction.copy(this.#table);
    let expectedCount = 0;
    for (const part of parts) {
      const reader = await this.#staging.open(part, this.#schema);
      expectedCount += reader.rowCount;
      while (reader.next()) {
        loader.add(reader.row as Record<string, unknown>, reader.kind);
        if (loader.isFull) await loader.flush();
      }
    }
    const rowCount = await loader.finish();
    if (rowCount === expectedCount) return rowCount;
    throw new ExternalError(
      'WAREHOUSE',
      `${this.#description}: expected ${expectedCount} rows to be copied, the warehouse took ${rowCount}`,
    );
  }

  /** They have been loaded: a failure leaves some storage behind, nothing else. */
  async #deleteStaged(parts: readonly StagedPart[]): Promise<void> {
    try {
      await this.#staging.delete(parts.map((part) => part.key));
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      this.#context.logger.warn(`${this.#description}: staged rows were not deleted`, { reason: error.message });
    }
  }
}

/** Equal for equal parts, short enough for a ledger. */
function fingerprintOf(parts: readonly StagedPart[]): string {
  const rowCount = parts.reduce((sum, part) => sum + part.rowCount, 0);
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (const { bytes, checksum } of parts) {
    for (const value of [bytes, checksum]) hash = BigInt.asUintN(64, (hash ^ BigInt(value)) * 0x100_0000_01b3n);
  }
  return `${rowCount}-${hash.toString(16).padStart(16, '0')}`;
}

function isOutcomeUnknown(error: unknown): boolean {
  return error instanceof TidemarkError && error.code === 'TRANSACTION_OUTCOME_UNKNOWN';
}
