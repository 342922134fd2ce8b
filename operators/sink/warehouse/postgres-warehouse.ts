import pg from 'pg';
import { ExternalError, UserError } from '../../../engine/base/errors.ts';
import { LEDGER_NAME, createLedger, lockLedger, readLedger, recordLoad } from './ledger-statements.ts';
import { PostgresRowLoader } from './postgres-row-loader.ts';
import { addColumn, createTable, mergeStaging } from './postgres-statements.ts';
import { isServerError, translatePostgresError } from './postgres-errors.ts';
import { describeDifferences, type FoundColumn } from './postgres-table-check.ts';
import { literal, qualified, quoted } from './sql-text.ts';
import type { LedgerView, RowLoader, Warehouse, WarehouseLoad, WarehouseTransaction } from './warehouse.ts';
import type { WarehouseTable } from './warehouse-table.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** Any number: creations of tables wait for each other on it. */
const CREATION_LOCK = 7_238_463;

/**
 * Limits of our sessions: a load waits this long for another one, and a client that vanished loses its locks, so that a
 * dead loader cannot hold up its successor for hours.
 */
const SESSION_SETTINGS = `SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '5min';
SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3; SET timezone = 'UTC'`;

/** PostgreSQL 15 or newer: binary COPY, one connection, which is made anew after it was lost. */
export class PostgresWarehouse implements Warehouse {
  readonly description: string;
  readonly #url: string;
  #client: pg.Client | undefined;
  #namespace = '';
  #transaction: PostgresTransaction | undefined;

  /** @param url `postgres://user:password@host:port/database`. */
  constructor(url: string) {
    this.#url = url;
    this.description = describeUrl(url);
  }

  async prepare(table: WarehouseTable, { isCreated }: { readonly isCreated: boolean }): Promise<void> {
    this.#namespace = table.namespace;
    const what = `preparing table ${table.namespace}.${table.name}`;
    const client = await this.#connect();
    try {
      if (isCreated) await this.#create(client, table);
      const found = await this.#columnsOf(client, table);
      const missing =
        found === undefined ? [] : table.columns.filter(({ name }) => !found.some((column) => column.name === name));
      const addable = isCreated ? missing.filter((column) => column.isNullable) : [];
      for (const column of addable) await client.query(addColumn(table, column));
      this.#check(table, addable.length === 0 ? found : await this.#columnsOf(client, table));
      await client.query(`SELECT 1 FROM ${qualified({ namespace: table.namespace, name: LEDGER_NAME })} LIMIT 0`);
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {});
      throw translatePostgresError(error, this.description, what);
    }
  }

  async begin(load: WarehouseLoad): Promise<WarehouseTransaction> {
    await this.#transaction?.rollback();
    const client = await this.#connect();
    const where = `loading checkpoint ${load.checkpointId}`;
    try {
      await client.query('BEGIN');
      await client.query(lockLedger(this.#namespace));
      const { rows } = await client.query<LedgerRow>(readLedger(this.#namespace, load));
      const { fingerprint, attempt, newest_attempt, newest_checkpoint_id } = rows[0]!;
      const ledger: LedgerView = {
        loaded: fingerprint === null ? undefined : { fingerprint, attempt: Number(attempt) },
        newestAttempt: Number(newest_attempt ?? 0),
        newestCheckpointId: Number(newest_checkpoint_id ?? -1),
      };
      const record = (rowCount: number): string => recordLoad(this.#namespace, load, rowCount);
      this.#transaction = new PostgresTransaction({ client, description: this.description, where, ledger, record });
      return this.#transaction;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {});
      throw translatePostgresError(error, this.description, where);
    }
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }

  async #connect(): Promise<pg.Client> {
    if (this.#client !== undefined) return this.#client;
    const client = new pg.Client({
      connectionString: this.#url,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      application_name: 'tidemark',
    });
    // Also when nothing is under way; whatever is gets its own error.
    const forget = (): void => void (this.#client === client && (this.#client = undefined));
    client.on('error', forget);
    client.on('end', forget);
    try {
      await client.connect();
      await client.query(SESSION_SETTINGS);
    } catch (error) {
      await client.end().catch(() => {});
      throw translatePostgresError(error, this.description, 'connecting');
    }
    this.#client = client;
    return client;
  }

  /** Creates only what is missing, so that a user without the right to create schemas can use an existing one. */
  async #create(client: pg.Client, table: WarehouseTable): Promise<void> {
    const { namespace, name } = table;
    const exists = async (expression: string): Promise<boolean> => {
      const { rows } = await client.query<{ found: boolean }>(`SELECT ${expression} IS NOT NULL AS found`);
      return rows[0]!.found;
    };
    const tableExists = (tableName: string): Promise<boolean> =>
      exists(`to_regclass(${literal(qualified({ namespace, name: tableName }))})`);
    await client.query('BEGIN');
    await client.query(`SELECT pg_advisory_xact_lock(${CREATION_LOCK})`);
    if (!(await exists(`to_regnamespace(${literal(quoted(namespace))})`))) {
      await client.query(`CREATE SCHEMA ${quoted(namespace)}`);
    }
    if (!(await tableExists(LEDGER_NAME))) await client.query(createLedger(namespace, 'postgres'));
    if (!(await tableExists(name))) await client.query(createTable(table));
    await client.query('COMMIT');
  }

  async #columnsOf(client: pg.Client, table: WarehouseTable): Promise<FoundColumn[] | undefined> {
    const relation = `to_regclass(${literal(qualified(table))})`;
    const { rows } = await client.query<FoundColumn>(`SELECT attname AS name, format_type(atttypid, atttypmod) AS type,
  attnotnull AND NOT atthasdef AND attidentity = '' AS "isRequired"
FROM pg_attribute WHERE attrelid = ${relation} AND attnum > 0 AND NOT attisdropped ORDER BY attnum`);
    return rows.length === 0 ? undefined : rows;
  }

  #check(table: WarehouseTable, found: readonly FoundColumn[] | undefined): void {
    const name = `${table.namespace}.${table.name}`;
    if (found === undefined) {
      throw new UserError('NOT_FOUND', `warehouse ${this.description}: table ${name} does not exist`, {
        hint: 'Create it, or let the sink do it: createTable: true.',
      });
    }
    const differences = describeDifferences(table, found);
    if (differences.length === 0) return;
    throw new UserError(
      'WAREHOUSE',
      `warehouse ${this.description}: table ${name} does not fit: ${differences.join('; ')}`,
      {
        hint: 'Change the table or the record; new optional fields are added by the sink when createTable is on.',
      },
    );
  }
}

/** Of `readLedger`; numbers come as text. */
type LedgerRow = Record<'fingerprint' | 'attempt' | 'newest_attempt' | 'newest_checkpoint_id', string | null>;

class PostgresTransaction implements WarehouseTransaction {
  readonly ledger: LedgerView;
  readonly #client: pg.Client;
  readonly #description: string;
  readonly #where: string;
  readonly #record: (rowCount: number) => string;
  #isOpen = true;
  #merged: WarehouseTable | undefined;
  #loader: PostgresRowLoader | undefined;

  constructor(options: {
    readonly client: pg.Client;
    readonly description: string;
    readonly where: string;
    readonly ledger: LedgerView;
    readonly record: (rowCount: number) => string;
  }) {
    this.ledger = options.ledger;
    this.#client = options.client;
    this.#description = options.description;
    this.#where = options.where;
    this.#record = options.record;
  }

  async copy(table: WarehouseTable): Promise<RowLoader> {
    if (table.key.length > 0) this.#merged = table;
    try {
      this.#loader = await PostgresRowLoader.begin(this.#client, table, (error) => this.#translate(error));
      return this.#loader;
    } catch (error) {
      throw this.#translate(error);
    }
  }

  async commit(rowCount: number): Promise<void> {
    try {
      if (this.#merged !== undefined)
        for (const statement of mergeStaging(this.#merged)) await this.#client.query(statement);
      await this.#client.query(this.#record(rowCount));
    } catch (error) {
      throw this.#translate(error);
    }
    try {
      const { command } = await this.#client.query('COMMIT');
      this.#isOpen = false;
      // The server answers ROLLBACK when an error had ended the transaction before.
      if (command !== 'COMMIT')
        throw new ExternalError(
          'WAREHOUSE',
          `warehouse ${this.#description}: ${this.#where}: expected COMMIT, found ${command}`,
        );
    } catch (error) {
      if (isServerError(error) || error instanceof ExternalError) throw this.#translate(error);
      throw new ExternalError(
        'TRANSACTION_OUTCOME_UNKNOWN',
        `warehouse ${this.#description}: ${this.#where}: no reply to COMMIT: ${(error as Error).message}`,
        { cause: error },
      );
    }
  }

  async rollback(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#loader?.abort();
    await this.#client.query('ROLLBACK').catch(() => {});
  }

  #translate(error: unknown): Error {
    return translatePostgresError(error, this.#description, this.#where);
  }
}

function describeUrl(url: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (error) {
    throw new UserError(
      'CONFIGURATION',
      'warehouse: expected an address such as postgres://user:password@host:5432/database',
      { cause: error },
    );
  }
  if (parsed.protocol !== 'postgres:' && parsed.protocol !== 'postgresql:') {
    throw new UserError(
      'CONFIGURATION',
      `warehouse: expected an address that begins with postgres://, found ${parsed.protocol}//`,
    );
  }
  const user = parsed.username === '' ? '' : `${decodeURIComponent(parsed.username)}@`;
  return `postgres://${user}${parsed.host}${parsed.pathname}`;
}
