import { ExternalError } from '../../../engine/base/errors.ts';
import { isRetraction, type RowKind } from '../../../engine/task/row-kind.ts';
import type {
  LedgerView,
  RowLoader,
  Warehouse,
  WarehouseLoad,
  WarehouseTransaction,
} from '../../../operators/sink/warehouse/warehouse.ts';
import type { WarehouseTable } from '../../../operators/sink/warehouse/warehouse-table.ts';
import { type FaultPlan, SimulatedCrash } from '../../operators/sink/faulty-storage.ts';

type Row = Readonly<Record<string, unknown>>;

/** What survives the connections: tables and the ledger. */
export class SimulatedDatabase {
  readonly rowsByTable: Map<string, Row[]> = new Map();
  readonly ledger: (WarehouseLoad & { readonly rowCount: number })[] = [];

  rows(table: string): readonly Row[] {
    return this.rowsByTable.get(table) ?? [];
  }
}

/**
 * The twin of a real warehouse: every operation can fail by plan, before or after it has been done. A commit that is done
 * and whose reply is lost is an unknown outcome; any other failure ends the transaction without effect.
 */
export class SimulatedWarehouse implements Warehouse {
  readonly description = 'simulated';
  readonly #database: SimulatedDatabase;
  readonly #plan: FaultPlan;

  constructor(database: SimulatedDatabase, plan: FaultPlan) {
    this.#database = database;
    this.#plan = plan;
  }

  prepare(): Promise<void> {
    return this.#plan.perform('prepare', async () => {});
  }

  begin(load: WarehouseLoad): Promise<WarehouseTransaction> {
    return this.#plan.perform('begin', async () => new SimulatedTransaction(this.#database, this.#plan, load));
  }

  async close(): Promise<void> {}
}

class SimulatedTransaction implements WarehouseTransaction {
  readonly ledger: LedgerView;
  readonly #database: SimulatedDatabase;
  readonly #plan: FaultPlan;
  readonly #load: WarehouseLoad;
  readonly #changes: { readonly table: WarehouseTable; readonly row: Row; readonly kind: RowKind }[] = [];

  constructor(database: SimulatedDatabase, plan: FaultPlan, load: WarehouseLoad) {
    this.#database = database;
    this.#plan = plan;
    this.#load = load;
    const ofSink = database.ledger.filter((entry) => entry.jobName === load.jobName && entry.sinkUid === load.sinkUid);
    this.ledger = {
      loaded: ofSink.find((entry) => entry.checkpointId === load.checkpointId),
      newestAttempt: Math.max(0, ...ofSink.map((entry) => entry.attempt)),
      newestCheckpointId: Math.max(
        -1,
        ...ofSink.map((entry) => entry.checkpointId).filter((id) => id < load.checkpointId),
      ),
    };
  }

  copy(table: WarehouseTable): Promise<RowLoader> {
    let rowCount = 0;
    const loader: RowLoader = {
      add: (row, kind) => {
        this.#changes.push({ table, row, kind });
        rowCount++;
      },
      get isFull() {
        return rowCount % 3 === 2;
      },
      flush: () => this.#plan.perform('flush', async () => {}),
      finish: () => this.#plan.perform('finish', async () => rowCount),
    };
    return this.#plan.perform('copy', async () => loader);
  }

  async commit(rowCount: number): Promise<void> {
    try {
      await this.#plan.perform('commit', async () => this.#apply(rowCount));
    } catch (error) {
      if (error instanceof SimulatedCrash) throw error;
      throw new ExternalError('TRANSACTION_OUTCOME_UNKNOWN', 'simulated: no reply to COMMIT', { cause: error });
    }
  }

  async rollback(): Promise<void> {}

  #apply(rowCount: number): void {
    for (const { table, row, kind } of this.#changes) {
      const rows = this.#database.rowsByTable.get(table.name) ?? [];
      const fields = table.columns.filter((column) => table.key.includes(column.name)).map((column) => column.field);
      const others =
        fields.length === 0 ? rows : rows.filter((other) => fields.some((field) => other[field] !== row[field]));
      this.#database.rowsByTable.set(table.name, isRetraction(kind) ? [...others] : [...others, row]);
    }
    this.#database.ledger.push({ ...this.#load, rowCount });
  }
}
