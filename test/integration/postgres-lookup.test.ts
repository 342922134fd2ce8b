import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import { JobExecution } from '../../engine/runtime/job-execution.ts';
import {
  collectionSource,
  CollectedRows,
  collectSink,
  type FunctionContext,
  int,
  type Key,
  type LookupCacheOptions,
  type LookupTable,
  postgresLookupTable,
  type PostgresLookupTableOptions,
  StreamExecutionEnvironment,
  WatermarkStrategy,
} from '../../operators/index.ts';
import { MemoryFileSystem } from '../../engine/base/file-system-memory.ts';
import { DirectoryStorage } from '../../state/storage/directory-storage.ts';
import { HeapPageStore } from '../../state/store/heap-page-store.ts';
import { sharedServices, uniqueName } from '../harness/services/shared.ts';

const NAMESPACE = uniqueName('lookup').replaceAll('-', '_');
const { signal } = new AbortController();
let connection: string;
let client: pg.Client;

beforeAll(async () => {
  const { user, password, host, port, database } = (await sharedServices('postgres')).postgres;
  connection = `postgres://${user}:${password}@${host}:${port}/${database}`;
  client = new pg.Client(connection);
  await client.connect();
  await client.query(`CREATE SCHEMA ${NAMESPACE};
CREATE TABLE ${NAMESPACE}.campaigns (id bigint PRIMARY KEY, "name" text, starts timestamptz, budget numeric(12,2));
INSERT INTO ${NAMESPACE}.campaigns
  SELECT n, 'campaign ' || n, '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 s', n * 1.25 FROM generate_series(0, 999) n;
CREATE TABLE ${NAMESPACE}.tags (campaign text, tag text);
INSERT INTO ${NAMESPACE}.tags VALUES ('a', 't1'), ('a', 't2'), ('b', 't3');
CREATE TABLE ${NAMESPACE}.queries (n serial, keys bigint[])`);
});

afterAll(async () => {
  await client.query(`DROP SCHEMA ${NAMESPACE} CASCADE`);
  await client.end();
});

interface Campaign {
  readonly id: number;
  readonly name: string;
  readonly starts: number;
  readonly budget: string;
}

const campaigns = (): PostgresLookupTableOptions<Campaign> => ({
  connection,
  namespace: NAMESPACE,
  table: 'campaigns',
  key: 'id',
  columns: ['name', 'starts', 'budget'],
});

async function withTable<K extends Key, V>(
  options: PostgresLookupTableOptions<V>,
  use: (table: LookupTable<K, V>) => Promise<void>,
): Promise<void> {
  const table = postgresLookupTable<V, K>(options);
  await table.open!({} as FunctionContext);
  try {
    await use(table);
  } finally {
    await table.close!();
  }
}

test('rows come by key, whole numbers and times as numbers, decimals as text', async () => {
  await withTable<number, Campaign>(campaigns(), async (table) => {
    const rows = await Promise.all([7, 7, 5000, 0].map((key) => table.lookup(key, { signal })));
    const startMs = Date.parse('2026-01-01T00:00:00Z');
    const seventh = [{ id: 7, name: 'campaign 7', starts: startMs + 7_000, budget: '8.75' }];
    expect(rows).toEqual([seventh, seventh, [], [{ id: 0, name: 'campaign 0', starts: startMs, budget: '0.00' }]]);
  });
});

test('several rows of a key, rows made by the author, and a query of his own', async () => {
  const query = `SELECT campaign, tag FROM ${NAMESPACE}.tags WHERE campaign = ANY($1) ORDER BY tag`;
  await withTable<string, string>(
    { connection, query, key: 'campaign', row: ({ tag }) => String(tag) },
    async (table) => {
      expect(await table.lookup('a', { signal })).toEqual(['t1', 't2']);
      expect(await table.lookup('c', { signal })).toEqual([]);
      expect('scan' in table && table.scan !== undefined).toBe(false);
    },
  );
});

test('the keys of a turn go into one query, and large turns into few', async () => {
  await client.query(`CREATE FUNCTION ${NAMESPACE}.note(keys bigint[]) RETURNS bigint[] LANGUAGE sql AS $$
    INSERT INTO ${NAMESPACE}.queries (keys) VALUES (keys) RETURNING keys $$`);
  const query = `SELECT unnest(${NAMESPACE}.note($1)) AS id`;
  await withTable<number, unknown>({ connection, query, key: 'id', keysPerQueryMax: 100 }, async (table) => {
    const keys = Array.from({ length: 250 }, (_, n) => n % 200);
    const rows = await Promise.all(keys.map((key) => table.lookup(key, { signal })));
    expect(rows).toEqual(keys.map((id) => [{ id }]));
  });
  const { rows } = await client.query<{ keys: unknown[] }>(`SELECT keys FROM ${NAMESPACE}.queries`);
  expect(rows.map(({ keys }) => keys.length).toSorted((a, b) => a - b)).toEqual([50, 100, 100]);
});

test('a table that is missing, a column that is missing and a server that does not answer are told apart', async () => {
  const lookup = async (options: PostgresLookupTableOptions<unknown>, key: Key = 1): Promise<unknown> => {
    let failure: unknown;
    await withTable(options, async (table) => {
      failure = await table.lookup(key, { signal }).catch((error: unknown) => error);
    });
    return failure;
  };
  expect(await lookup({ ...campaigns(), table: 'missing' } as never)).toMatchObject({ code: 'LOOKUP', domain: 'user' });
  expect(await lookup(campaigns() as never, 'text')).toMatchObject({ code: 'LOOKUP', domain: 'user' });
  expect(await lookup({ connection, query: 'SELECT 1 AS one WHERE $1::int[] IS NOT NULL', key: 'id' })).toMatchObject({
    code: 'LOOKUP',
    message: expect.stringContaining("expected a column 'id', found one") as string,
  });
  const nobody = connection.replace(/:\d+\//, ':1/');
  expect(await lookup({ ...campaigns(), connection: nobody } as never)).toMatchObject({
    code: 'CONNECTION',
    retryable: true,
  });
  const sleep = {
    connection,
    query: 'SELECT 1 AS id, pg_sleep(10) WHERE $1::int[] IS NOT NULL',
    key: 'id',
    queryTimeout: 50,
  };
  expect(await lookup(sleep)).toMatchObject({ code: 'TIMEOUT', retryable: true });
  expect(() => postgresLookupTable({ ...campaigns(), connection: 'localhost' })).toThrow('expected an address such as');
});

test('a row without key belongs to none, and one with a key that nobody asked for is no silent miss', async () => {
  const query = `SELECT key, row FROM (VALUES (NULL, 'none'), ('a', 'A')) t(key, row) WHERE $1::text[] IS NOT NULL`;
  await withTable<string, unknown>({ connection, query, key: 'key' }, async (table) => {
    expect(await Promise.all(['a', 'null'].map((key) => table.lookup(key, { signal })))).toEqual([
      [{ key: 'a', row: 'A' }],
      [],
    ]);
  });
  await client.query(`CREATE TABLE ${NAMESPACE}.codes (code char(4)); INSERT INTO ${NAMESPACE}.codes VALUES ('ab')`);
  const codes = { connection, namespace: NAMESPACE, table: 'codes', key: 'code', columns: [] };
  await withTable<string, unknown>(codes, async (table) => {
    await expect(table.lookup('ab', { signal })).rejects.toMatchObject({
      code: 'LOOKUP',
      message: expect.stringContaining("the key 'ab  ', which nobody asked for") as string,
    });
  });
});

test('times without end, and before the year 0, are numbers too; a date is text', async () => {
  const query = `SELECT k AS id, 'infinity'::timestamptz AS a, '-infinity'::timestamp AS b,
    '2026-01-01 00:00:00.5'::timestamp AS c, '0044-03-15 12:00:00 BC'::timestamp AS d, '2026-01-01'::date AS e FROM unnest($1::int[]) k`;
  await withTable<number, unknown>({ connection, query, key: 'id' }, async (table) => {
    const [row] = await table.lookup(1, { signal });
    const idesMs = Date.parse('-000043-03-15T12:00:00Z');
    expect(row).toEqual({
      id: 1,
      a: Infinity,
      b: -Infinity,
      c: Date.parse('2026-01-01T00:00:00.5Z'),
      d: idesMs,
      e: '2026-01-01',
    });
  });
});

const sleeping = { query: 'SELECT 1 AS id, pg_sleep(3) WHERE $1::int[] IS NOT NULL', key: 'id' };

test('closing does not wait for a query that is under way', async () => {
  const table = postgresLookupTable<unknown, number>({ connection, ...sleeping });
  await table.open!({} as FunctionContext);
  let isAnswered = false;
  const answer = table.lookup(1, { signal }).then(() => void (isAnswered = true));
  await client.query('SELECT pg_sleep(0.2)');
  await table.close!();
  expect(isAnswered).toBe(false);
  await answer;
});

test('a server that is no longer there without a word ends in a failure', async () => {
  const { hostname, port, pathname, username, password } = new URL(connection);
  let isCut = false;
  const sockets: Socket[] = [];
  const wire = createServer((socket) => {
    const server = connect(Number(port), hostname);
    sockets.push(socket, server);
    for (const end of [socket, server]) end.on('error', () => {});
    socket.on('data', (data) => isCut || server.write(data));
    server.on('data', (data) => isCut || socket.write(data));
  });
  await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve));
  const address = `postgres://${username}:${password}@127.0.0.1:${(wire.address() as AddressInfo).port}${pathname}`;
  const query = 'SELECT unnest($1::int[]) AS id';
  await withTable<number, unknown>({ connection: address, query, key: 'id', queryTimeout: 100 }, async (table) => {
    expect(await table.lookup(1, { signal })).toEqual([{ id: 1 }]);
    isCut = true;
    await expect(table.lookup(2, { signal })).rejects.toMatchObject({ code: 'CONNECTION', retryable: true });
  });
  for (const socket of sockets) socket.destroy();
  wire.close();
});

test('a whole job joins its stream with the table, with each kind of cache', async () => {
  const caches: (LookupCacheOptions | undefined)[] = [
    undefined,
    { kind: 'partial', maxRows: 50, expireAfterWrite: '1m' },
    { kind: 'full', reloadInterval: '1h' },
  ];
  const ids = Array.from({ length: 5_000 }, (_, n) => (n * 17) % 1_100);
  for (const cache of caches) {
    const rows = new CollectedRows<string>();
    const environment = { ...createNodeEnvironment(), files: new MemoryFileSystem() };
    const execution = JobExecution.start({
      environment,
      jobName: 'lookup',
      checkpointStorage: new DirectoryStorage(environment, '/checkpoints'),
      openPageStore: async () => new HeapPageStore(),
      parallelism: 2,
      restart: { kind: 'none' },
      buildGraph: () => {
        const env = new StreamExecutionEnvironment();
        env
          .fromSource(collectionSource(ids), 'ids', WatermarkStrategy.noWatermarks<number>())
          .lookupJoin(postgresLookupTable<Campaign, number>(campaigns()), {
            uid: 'campaigns',
            schema: int(),
            keySelector: (id) => id,
            join: 'left',
            result: (id, campaign) => `${id} ${campaign?.name ?? 'none'}`,
            capacity: 500,
            outputMode: 'unordered',
            cache,
          })
          .sinkTo(collectSink({ into: rows }), { uid: 'out' });
        return env.streamGraph();
      },
    });
    await execution.result;
    const expected = ids.map((id) => `${id} ${id < 1_000 ? `campaign ${id}` : 'none'}`);
    expect(rows.values().toSorted()).toEqual(expected.toSorted());
  }
});
