import { type FileMetaData, parquetMetadata, parquetReadObjects } from 'hyparquet';
import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecordError, UserError } from '../../../../engine/base/errors.ts';
import { SeededRandom } from '../../../../engine/base/random.ts';
import type { ParquetCompression } from '../../../../operators/sink/parquet/compression.ts';
import { parquetColumns } from '../../../../operators/sink/parquet/parquet-columns.ts';
import { type FinishedParquetFile, ParquetFile } from '../../../../operators/sink/parquet/parquet-file.ts';
import {
  array,
  boolean,
  bytes,
  decimal,
  enumeration,
  float64,
  type Infer,
  int,
  long,
  map,
  optional,
  record,
  type Schema,
  string,
  timestampMs,
  union,
} from '../../../../state/index.ts';
import { queryParquet } from './duckdb.ts';

const Row = record('Row', {
  id: string(),
  text: optional(string()),
  kind: enumeration(['click', 'view', 'buy']),
  flag: boolean(),
  maybe: optional(boolean()),
  small: int(),
  count: optional(long()),
  ratio: optional(float64()),
  time: timestampMs(),
  seen: optional(timestampMs()),
  price: decimal(9, 2),
  spend: optional(decimal(18, 6)),
  total: optional(decimal(38, 10)),
  raw: optional(bytes()),
  nested: optional(record('Nested', { list: array(int()), names: map(string()), money: optional(decimal(10, 2)) })),
});
type Row = Infer<typeof Row>;

function write<T>(
  schema: Schema<T>,
  rows: readonly T[],
  options: { compression?: ParquetCompression; rowGroupRows?: number } = {},
): FinishedParquetFile {
  const { compression = 'zstd', rowGroupRows = 1 << 20 } = options;
  const file = new ParquetFile({ columns: parquetColumns(schema as Schema<never>), compression, rowGroupRows });
  for (const row of rows) file.append(row as Record<string, unknown>);
  return file.finish();
}

const DUCKDB_COLUMNS = `id, text, kind, flag, maybe, small, count, ratio, epoch_us(time) AS time, epoch_us(seen) AS seen,
  price::varchar AS price, spend::varchar AS spend, total::varchar AS total, hex(raw) AS raw, nested`;

/** Decimal text, made without our own formatter. */
function unitsText(value: bigint, scale: number): string {
  const digitsText = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  return `${value < 0n ? '-' : ''}${digitsText.slice(0, -scale)}.${digitsText.slice(-scale)}`;
}

function metadataOf(file: Uint8Array): FileMetaData {
  return parquetMetadata(bufferOf(file));
}

function bufferOf(file: Uint8Array): ArrayBuffer {
  return Uint8Array.from(file).buffer;
}

/** What `DUCKDB_COLUMNS` gives for a row. */
function expected(row: Row): Record<string, unknown> {
  const nested = row.nested && {
    list: row.nested.list,
    names: row.nested.names,
    ...(row.nested.money === undefined ? {} : { money: unitsText(row.nested.money, 2) }),
  };
  return {
    id: row.id,
    text: row.text ?? null,
    kind: row.kind,
    flag: row.flag,
    maybe: row.maybe ?? null,
    small: row.small,
    count: row.count === undefined ? null : BigInt(row.count),
    ratio: row.ratio ?? null,
    time: BigInt(row.time) * 1000n,
    seen: row.seen === undefined ? null : BigInt(row.seen) * 1000n,
    price: unitsText(row.price, 2),
    spend: row.spend === undefined ? null : unitsText(row.spend, 6),
    total: row.total === undefined ? null : unitsText(row.total, 10),
    raw: row.raw === undefined ? null : Buffer.from(row.raw).toString('hex').toUpperCase(),
    nested: nested === undefined ? null : JSON.stringify(nested),
  };
}

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom('', 'Grüße', '東京', '😀 rocket', 'a'.repeat(300), 'é'.repeat(70), '\0'),
);
const optionally = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const digits = (count: number): fc.Arbitrary<bigint> =>
  fc.bigInt({ min: 1n - 10n ** BigInt(count), max: 10n ** BigInt(count) - 1n });
const timestamp = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 });
const anyRow: fc.Arbitrary<Row> = fc.record({
  id: text,
  text: optionally(text),
  kind: fc.constantFrom('click' as const, 'view' as const, 'buy' as const),
  flag: fc.boolean(),
  maybe: optionally(fc.boolean()),
  small: fc.integer(),
  count: optionally(fc.maxSafeInteger()),
  ratio: optionally(fc.double()),
  time: timestamp,
  seen: optionally(timestamp),
  price: digits(9),
  spend: optionally(digits(18)),
  total: optionally(digits(38)),
  raw: optionally(fc.uint8Array({ maxLength: 9 })),
  nested: optionally(
    fc.record({
      list: fc.array(fc.integer(), { maxLength: 3 }),
      names: fc.dictionary(fc.constantFrom('x', 'y'), text, { noNullPrototype: true }),
      money: optionally(digits(10)),
    }),
  ),
});

test('law: DuckDB reads every type, null and character as it was written', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyRow, { minLength: 1, maxLength: 40 }),
      fc.constantFrom<ParquetCompression>('zstd', 'snappy', 'none'),
      fc.integer({ min: 1, max: 50 }),
      async (rows, compression, rowGroupRows) => {
        const { bytes: file } = write(Row, rows, { compression, rowGroupRows });
        expect(await queryParquet([file], `SELECT ${DUCKDB_COLUMNS} FROM FILES`)).toEqual(rows.map(expected));
      },
    ),
    { numRuns: 60 },
  );
});

test('100,000 rows with many pages, dictionaries kept and given up, come back equal, in order', async () => {
  const random = new SeededRandom(7);
  const rows = Array.from({ length: 100_000 }, (_, i): Row => ({
    id: `id-${random.uint32().toString(36)}-${i}`,
    text: i % 3 === 0 ? undefined : i < 30_000 ? `few-${i % 50}` : `many-${random.uint32()}-ü`,
    kind: i % 7 === 0 ? 'click' : 'view',
    flag: random.below(2) === 1,
    maybe: i % 5 === 0 ? undefined : i % 2 === 0,
    small: random.uint32() | 0,
    count: i % 4 === 0 ? undefined : Math.trunc((random.next() - 0.5) * 2 * Number.MAX_SAFE_INTEGER),
    ratio: i % 11 === 0 ? undefined : random.next() * 1e9 - 5e8,
    time: 1_767_225_600_000 + i * 37,
    seen: i > 50_000 ? undefined : 1_767_225_600_000 - i,
    price: BigInt(random.below(1_000_000_000)) - 500_000_000n,
    spend: undefined,
    total: i % 2 === 0 ? undefined : BigInt(random.uint32()) ** 3n,
    raw: i % 1000 === 0 ? new Uint8Array(70_000).fill(i) : undefined,
    nested: i % 100 === 0 ? { list: [i], names: { a: 'b' }, money: undefined } : undefined,
  }));
  const { bytes: file, rowCount } = write(Row, rows, { rowGroupRows: 60_000 });
  expect(rowCount).toBe(100_000);
  const read = await queryParquet([file], `SELECT ${DUCKDB_COLUMNS} FROM FILES`);
  expect(read.length).toBe(rows.length);
  for (let i = 0; i < rows.length; i += i % 1000 < 3 ? 1 : 97) expect(read[i]).toEqual(expected(rows[i]!));
  const [sums] = await queryParquet(
    [file],
    'SELECT sum(count) AS count, sum(small) AS small, count(DISTINCT id) AS ids, count(text) AS texts, sum(octet_length(raw)) AS raw, count(*) FILTER (flag) AS flags FROM FILES',
  );
  expect(sums).toEqual({
    count: rows.reduce((sum, row) => sum + BigInt(row.count ?? 0), 0n),
    small: rows.reduce((sum, row) => sum + BigInt(row.small), 0n),
    ids: 100_000n,
    texts: BigInt(rows.filter((row) => row.text !== undefined).length),
    raw: 7_000_000n,
    flags: BigInt(rows.filter((row) => row.flag).length),
  });
});

test('law: the footer bounds every value, and readers that skip by it find what is there', async () => {
  const Small = record('Small', { name: string(), n: optional(float64()), time: timestampMs(), d: decimal(38, 1) });
  const name = text.map((value) => value.replaceAll('\0', ''));
  const row = fc.record({ name, n: optionally(fc.double()), time: timestamp, d: digits(38) });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 30 }), fc.nat(), async (rows, pick) => {
      const { bytes: file } = write(Small, rows, { rowGroupRows: 4 });
      const wanted = rows[pick % rows.length]!;
      const same = rows.filter((r) => r.name === wanted.name && r.time === wanted.time && r.d === wanted.d);
      const literal = wanted.name.replaceAll("'", "''");
      // DuckDB leaves out row groups whose statistics exclude the value.
      const found = await queryParquet(
        [file],
        `SELECT count(*) AS c FROM FILES WHERE name = '${literal}' AND time = make_timestamptz(${wanted.time}000) AND d = '${unitsText(wanted.d, 1)}'::decimal(38,1)`,
      );
      expect(found).toEqual([{ c: BigInt(same.length) }]);
      metadataOf(file).row_groups.forEach((group, g) => {
        const numbers = rows.slice(g * 4, g * 4 + 4).map((r) => r.n ?? Number.NaN);
        const finite = numbers.filter((n) => !Number.isNaN(n));
        const { min_value, max_value } = group.columns[1]!.meta_data!.statistics!;
        // Zero counts as -0 below and as +0 above.
        expect(min_value).toBe(finite.length === 0 ? undefined : Math.min(...finite.map((n) => (n === 0 ? -0 : n))));
        expect(max_value).toBe(finite.length === 0 ? undefined : Math.max(...finite.map((n) => (n === 0 ? 0 : n))));
      });
    }),
    { numRuns: 40 },
  );
});

test('law: hyparquet reads the same, and equal rows give equal bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyRow, { minLength: 1, maxLength: 20 }), async (rows) => {
      const first = write(Row, rows);
      expect(Buffer.compare(first.bytes, write(Row, rows).bytes)).toBe(0);
      const read = await parquetReadObjects({
        file: bufferOf(first.bytes),
        compressors: { ZSTD: (input) => zstdDecompressSync(input) },
      });
      expect(read.map(({ id, count, flag }) => ({ id, count, flag }))).toEqual(
        rows.map(({ id, count, flag }) => ({ id, count: count === undefined ? null : BigInt(count), flag })),
      );
    }),
    { numRuns: 30 },
  );
});

test('pages are of version 1, and columns with few values have a dictionary', async () => {
  const Few = record('Few', { few: string(), unique: string() });
  const rows = Array.from({ length: 30_000 }, (_, i) => ({ few: `v${i % 9}`, unique: `u${i * 7919}` }));
  const { bytes: file } = write(Few, rows);
  const metadata = metadataOf(file);
  const [few, unique] = metadata.row_groups[0]!.columns.map((column) => column.meta_data!);
  expect(few!.encodings).toEqual(['PLAIN_DICTIONARY']);
  expect(unique!.encodings).toEqual(['PLAIN']);
  // Thrift's first field of a page header is its type, zigzag: DATA_PAGE is 0, DICTIONARY_PAGE 2, DATA_PAGE_V2 3.
  expect([...file.subarray(Number(few!.dictionary_page_offset), Number(few!.dictionary_page_offset) + 2)]).toEqual([
    0x15, 4,
  ]);
  for (const column of [few, unique]) {
    const at = Number(column!.data_page_offset);
    expect([...file.subarray(at, at + 2)]).toEqual([0x15, 0]);
  }
});

test('ranges of columns are reported for manifests', () => {
  const rows: Row[] = [
    { id: 'b', kind: 'view', flag: true, small: -3, time: 5_000, price: 125n, total: 7n },
    { id: 'ä', kind: 'view', flag: false, small: 9, time: -1, price: -1n, text: 'x'.repeat(65) },
  ];
  const { ranges } = write(Row, rows);
  expect(ranges.toJson()).toEqual({
    id: { min: 'b', max: 'ä' },
    kind: { min: 'view', max: 'view' },
    flag: { min: false, max: true },
    small: { min: -3, max: 9 },
    time: { min: -1, max: 5_000 },
    price: { min: '-0.01', max: '1.25' },
    total: { min: '0.0000000007', max: '0.0000000007' },
  });
});

test('a union is JSON with its tag', async () => {
  const Event = union('type', { click: record('Click', { x: int() }), view: record('View', { ms: optional(int()) }) });
  const Holder = record('Holder', { event: Event });
  const rows: Infer<typeof Holder>[] = [{ event: { type: 'click', x: 1 } }, { event: { type: 'view' } }];
  const { bytes: file } = write(Holder, rows);
  expect(await queryParquet([file], 'SELECT event FROM FILES')).toEqual([
    { event: '{"type":"click","x":1}' },
    { event: '{"type":"view"}' },
  ]);
});

test.each<[string, Record<string, unknown>, string]>([
  ['a missing value', { n: undefined }, 'column n: expected a value, found undefined'],
  ['a fraction', { n: 1.5 }, 'column n: expected an integer below 2^53 in magnitude, found number 1.5'],
  ['a string', { n: '7' }, 'column n: expected an integer below 2^53 in magnitude, found string 7'],
])('%s is refused with column, expected and found', (_, row, message) => {
  const file = new ParquetFile({
    columns: parquetColumns(record('N', { n: long() }) as unknown as Schema<never>),
    compression: 'none',
    rowGroupRows: 10,
  });
  expect(() => file.append(row)).toThrow(RecordError);
  expect(() => file.append(row)).toThrow(message);
});

test('a decimal with too many digits is refused', () => {
  const D = record('D', { d: decimal(4, 2) });
  expect(() => write(D, [{ d: 10_000n }])).toThrow(
    'column d: expected a bigint of at most 4 digits, found bigint 10000',
  );
});

test('a schema that is no record is refused', () => {
  expect(() => parquetColumns(string() as Schema<never>)).toThrow(UserError);
  expect(() => parquetColumns(string() as Schema<never>)).toThrow('parquet: expected a record schema, found string');
});
