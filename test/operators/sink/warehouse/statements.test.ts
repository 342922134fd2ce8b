import { expect, test } from 'vitest';
import { UserError } from '../../../../engine/base/errors.ts';
import { redshiftDdl, redshiftLoad } from '../../../../operators/sink/warehouse/redshift-statements.ts';
import { createTable, createStaging, mergeStaging } from '../../../../operators/sink/warehouse/postgres-statements.ts';
import { warehouseSink, type WarehouseSinkOptions } from '../../../../operators/sink/warehouse/warehouse-sink.ts';
import { snakeCase, warehouseTable } from '../../../../operators/sink/warehouse/warehouse-table.ts';
import { decimal, type Infer, int, long, optional, record, string, timestampMs } from '../../../../state/index.ts';

const Attribution = record('Attribution', {
  conversionId: string(),
  touchId: string(),
  model: string(),
  convTs: timestampMs(),
  creditPpm: int(),
  valueMicros: optional(long()),
  fxRate: optional(decimal(18, 8)),
});

const append = warehouseTable({
  table: 'fact_attribution',
  schema: Attribution as never,
  key: [],
  columnName: snakeCase,
});
const upsert = warehouseTable({
  table: 'dw.fact_attribution',
  schema: Attribution as never,
  key: ['conversionId', 'touchId', 'model'],
  columnName: snakeCase,
});
const load = { jobName: "o'job", sinkUid: 'facts', checkpointId: 17, attempt: 3, fingerprint: '12-00ff' };

test('Redshift: schema, ledger and table', () => {
  const options = { distributionKey: 'conversion_id', sortKey: ['conv_ts', 'model'] };
  expect(redshiftDdl(upsert, options).join(';\n\n')).toMatchInlineSnapshot(`
    "CREATE SCHEMA IF NOT EXISTS "dw";

    CREATE TABLE IF NOT EXISTS "dw"."load_ledger" (
      job_name varchar(512) NOT NULL,
      sink_uid varchar(512) NOT NULL,
      checkpoint_id bigint NOT NULL,
      attempt bigint NOT NULL,
      row_count bigint NOT NULL,
      fingerprint varchar(512) NOT NULL,
      loaded_at timestamp with time zone NOT NULL,
      PRIMARY KEY (job_name, sink_uid, checkpoint_id)
    );

    CREATE TABLE IF NOT EXISTS "dw"."fact_attribution" (
      "conversion_id" varchar(65535) NOT NULL,
      "touch_id" varchar(65535) NOT NULL,
      "model" varchar(65535) NOT NULL,
      "conv_ts" timestamp with time zone NOT NULL,
      "credit_ppm" integer NOT NULL,
      "value_micros" bigint,
      "fx_rate" numeric(18, 8),
      PRIMARY KEY ("conversion_id", "touch_id", "model")
    )
    DISTSTYLE KEY DISTKEY ("conversion_id")
    COMPOUND SORTKEY ("conv_ts", "model")"
  `);
});

test('Redshift: a load that only adds rows', () => {
  const statements = redshiftLoad(
    append,
    load,
    {
      manifestUrl: 's3://lake/facts/_manifests/facts/0000000000000017.json',
      iamRole: 'arn:aws:iam::123456789012:role/copy',
    },
    12,
  );
  expect(script(statements)).toMatchInlineSnapshot(`
    "BEGIN;

    LOCK TABLE "dw"."load_ledger";

    SELECT
      max(CASE WHEN checkpoint_id = 17 THEN fingerprint END) AS fingerprint,
      max(CASE WHEN checkpoint_id = 17 THEN attempt END) AS attempt,
      max(attempt) AS newest_attempt,
      (SELECT max(checkpoint_id) FROM "dw"."load_ledger" WHERE job_name = 'o''job' AND sink_uid = 'facts' AND checkpoint_id < 17) AS newest_checkpoint_id
    FROM "dw"."load_ledger"
    WHERE job_name = 'o''job' AND sink_uid = 'facts'
      AND (checkpoint_id = 17 OR checkpoint_id = (SELECT max(checkpoint_id) FROM "dw"."load_ledger" WHERE job_name = 'o''job' AND sink_uid = 'facts'));

    CREATE TEMP TABLE tidemark_staging (LIKE "dw"."fact_attribution");

    COPY tidemark_staging
    FROM 's3://lake/facts/_manifests/facts/0000000000000017.json'
    IAM_ROLE 'arn:aws:iam::123456789012:role/copy'
    FORMAT AS PARQUET
    MANIFEST;

    SELECT count(*) AS row_count FROM tidemark_staging;

    INSERT INTO "dw"."fact_attribution" ("conversion_id", "touch_id", "model", "conv_ts", "credit_ppm", "value_micros", "fx_rate")
    SELECT "conversion_id", "touch_id", "model", "conv_ts", "credit_ppm", "value_micros", "fx_rate" FROM tidemark_staging;

    DROP TABLE tidemark_staging;

    INSERT INTO "dw"."load_ledger" (job_name, sink_uid, checkpoint_id, attempt, row_count, fingerprint, loaded_at)
    VALUES ('o''job', 'facts', 17, 3, 12, '12-00ff', CURRENT_TIMESTAMP);

    COMMIT"
  `);
});

test('Redshift: a load that changes rows by their key', () => {
  const statements = redshiftLoad(
    upsert,
    load,
    {
      manifestUrl: 's3://lake/m.json',
      iamRole: 'arn:aws:iam::1:role/copy',
      range: { column: 'conv_ts', min: '2026-01-01T00:00:00Z', max: '2026-01-02T00:00:00Z' },
      rowKindColumn: 'row_kind',
    },
    12,
  );
  expect(script(statements)).toMatchInlineSnapshot(`
    "BEGIN;

    LOCK TABLE "dw"."load_ledger";

    SELECT
      max(CASE WHEN checkpoint_id = 17 THEN fingerprint END) AS fingerprint,
      max(CASE WHEN checkpoint_id = 17 THEN attempt END) AS attempt,
      max(attempt) AS newest_attempt,
      (SELECT max(checkpoint_id) FROM "dw"."load_ledger" WHERE job_name = 'o''job' AND sink_uid = 'facts' AND checkpoint_id < 17) AS newest_checkpoint_id
    FROM "dw"."load_ledger"
    WHERE job_name = 'o''job' AND sink_uid = 'facts'
      AND (checkpoint_id = 17 OR checkpoint_id = (SELECT max(checkpoint_id) FROM "dw"."load_ledger" WHERE job_name = 'o''job' AND sink_uid = 'facts'));

    CREATE TEMP TABLE tidemark_staging (LIKE "dw"."fact_attribution", "row_kind" varchar(2));

    COPY tidemark_staging
    FROM 's3://lake/m.json'
    IAM_ROLE 'arn:aws:iam::1:role/copy'
    FORMAT AS PARQUET
    MANIFEST;

    SELECT count(*) AS row_count FROM tidemark_staging;

    DELETE FROM "dw"."fact_attribution"
    USING tidemark_staging
    WHERE "dw"."fact_attribution"."conversion_id" = tidemark_staging."conversion_id" AND "dw"."fact_attribution"."touch_id" = tidemark_staging."touch_id" AND "dw"."fact_attribution"."model" = tidemark_staging."model"
      AND "dw"."fact_attribution"."conv_ts" BETWEEN '2026-01-01T00:00:00Z' AND '2026-01-02T00:00:00Z'
      AND tidemark_staging."row_kind" IN ('-U', '-D');

    DELETE FROM tidemark_staging WHERE "row_kind" IN ('-U', '-D');

    MERGE INTO "dw"."fact_attribution"
    USING tidemark_staging
    ON "dw"."fact_attribution"."conversion_id" = tidemark_staging."conversion_id" AND "dw"."fact_attribution"."touch_id" = tidemark_staging."touch_id" AND "dw"."fact_attribution"."model" = tidemark_staging."model"
      AND "dw"."fact_attribution"."conv_ts" BETWEEN '2026-01-01T00:00:00Z' AND '2026-01-02T00:00:00Z'
    WHEN MATCHED THEN UPDATE SET "conv_ts" = tidemark_staging."conv_ts", "credit_ppm" = tidemark_staging."credit_ppm", "value_micros" = tidemark_staging."value_micros", "fx_rate" = tidemark_staging."fx_rate"
    WHEN NOT MATCHED THEN INSERT ("conversion_id", "touch_id", "model", "conv_ts", "credit_ppm", "value_micros", "fx_rate") VALUES (tidemark_staging."conversion_id", tidemark_staging."touch_id", tidemark_staging."model", tidemark_staging."conv_ts", tidemark_staging."credit_ppm", tidemark_staging."value_micros", tidemark_staging."fx_rate");

    DROP TABLE tidemark_staging;

    INSERT INTO "dw"."load_ledger" (job_name, sink_uid, checkpoint_id, attempt, row_count, fingerprint, loaded_at)
    VALUES ('o''job', 'facts', 17, 3, 12, '12-00ff', CURRENT_TIMESTAMP);

    COMMIT"
  `);
});

test('PostgreSQL: table, staging table and merge', () => {
  expect([createTable(upsert), createStaging(upsert), ...mergeStaging(upsert)].join(';\n\n')).toMatchInlineSnapshot(`
    "CREATE TABLE IF NOT EXISTS "dw"."fact_attribution" (
      "conversion_id" text NOT NULL,
      "touch_id" text NOT NULL,
      "model" text NOT NULL,
      "conv_ts" timestamp with time zone NOT NULL,
      "credit_ppm" integer NOT NULL,
      "value_micros" bigint,
      "fx_rate" numeric(18, 8),
      PRIMARY KEY ("conversion_id", "touch_id", "model")
    );

    CREATE TEMP TABLE tidemark_staging (
      "conversion_id" text,
      "touch_id" text,
      "model" text,
      "conv_ts" timestamp with time zone,
      "credit_ppm" integer,
      "value_micros" bigint,
      "fx_rate" numeric(18, 8),
      "_ordinal" bigint,
      "_is_delete" boolean
    ) ON COMMIT DROP;

    DELETE FROM "dw"."fact_attribution" AS target USING tidemark_staging AS staging WHERE target."conversion_id" = staging."conversion_id" AND target."touch_id" = staging."touch_id" AND target."model" = staging."model";

    INSERT INTO "dw"."fact_attribution" ("conversion_id", "touch_id", "model", "conv_ts", "credit_ppm", "value_micros", "fx_rate")
    SELECT "conversion_id", "touch_id", "model", "conv_ts", "credit_ppm", "value_micros", "fx_rate"
    FROM (
      SELECT *, row_number() OVER (PARTITION BY "conversion_id", "touch_id", "model" ORDER BY "_ordinal" DESC) AS _rank
      FROM tidemark_staging
    ) AS ranked
    WHERE _rank = 1 AND NOT "_is_delete""
  `);
});

function script(statements: ReturnType<typeof redshiftLoad>): string {
  const { begin, readLedger, stage, countStaged, finish } = statements;
  return [...begin, readLedger, ...stage, countStaged, ...finish].join(';\n\n');
}

test.each([
  ['clickId', 'click_id'],
  ['costMicrosUSD', 'cost_micros_usd'],
  ['URLHash', 'url_hash'],
  ['at', 'at'],
  ['p50Ms', 'p50_ms'],
  ['already_snake', 'already_snake'],
])('the field %s has the column %s', (field, column) => {
  expect(snakeCase(field)).toBe(column);
});

type Row = Infer<typeof Attribution>;

test.each<[string, Partial<WarehouseSinkOptions<Row>>, string]>([
  ['upsert without a key', { mode: 'upsert' }, 'warehouse table t: mode upsert needs the fields that identify a row'],
  ['append with a key', { key: ['model'] }, 'warehouse table t: mode append takes no key, found model'],
  ['an optional key', { mode: 'upsert', key: ['fxRate'] }, 'warehouse table t: key field fxRate is optional'],
  [
    'a key that is no field',
    { mode: 'upsert', key: ['nope' as 'model'] },
    'warehouse table t: key field nope is no field of the record',
  ],
  ['two fields of one column', { columnName: () => 'x' }, 'warehouse table t: two fields give the column x'],
  ['a table of three parts', { table: 'a.b.c' }, 'expected a table such as fact_click or dw.fact_click, found a.b.c'],
  ['an empty table', { table: '' }, 'table: expected a name of 1 to 63 bytes, found ""'],
])('%s is refused', (_, options, message) => {
  const create = () =>
    warehouseSink<Row>({ connection: 'postgres://x', table: 't', schema: Attribution, mode: 'append', ...options });
  expect(create).toThrow(UserError);
  expect(create).toThrow(message);
});

test('a range or distribution column that does not exist is refused', () => {
  expect(() => redshiftDdl(append, { sortKey: ['nope'] })).toThrow(
    'warehouse table dw.fact_attribution has no column nope',
  );
});
