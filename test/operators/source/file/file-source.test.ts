import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VirtualEnvironment } from '../../../../engine/base/environment-virtual.ts';
import { avroContainer } from '../../../../operators/format/avro/avro-container.ts';
import { AvroContainerWriter } from '../../../../operators/format/avro/avro-container-writer.ts';
import { csv } from '../../../../operators/format/csv/csv.ts';
import type { DecodeFormat } from '../../../../operators/format/decode-format.ts';
import { json } from '../../../../operators/format/json/json.ts';
import { fileSource } from '../../../../operators/source/file/file-source.ts';
import type { UndecodableFileRecord } from '../../../../operators/source/file/file-source-options.ts';
import type { FileSplit } from '../../../../operators/source/file/file-split.ts';
import { record } from '../../../../state/schema/record.ts';
import { long, string } from '../../../../state/schema/scalars.ts';
import type { Infer } from '../../../../state/schema/schema.ts';
import { type SourceCheckpoint, SourceRun } from '../source-run.ts';

const Row = record('Row', { id: long(), name: string() });
type Row = Infer<typeof Row>;

interface FileKind {
  readonly name: string;
  readonly ending: string;
  readonly format: DecodeFormat<Row>;
  write(rows: readonly Row[]): Buffer;
}

const csvText = (rows: readonly Row[]): string =>
  ['id,name', ...rows.map((row) => `${row.id},"${row.name.replaceAll('"', '""')}"`)].join('\n') + '\n';
const jsonText = (rows: readonly Row[]): string => rows.map((row) => JSON.stringify(row)).join('\n');

const KINDS: readonly FileKind[] = [
  { name: 'JSON lines', ending: 'jsonl', format: json(Row), write: (rows) => Buffer.from(jsonText(rows)) },
  { name: 'JSON lines, gzip', ending: 'jsonl.gz', format: json(Row), write: (rows) => gzipSync(jsonText(rows)) },
  { name: 'CSV with header', ending: 'csv', format: csv(Row), write: (rows) => Buffer.from(csvText(rows)) },
  { name: 'CSV, zstd', ending: 'csv.zst', format: csv(Row), write: (rows) => zstdCompressSync(csvText(rows)) },
  {
    name: 'Avro container',
    ending: 'avro',
    format: avroContainer(Row),
    write(rows) {
      const writer = new AvroContainerWriter(Row, { blockBytes: 100 });
      for (const row of rows) writer.append(row);
      writer.flush();
      return writer.take();
    },
  },
];

async function folderOf(
  files: Readonly<Record<string, Buffer>>,
  canOpenFiles: boolean = true,
): Promise<VirtualEnvironment> {
  const environment = new VirtualEnvironment();
  if (!canOpenFiles) Object.assign(environment.files, { openFile: undefined });
  for (const [name, bytes] of Object.entries(files)) await environment.files.write(`in/${name}`, bytes);
  return environment;
}

const sorted = (rows: readonly Row[]): Row[] => rows.toSorted((a, b) => a.id - b.id);

for (const kind of KINDS) {
  test(`${kind.name}: every record once, at any size of splits and fetches, parallelism and point of restore`, async () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', ',', '"', '\n', 'é', '日', ' '), maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(name, { maxLength: 40 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 4 }),
        fc.boolean(),
        async (namesByFile, splitBytes, fetchBytes, parallelism, restoreAfter, canOpenFiles) => {
          let nextId = 0;
          const rowsByFile = namesByFile.map((names) => names.map((text): Row => ({ id: nextId++, name: text })));
          const files = Object.fromEntries(rowsByFile.map((rows, i) => [`${i}.${kind.ending}`, kind.write(rows)]));
          const environment = await folderOf(files, canOpenFiles);
          const source = fileSource({ path: 'in', format: kind.format, splitBytes, fetchBytes });
          const rows: Row[] = [];
          let restore: SourceCheckpoint<FileSplit> | undefined;
          for (const untilCount of [...restoreAfter, Infinity]) {
            const options = { source, environment, parallelism };
            const run = await new SourceRun<Row, FileSplit>(
              restore === undefined ? options : { ...options, restore },
            ).start();
            await run.run({ recordCountMax: 3, untilCount });
            restore = run.checkpoint();
            rows.push(...run.emitted.map(({ value }) => value));
            await run.close();
          }
          expect(sorted(rows)).toEqual(rowsByFile.flat());
        },
      ),
      { numRuns: 60 },
    );
  });
}

test('one reader reads files in the order of their names, each from its start', async () => {
  const environment = await folderOf({
    'b.jsonl': Buffer.from('{"id":3,"name":"x"}\n'),
    'a.jsonl': Buffer.from('{"id":1,"name":"x"}\n{"id":2,"name":"x"}\n'),
    _SUCCESS: Buffer.from('not a record'),
  });
  const run = await new SourceRun({ source: fileSource({ path: 'in', format: json(Row) }), environment }).start();
  await run.run();
  expect(run.emitted.map(({ value }) => value.id)).toEqual([1, 2, 3]);
  expect(run.released).toEqual(['a.jsonl', 'b.jsonl']);
});

test('a record that cannot be read stops the job with its file and place', async () => {
  const environment = await folderOf({ 'a.jsonl': Buffer.from('{"id":1,"name":"x"}\nbroken\n') });
  const run = await new SourceRun({ source: fileSource({ path: 'in', format: json(Row) }), environment }).start();
  await expect(run.run()).rejects.toThrow(/in\/a\.jsonl, byte 20: expected JSON, found "broken"/);
});

test('or becomes a record of the stream, with its bytes', async () => {
  const environment = await folderOf({ 'a.jsonl': Buffer.from('{"id":1,"name":"x"}\nbroken\n{"id":2,"name":"x"}\n') });
  const onError = ({ file, offset, bytes }: UndecodableFileRecord): string => `${file} ${offset} ${bytes.toString()}`;
  const source = fileSource({ path: 'in', format: json(Row), onError });
  const run = await new SourceRun({ source, environment }).start();
  await run.run();
  expect(run.emitted.map(({ value }) => (typeof value === 'string' ? value : value.id))).toEqual([
    1,
    'a.jsonl 20 broken',
    2,
  ]);
});

test('a watched folder never ends and finds new files once, also after a restore', async () => {
  const environment = await folderOf({ 'a.jsonl': Buffer.from('{"id":1,"name":"x"}\n') });
  const source = fileSource({ path: 'in', format: json(Row), watch: '10s' });
  const first = await new SourceRun({ source, environment }).start();
  await first.run({ untilCount: 1 });
  await environment.files.write('in/b.jsonl', Buffer.from('{"id":2,"name":"x"}\n'));
  const more = first.run({ untilCount: 2 });
  await environment.advance(11_000);
  await more;
  const restore = first.checkpoint();
  await first.close();
  const second = await new SourceRun({ source, environment, restore }).start();
  await environment.files.write('in/c.jsonl', Buffer.from('{"id":3,"name":"x"}\n'));
  const rest = second.run({ untilCount: 1 });
  await environment.advance(11_000);
  await rest;
  await second.close();
  expect([...first.emitted, ...second.emitted].map(({ value }) => value.id)).toEqual([1, 2, 3]);
});

test('an empty folder is refused', async () => {
  const run = new SourceRun({
    source: fileSource({ path: 'nothing', format: json(Row) }),
    environment: new VirtualEnvironment(),
  });
  await expect(run.start()).rejects.toThrow('there are no files to read in nothing');
});

const GOOD_LINE = '{"id":0,"name":"x"}';

test('law: records that cannot be read are handed out once as well, wherever reading goes on', async () => {
  const line = fc.oneof(
    fc.nat().map((id) => JSON.stringify({ id, name: 'x' })),
    fc.constantFrom('broken', '{"id":', '{"id":"no number","name":"y"}', '  ', ''),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 30 }),
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 4 }),
      async (lines, splitBytes, fetchBytes, restoreAfter) => {
        const environment = await folderOf({ 'a.jsonl': Buffer.from(lines.join('\n')) });
        const onError = ({ bytes }: UndecodableFileRecord): string => bytes.toString();
        const source = fileSource({ path: 'in', format: json(Row), splitBytes, fetchBytes, onError });
        const found: unknown[] = [];
        let restore: SourceCheckpoint<FileSplit> | undefined;
        for (const untilCount of [...restoreAfter, Infinity]) {
          const run = await new SourceRun<Row | string, FileSplit>({
            source,
            environment,
            ...(restore && { restore }),
          }).start();
          await run.run({ recordCountMax: 2, untilCount });
          restore = run.checkpoint();
          found.push(...run.emitted.map(({ value }) => (typeof value === 'string' ? value : JSON.stringify(value))));
          await run.close();
        }
        const wanted = lines.filter((text) => text.trim() !== '');
        const byText = (a: unknown, b: unknown): number => (String(a) < String(b) ? -1 : 1);
        expect(found.sort(byText)).toEqual(wanted.sort(byText));
      },
    ),
    // Two restores in a row behind records without a place of their own: what was passed over counts once.
    {
      numRuns: 100,
      examples: [[[...Array<string>(4).fill(GOOD_LINE), 'broken', 'broken', GOOD_LINE], 16, 1, [2, 3, 1]]],
    },
  );
});

test('a file that shrank or is damaged is named', async () => {
  const environment = await folderOf({ 'a.jsonl': Buffer.from('{"id":1,"name":"x"}\n') });
  const run = await new SourceRun({ source: fileSource({ path: 'in', format: json(Row) }), environment }).start();
  await environment.files.write('in/a.jsonl', Buffer.alloc(0));
  await expect(run.run()).rejects.toThrow('/in/a.jsonl is gone or shorter than it was');

  const packed = await folderOf({ 'a.jsonl.gz': Buffer.from('not gzip') });
  const packedRun = await new SourceRun({
    source: fileSource({ path: 'in', format: json(Row) }),
    environment: packed,
  }).start();
  await expect(packedRun.run()).rejects.toThrow('/in/a.jsonl.gz cannot be unpacked: incorrect header check');
});
