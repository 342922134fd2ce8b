import { UserError } from '../../../engine/base/errors.ts';
import { INSERT, type RowKind, rowKindName } from '../../../engine/task/row-kind.ts';
import type { Committer, Sink, SinkContext, SinkWriter } from '../../../engine/task/sink.ts';
import type { Json } from '../../../engine/task/source.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { StagedEpochs } from '../staged/staged-epochs.ts';
import { PostgresWarehouse } from './postgres-warehouse.ts';
import type { Warehouse } from './warehouse.ts';
import { WarehouseCommitter } from './warehouse-committer.ts';
import { snakeCase, type WarehouseTable, warehouseTable } from './warehouse-table.ts';

export interface WarehouseSinkOptions<T> {
  /** `postgres://user:password@host:port/database`, or how to open another warehouse. */
  readonly connection: string | ((context: SinkContext) => Warehouse);
  /** `fact_click`, or `schema.fact_click`. Default schema `dw`. */
  readonly table: string;
  /** The record that makes a row: its fields are the columns. */
  readonly schema: Schema<T>;
  /**
   * `append`: rows are added; a row that takes another back is refused. `upsert`: a row replaces the one with its key,
   * `-U` and `-D` delete it; the rows of a key must come in order, so key the stream by it.
   */
  readonly mode: 'append' | 'upsert';
  /** Fields that identify a row. Required in mode `upsert`. */
  readonly key?: readonly (keyof T & string)[] | undefined;
  /** Makes what is missing: schema, table, columns of new optional fields. Default true. */
  readonly createTable?: boolean | undefined;
  /** Name of a field's column. Default `clickId` → `click_id`. */
  readonly columnName?: ((field: string) => string) | undefined;
}

/**
 * Rows in a table of a warehouse, exactly once. The rows of a checkpoint are staged beside it; when it is complete they are
 * loaded in one transaction together with a row of `<schema>.load_ledger`, which tells whether they have been.
 */
export function warehouseSink<T>(options: WarehouseSinkOptions<T>): Sink<T> {
  return new WarehouseSink(options);
}

class WarehouseSink<T> implements Sink<T> {
  readonly description: string;
  readonly #options: WarehouseSinkOptions<T>;
  readonly #table: WarehouseTable;

  constructor(options: WarehouseSinkOptions<T>) {
    const { table, schema, mode, key = [], columnName = snakeCase } = options;
    this.#options = options;
    this.description = `warehouse table ${table}`;
    if (mode === 'upsert' && key.length === 0) {
      throw new UserError('CONFIGURATION', `${this.description}: mode upsert needs the fields that identify a row`, {
        hint: "Name them: key: ['clickId'].",
      });
    }
    if (mode === 'append' && key.length > 0) {
      throw new UserError('CONFIGURATION', `${this.description}: mode append takes no key, found ${key.join(', ')}`, {
        hint: "Use mode: 'upsert' to replace rows of the same key, or leave out key.",
      });
    }
    this.#table = warehouseTable({ table, schema: schema as Schema<never>, key, columnName });
  }

  createWriter(context: SinkContext): SinkWriter<T> {
    return new WarehouseWriter<T>(context, this.#options.schema, this.#options.mode, this.description);
  }

  async createCommitter(context: SinkContext): Promise<Committer> {
    const { connection, schema, createTable = true } = this.#options;
    const warehouse = typeof connection === 'string' ? new PostgresWarehouse(connection) : connection(context);
    try {
      await warehouse.prepare(this.#table, { isCreated: createTable });
    } catch (error) {
      await warehouse.close();
      throw error;
    }
    return new WarehouseCommitter<T>({ context, description: this.description, warehouse, table: this.#table, schema });
  }
}

class WarehouseWriter<T> implements SinkWriter<T> {
  readonly #epochs: StagedEpochs<T>;
  readonly #isAppend: boolean;
  readonly #description: string;
  readonly #recordCount;

  constructor(context: SinkContext, schema: Schema<T>, mode: 'append' | 'upsert', description: string) {
    this.#epochs = new StagedEpochs(context, schema);
    this.#isAppend = mode === 'append';
    this.#description = description;
    this.#recordCount = context.metrics.counter('numRecordsSend');
  }

  write(value: T, _timestampMs: number, kind: RowKind): void {
    if (this.#isAppend && kind !== INSERT) {
      throw new UserError(
        'JOB_DEFINITION',
        `${this.#description}: mode append takes inserts only, found a row of kind ${rowKindName(kind)}`,
        {
          hint: "Use mode: 'upsert' with the key of the rows.",
        },
      );
    }
    this.#epochs.append(value, kind);
    this.#recordCount.value++;
  }

  blockedUntil(): Promise<void> | undefined {
    return this.#epochs.blockedUntil();
  }

  async prepareCommit(checkpointId: number): Promise<readonly Json[]> {
    const epoch = await this.#epochs.prepareCommit(checkpointId);
    return epoch === undefined ? [] : [epoch as unknown as Json];
  }

  async close(): Promise<void> {}
}
