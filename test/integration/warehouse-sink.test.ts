import fc from 'fast-check';
import pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import type { TidemarkError } from '../../engine/base/errors.ts';
import { DELETE, INSERT, UPDATE_AFTER, UPDATE_BEFORE } from '../../engine/task/row-kind.ts';
import type { SinkContext } from '../../engine/task/sink.ts';
import { PostgresWarehouse } from '../../operators/sink/warehouse/postgres-warehouse.ts';
import type { Warehouse } from '../../operators/sink/warehouse/warehouse.ts';
import { warehouseSink, type WarehouseSinkOptions } from '../../operators/sink/warehouse/warehouse-sink.ts';
import {
  array,
  boolean,
  bytes,
  decimal,
  enumeration,
  float64,
  int,
  long,
  map,
  optional,
  record,
  string,
  timestampMs,
} from '../../state/index.ts';
import { DirectoryStorage } from '../../state/storage/directory-storage.ts';
import { MemoryFileSystem } from '../../engine/base/file-system-memory.ts';
import type { PostgresService } from '../harness/services/postgres.ts';
import { sharedServices, uniqueName } from '../harness/services/shared.ts';
import { testCreateSinkContext } from '../operators/sink/sink-context.ts';

let service: PostgresService;
let url: string;

beforeAll(async () => {
  service = (await sharedServices('postgres')).postgres;
  const { user, password, host, port, database } = service;
  url = `postgres://${user}:${password}@${host}:${port}/${database}`;
});

const environment = { ...createNodeEnvironment(), files: new MemoryFileSystem() };

function context(fields: Partial<SinkContext> = {}): SinkContext {
  return testCreateSinkContext({
    environment,
    storage: new DirectoryStorage(environment, uniqueName('/checkpoints')),
    sinkUid: uniqueName('sink'),
    ...fields,
  });
}

async function query<R extends object = Record<string, unknown>>(sql: string): Promise<R[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<R>(sql)).rows;
  } finally {
    await client.end();
  }
}

type Change<T> = readonly [row: T, kind?: 0 | 1 | 2 | 3];

/** Writes and commits one checkpoint per list of changes, from 1 up. */
async function load<T>(
  options: WarehouseSinkOptions<T>,
  epochs: readonly (readonly Change<T>[])[],
  fields?: Partial<SinkContext>,
): Promise<void> {
  const sink = warehouseSink(options);
  const sinkContext = context(fields);
  const writer = await sink.createWriter(sinkContext);
  const committer = await sink.createCommitter!(sinkContext);
  try {
    for (const [index, changes] of epochs.entries()) {
      for (const [row, kind = INSERT] of changes) writer.write(row, 0, kind);
      await committer.commit(index + 1, await writer.prepareCommit(index + 1));
    }
  } finally {
    await committer.close();
  }
}

const failure = (promise: Promise<unknown>): Promise<TidemarkError> =>
  promise.then(
    () => {
      throw new Error('expected a failure');
    },
    (error: TidemarkError) => error,
  );

const Everything = record('Everything', {
  id: int(),
  someText: optional(string()),
  kind: enumeration(['a', 'b']),
  flag: boolean(),
  count: optional(long()),
  ratio: optional(float64()),
  seenAt: timestampMs(),
  price: decimal(18, 4),
  total: optional(decimal(38, 11)),
  raw: optional(bytes()),
  nested: optional(record('Nested', { list: array(string()), names: map(long()) })),
});

test('law: PostgreSQL has every type, null and character as it was written', async () => {
  const table = uniqueName('everything');
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('Grüße', '東京', '😀', '\0', '\ud800', 'a\\u0000b', 'x'.repeat(3_000)),
  );
  const units = (precision: number) =>
    fc.bigInt({ min: 1n - 10n ** BigInt(precision), max: 10n ** BigInt(precision) - 1n });
  const optionally = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
  const row = fc.record({
    someText: optionally(text),
    kind: fc.constantFrom('a' as const, 'b' as const),
    flag: fc.boolean(),
    count: optionally(fc.maxSafeInteger()),
    ratio: optionally(fc.double()),
    seenAt: fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }),
    price: fc.oneof(units(18), units(3), fc.constant(0n), fc.constant(10_000n), fc.constant(-1n)),
    total: optionally(units(38)),
    raw: optionally(fc.uint8Array()),
    nested: optionally(
      fc.record({
        list: fc.array(text),
        names: fc.dictionary(text, fc.maxSafeInteger(), { maxKeys: 3, noNullPrototype: true }),
      }),
    ),
  });
  const [sample] = fc.sample(fc.array(row, { minLength: 400, maxLength: 400 }), { numRuns: 1, seed: 42 });
  const rows = sample!.map((fields, id) => ({ id, ...fields }));
  await load({ connection: url, table, schema: Everything, mode: 'append' }, [rows.map((value) => [value] as const)]);
  const found =
    await query(`SELECT id, some_text, kind, flag, count::text, ratio, (extract(epoch FROM seen_at) * 1000)::bigint::text AS seen_at,
    price::text, total::text, encode(raw, 'hex') AS raw, nested FROM dw.${table} ORDER BY id`);
  const decimalText = (value: bigint, scale: number): string => {
    const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
    return `${value < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  };
  const clean = (value: string): string => value.toWellFormed().replaceAll('\0', '\ufffd');
  expect(found).toEqual(
    rows.map((value) => ({
      id: value.id,
      some_text: value.someText === undefined ? null : clean(value.someText),
      kind: value.kind,
      flag: value.flag,
      count: value.count?.toString() ?? null,
      // PostgreSQL has -0 and NaN; `pg` reads them as numbers.
      ratio: value.ratio ?? null,
      seen_at: String(value.seenAt),
      price: decimalText(value.price, 4),
      total: value.total === undefined ? null : decimalText(value.total, 11),
      raw: value.raw === undefined ? null : Buffer.from(value.raw).toString('hex'),
      nested:
        value.nested === undefined
          ? null
          : {
              list: value.nested.list.map(clean),
              names: Object.fromEntries(
                Object.entries(value.nested.names).map(([key, number]) => [clean(key), number]),
              ),
            },
    })),
  );
});

const Fact = record('Fact', { factId: string(), amount: long() });

test('upsert replaces and deletes by key, within a checkpoint and over checkpoints', async () => {
  const table = uniqueName('fact');
  const change = (factId: string, amount: number, kind: 0 | 1 | 2 | 3 = INSERT) => [{ factId, amount }, kind] as const;
  await load({ connection: url, table, schema: Fact, mode: 'upsert', key: ['factId'] }, [
    [change('a', 1), change('b', 1), change('a', 1, UPDATE_BEFORE), change('a', 2, UPDATE_AFTER), change('c', 1)],
    [change('b', 1, DELETE), change('c', 1, UPDATE_BEFORE), change('d', 4), change('d', 4, DELETE)],
    [change('c', 9, UPDATE_AFTER)],
  ]);
  expect(await query(`SELECT * FROM dw.${table} ORDER BY 1`)).toEqual([
    { fact_id: 'a', amount: '2' },
    { fact_id: 'c', amount: '9' },
  ]);
});

test('a repeated commit changes nothing, another content under the same checkpoint is refused, an old attempt stops', async () => {
  const table = uniqueName('fact');
  const sink = warehouseSink({ connection: url, table, schema: Fact, mode: 'append' });
  const first = context({ attempt: 2 });
  const writer = await sink.createWriter(first);
  const committer = await sink.createCommitter!(first);
  writer.write({ factId: 'a', amount: 1 }, 0, INSERT);
  const committables = await writer.prepareCommit(5);
  await committer.commit(5, committables);
  await committer.commit(5, committables);
  expect(await query(`SELECT count(*)::int AS n FROM dw.${table}`)).toEqual([{ n: 1 }]);
  expect(
    await query(
      `SELECT checkpoint_id::int, attempt::int, row_count::int FROM dw.load_ledger WHERE sink_uid = '${first.sinkUid}'`,
    ),
  ).toEqual([{ checkpoint_id: 5, attempt: 2, row_count: 1 }]);

  writer.write({ factId: 'b', amount: 2 }, 0, INSERT);
  const other = await failure(committer.commit(5, await writer.prepareCommit(6)));
  expect([other.code, other.retryable]).toEqual(['WAREHOUSE', false]);
  expect(other.message).toContain(
    `checkpoint 5 of job job, sink ${first.sinkUid} was loaded before by attempt 2 with other rows`,
  );

  const zombie = await sink.createCommitter!({ ...first, attempt: 1 });
  const lost = await failure(zombie.commit(6, committables));
  expect(lost.code).toBe('OWNERSHIP_LOST');
  expect(lost.message).toContain('attempt 2 has loaded since, this is attempt 1');
  await zombie.close();
  await committer.close();
});

test('two loaders at once give one load', async () => {
  const table = uniqueName('fact');
  const sink = warehouseSink({ connection: url, table, schema: Fact, mode: 'append' });
  const shared = context();
  const writer = await sink.createWriter(shared);
  for (let i = 0; i < 2_000; i++) writer.write({ factId: `f${i}`, amount: i }, 0, INSERT);
  const committables = await writer.prepareCommit(1);
  const committers = await Promise.all([1, 2, 3].map(async () => await sink.createCommitter!(shared)));
  const results = await Promise.allSettled(committers.map((committer) => committer.commit(1, committables)));
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  expect(await query(`SELECT count(*)::int AS n FROM dw.${table}`)).toEqual([{ n: 2_000 }]);
  await Promise.all(committers.map((committer) => committer.close()));
});

test('a lost connection at any statement leaves the rows once', async () => {
  const table = uniqueName('fact');
  const sinkContext = context();
  const sink = warehouseSink({ connection: () => cutting, table, schema: Fact, mode: 'append' });
  const inner = new PostgresWarehouse(url);
  let cutAt = '';
  const cut = async (where: string): Promise<void> => {
    if (where !== cutAt) return;
    cutAt = '';
    await query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tidemark'`);
  };
  const cutting: Warehouse = {
    description: inner.description,
    prepare: (...args) => inner.prepare(...args),
    close: () => inner.close(),
    async begin(loadToBegin) {
      await cut('begin');
      const transaction = await inner.begin(loadToBegin);
      await cut('copy');
      return {
        ledger: transaction.ledger,
        async copy(target) {
          const loader = await transaction.copy(target);
          await cut('finish');
          return loader;
        },
        async commit(rowCount) {
          if (cutAt === 'reply') {
            await transaction.commit(rowCount);
            await cut('reply');
            const { ExternalError } = await import('../../engine/base/errors.ts');
            throw new ExternalError('TRANSACTION_OUTCOME_UNKNOWN', 'reply lost');
          }
          await cut('commit');
          return transaction.commit(rowCount);
        },
        rollback: () => transaction.rollback(),
      };
    },
  };
  const writer = await sink.createWriter(sinkContext);
  const committer = await sink.createCommitter!(sinkContext);
  let id = 0;
  for (const where of ['begin', 'copy', 'finish', 'commit', 'reply', '']) {
    for (let i = 0; i < 3_000; i++) writer.write({ factId: `${where}${i}`, amount: i }, 0, INSERT);
    const committables = await writer.prepareCommit(++id);
    cutAt = where;
    for (let tries = 0; ; tries++) {
      const error = await committer.commit(id, committables).then(
        () => undefined,
        (caught: TidemarkError) => caught,
      );
      if (error === undefined) break;
      expect([error.message, error.retryable]).toEqual([error.message, true]);
      expect(tries).toBeLessThan(3);
    }
    expect([where, await query(`SELECT count(*)::int AS n FROM dw.${table}`)]).toEqual([where, [{ n: id * 3_000 }]]);
  }
  await committer.close();
});

test('a new optional field becomes a new column; other differences are named before anything is loaded', async () => {
  const table = uniqueName('fact');
  await load({ connection: url, table, schema: Fact, mode: 'append' }, [[[{ factId: 'a', amount: 1 }]]]);
  const Wider = record('Fact', { factId: string(), amount: long(), note: optional(string()) });
  await load({ connection: url, table, schema: Wider, mode: 'append' }, [[[{ factId: 'b', amount: 2, note: 'x' }]]]);
  expect(await query(`SELECT * FROM dw.${table} ORDER BY 1`)).toEqual([
    { fact_id: 'a', amount: '1', note: null },
    { fact_id: 'b', amount: '2', note: 'x' },
  ]);
  const Other = record('Fact', { factId: int(), extra: long(), amount: optional(long()) });
  const error = await failure(load({ connection: url, table, schema: Other, mode: 'append' }, []));
  expect(error.code).toBe('WAREHOUSE');
  expect(error.message).toContain(
    `table dw.${table} does not fit: column fact_id: expected integer, found text; column extra bigint is missing; column amount is NOT NULL, but field amount is optional`,
  );
});

test('a missing table, server, database and a wrong password give one clear message each', async () => {
  const options = { table: uniqueName('missing'), schema: Fact, mode: 'append', createTable: false } as const;
  const noTable = await failure(load({ ...options, connection: url }, []));
  expect([noTable.code, noTable.domain]).toEqual(['NOT_FOUND', 'user']);
  expect(noTable.message).toContain(`table dw.${options.table} does not exist`);

  const { host, port, user } = service;
  const noPassword = await failure(
    load({ ...options, connection: `postgres://${user}:wrong@${host}:${port}/postgres` }, []),
  );
  expect([noPassword.code, noPassword.hint]).toEqual(['CONFIGURATION', 'Check user and password of the warehouse.']);
  expect(noPassword.message).toBe(
    `warehouse postgres://postgres@${host}:${port}/postgres: connecting: password authentication failed for user "postgres"`,
  );

  const noDatabase = await failure(load({ ...options, connection: `${url}_other` }, []));
  expect(noDatabase.message).toContain('database "postgres_other" does not exist');

  const noServer = await failure(load({ ...options, connection: 'postgres://postgres:x@127.0.0.1:1/postgres' }, []));
  expect([noServer.code, noServer.retryable]).toEqual(['CONNECTION', true]);
  expect(noServer.message).toContain(
    'warehouse postgres://postgres@127.0.0.1:1/postgres: connecting: connect ECONNREFUSED 127.0.0.1:1',
  );
});
