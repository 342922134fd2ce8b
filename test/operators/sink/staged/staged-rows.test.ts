import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CheckpointCorruptError } from '../../../../engine/base/errors.ts';
import { VirtualEnvironment } from '../../../../engine/base/environment-virtual.ts';
import type { RowKind } from '../../../../engine/task/row-kind.ts';
import { StagedRowsReader, StagedRowsWriter } from '../../../../operators/sink/staged/staged-rows.ts';
import { StagingArea } from '../../../../operators/sink/staged/staging-area.ts';
import { DirectoryStorage } from '../../../../state/storage/directory-storage.ts';
import { long, optional, record, string } from '../../../../state/index.ts';
import { testCreateSinkContext } from '../sink-context.ts';

const Row = record('Row', { name: string(), amount: optional(long()) });

function readAll(bytes: Uint8Array): unknown[] {
  const rows: unknown[] = [];
  const reader = new StagedRowsReader(bytes, Row, 'here');
  while (reader.next()) rows.push([reader.row, reader.kind]);
  return rows;
}

test('law: rows come back as they were, with their kinds', () => {
  const row = fc.record({
    name: fc.string({ unit: 'binary' }),
    amount: fc.option(fc.maxSafeInteger(), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(row, fc.constantFrom<RowKind>(0, 1, 2, 3))), (rows) => {
      const writer = new StagedRowsWriter(Row);
      for (const [value, kind] of rows) writer.append(value, kind);
      expect(readAll(writer.take())).toEqual(rows);
      expect(readAll(writer.take())).toEqual([]);
    }),
  );
});

test('law: any changed byte and any cut is found', () => {
  const writer = new StagedRowsWriter(Row);
  writer.append({ name: 'a', amount: 1 });
  const bytes = writer.take();
  for (let i = 0; i < bytes.length; i++) {
    const damaged = Uint8Array.from(bytes);
    damaged[i]! ^= 0x40;
    expect(() => readAll(damaged)).toThrow(CheckpointCorruptError);
    expect(() => readAll(bytes.slice(0, i))).toThrow(CheckpointCorruptError);
  }
});

test('a row that does not fit leaves the writer as it was', () => {
  const writer = new StagedRowsWriter(Row);
  writer.append({ name: 'a', amount: 1 });
  expect(() => writer.append({ name: 'b', amount: 1.5 })).toThrow('amount');
  expect(readAll(writer.take())).toEqual([[{ name: 'a', amount: 1 }, 0]]);
});

test('rows staged by an older version of the job are read with the new schema', () => {
  const writer = new StagedRowsWriter(record('Row', { amount: long(), gone: string() }));
  writer.append({ amount: 3, gone: 'x' });
  const rows: unknown[] = [];
  const New = record('Row', { amount: long(), note: optional(string()) });
  const reader = new StagedRowsReader(writer.take(), New, 'here');
  while (reader.next()) rows.push(reader.row);
  expect(rows).toEqual([{ amount: 3, note: undefined }]);
});

test('a missing or exchanged object is reported with its address', async () => {
  const environment = new VirtualEnvironment();
  const storage = new DirectoryStorage(environment, '/checkpoints');
  const area = new StagingArea(testCreateSinkContext({ environment, storage }));
  const writer = new StagedRowsWriter(Row);
  writer.append({ name: 'a' });
  const bytes = writer.take();
  const key = area.key('rows', 7);
  const part = area.describe(key, 0, bytes, 1);
  const read = () => area.open(part, Row);
  await expect(read()).rejects.toThrow('staged rows /checkpoints/staged/sink/rows-0-1-7 are missing');
  writer.append({ name: 'b' });
  await area.put(key, writer.take());
  await expect(read()).rejects.toThrow(/expected \d+ bytes with checksum \d+, found/);
  await area.put(key, bytes);
  const reader = await read();
  expect([reader.next(), reader.row, reader.next()]).toEqual([true, { name: 'a', amount: undefined }, false]);
});
