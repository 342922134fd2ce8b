import pg from 'pg';
import { UserError } from '../../../engine/base/errors.ts';
import { type Duration, durationMs } from '../../../engine/time/duration.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { columnList, qualified, quoted } from '../../sink/warehouse/sql-text.ts';
import { KeyBatches } from './key-batches.ts';
import type { LookupContext, LookupTable } from './lookup-table.ts';
import { translateLookupError } from './postgres-lookup-errors.ts';

/** A row as the server gives it, by column. Integers and timestamps (milliseconds) are numbers, decimals and dates are text. */
export type PostgresRow = Readonly<Record<string, unknown>>;

interface PostgresLookupBaseOptions<V> {
  /** `postgres://user:password@host:port/database`. */
  readonly connection: string;
  /** Column of the key. */
  readonly key: string;
  /** Makes a row of the table. Default: the columns as they are. */
  readonly row?: ((row: PostgresRow) => V) | undefined;
  /** Connections at most, over all subtasks of a thread. Default 4. */
  readonly connectionsMax?: number | undefined;
  /** Default 1,000. */
  readonly keysPerQueryMax?: number | undefined;
  /** For each query. Default 30 s. */
  readonly queryTimeout?: Duration | undefined;
}

export interface PostgresTableOptions<V> extends PostgresLookupBaseOptions<V> {
  /** Default: the first schema of the search path that has the table. */
  readonly namespace?: string | undefined;
  readonly table: string;
  readonly columns: readonly string[];
}

export interface PostgresQueryOptions<V> extends PostgresLookupBaseOptions<V> {
  /** Gives rows for the keys in the array `$1`, with the key's column among their columns. */
  readonly query: string;
  /** Gives all rows, likewise: for a full cache. */
  readonly scanQuery?: string | undefined;
}

export type PostgresLookupTableOptions<V> = PostgresTableOptions<V> | PostgresQueryOptions<V>;

const CONNECTIONS_MAX = 4;
const KEYS_PER_QUERY_MAX = 1_000;
const QUERY_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** A server that has not even ended the query so long after its time is no longer there. */
const SILENCE_MS = 1_000;
/** Type numbers of PostgreSQL. */
const INT8 = 20;
const DATE = 1082;
const TIMESTAMP = 1114;
const TIMESTAMPTZ = 1184;

/**
 * A table or query of PostgreSQL, asked by key. Keys of one turn go into one query.
 *
 *     postgresLookupTable({ connection, table: 'campaigns', key: 'campaign_id', columns: ['name', 'advertiser_id'] })
 *
 * @throws UserError CONFIGURATION for a wrong address or number.
 */
export function postgresLookupTable<V = PostgresRow, K extends Key = Key>(
  options: PostgresLookupTableOptions<V>,
): LookupTable<K, V> {
  return new PostgresLookupTable<K, V>(options);
}

class PostgresLookupTable<K extends Key, V> implements LookupTable<K, V> {
  readonly description: string;
  /** Only a query without its counterpart for all rows cannot be read whole. */
  readonly scan?: (context: LookupContext) => AsyncIterable<readonly [key: K, row: V]>;
  readonly #options: PostgresLookupTableOptions<V>;
  readonly #query: string;
  readonly #toRow: (row: PostgresRow) => V;
  readonly #batches: KeyBatches<K, V>;
  #pool: pg.Pool | undefined;
  #openCount = 0;

  constructor(options: PostgresLookupTableOptions<V>) {
    this.#options = options;
    const { key, connectionsMax = CONNECTIONS_MAX, keysPerQueryMax = KEYS_PER_QUERY_MAX } = options;
    const database = describeAddress(options.connection);
    for (const [name, value] of Object.entries({ connectionsMax, keysPerQueryMax })) {
      if (!(Number.isInteger(value) && value > 0))
        throw new UserError('CONFIGURATION', `${database}: expected ${name} to be a positive integer, found ${value}`);
    }
    let scanQuery: string | undefined;
    if ('query' in options) {
      this.description = `query by '${key}' in ${database}`;
      this.#query = options.query;
      scanQuery = options.scanQuery;
    } else {
      this.description = `table '${options.table}' in ${database}`;
      scanQuery = selectAll(options);
      this.#query = `${scanQuery} WHERE ${quoted(key)} = ANY($1)`;
    }
    if (scanQuery !== undefined) this.scan = () => this.#scan(scanQuery);
    this.#toRow = options.row ?? ((row) => row as V);
    this.#batches = new KeyBatches((keys) => this.#load(keys), {
      keysPerRequestMax: keysPerQueryMax,
      requestsMax: connectionsMax,
    });
  }

  open(): void {
    this.#openCount++;
    this.#pool ??= this.#createPool();
  }

  lookup(key: K): Promise<readonly V[]> {
    return this.#batches.lookup(key);
  }

  async close(): Promise<void> {
    if (--this.#openCount > 0) return;
    const pool = this.#pool;
    this.#pool = undefined;
    if (pool === undefined) return;
    const isQuiet = pool.idleCount === pool.totalCount;
    const ended = pool.end().catch(() => {});
    // A query under way may take long, and nobody waits for its answer.
    if (isQuiet) await ended;
  }

  async #load(keys: readonly K[]): Promise<Map<string, V[]>> {
    const rowsByKey = new Map<string, V[]>(keys.map((key) => [String(key), []]));
    for (const row of await this.#rows(this.#query, [keys])) {
      const key = this.#keyOf(row);
      if (key === null) continue;
      const rows = rowsByKey.get(String(key));
      // Its record would look as if it had no row.
      if (rows === undefined) throw this.#strangeKey(key);
      rows.push(this.#toRow(row));
    }
    return rowsByKey;
  }

  async *#scan(query: string): AsyncGenerator<readonly [key: K, row: V]> {
    for (const row of await this.#rows(query, [])) {
      const key = this.#keyOf(row);
      if (key !== null) yield [key as K, this.#toRow(row)];
    }
  }

  async #rows(query: string, parameters: readonly unknown[]): Promise<readonly PostgresRow[]> {
    if (this.#pool === undefined)
      throw new UserError('CANCELED', `${this.description} was asked while it was not open`);
    try {
      return (await this.#pool.query<PostgresRow>(query, [...parameters])).rows;
    } catch (error) {
      throw translateLookupError(error, this.description);
    }
  }

  #keyOf(row: PostgresRow): unknown {
    const key = row[this.#options.key];
    if (key !== undefined) return key;
    throw new UserError(
      'LOOKUP',
      `${this.description}: expected a column '${this.#options.key}', found ${Object.keys(row).join(', ')}`,
      {
        hint: 'The query must give the key along, to tell which row is for which record.',
      },
    );
  }

  #strangeKey(key: unknown): UserError {
    return new UserError(
      'LOOKUP',
      `${this.description}: found a row with the key '${String(key)}', which nobody asked for`,
      {
        hint: 'Keys are told apart by their text. Where a type has several texts for a value (char(n), numeric, uuid), use a query that gives the text which the job asks for, such as: SELECT trim(code) AS code, ...',
      },
    );
  }

  #createPool(): pg.Pool {
    const { connection, connectionsMax = CONNECTIONS_MAX, queryTimeout = QUERY_TIMEOUT_MS } = this.#options;
    const pool = new pg.Pool({
      connectionString: connection,
      max: connectionsMax,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: durationMs(queryTimeout),
      query_timeout: durationMs(queryTimeout) + SILENCE_MS,
      keepAlive: true,
      application_name: 'tidemark',
      types: { getTypeParser: typeParser },
    });
    // A connection that breaks while it is idle: the next query makes a new one.
    pool.on('error', () => {});
    return pool;
  }
}

function selectAll({ namespace, table, key, columns }: PostgresTableOptions<unknown>): string {
  const names = [key, ...columns.filter((column) => column !== key)];
  const from = namespace === undefined ? quoted(table) : qualified({ namespace, name: table });
  return `SELECT ${columnList(names)} FROM ${from}`;
}

const typeParser = ((type: number, format: 'text' | 'binary') => {
  if (format !== 'binary') {
    if (type === INT8) return toInteger;
    // Not a time: which one it would be depends on the zone of this machine.
    if (type === DATE) return (text: string) => text;
    if (type === TIMESTAMP) return (text: string) => toTimeMs(text.endsWith('infinity') ? text : inUtc(text));
    if (type === TIMESTAMPTZ) return toTimeMs;
  }
  return pg.types.getTypeParser(type, format as 'text');
}) as typeof pg.types.getTypeParser;

function toInteger(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/** Milliseconds; `infinity` is Infinity. */
function toTimeMs(text: string): number {
  return Number(pg.types.getTypeParser(TIMESTAMPTZ)(text));
}

function inUtc(text: string): string {
  return text.replace(/( BC)?$/, '+00$1');
}

/** The address without its password. */
function describeAddress(connection: string): string {
  const url = URL.parse(connection);
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) {
    throw new UserError(
      'CONFIGURATION',
      'look-up table: expected an address such as postgres://user:password@host:5432/database',
    );
  }
  return `postgres://${url.host}${url.pathname}`;
}
