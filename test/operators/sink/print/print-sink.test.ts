import { expect, test } from 'vitest';
import { DELETE, INSERT, UPDATE_AFTER } from '../../../../engine/task/row-kind.ts';
import { printSink } from '../../../../operators/sink/print/print-sink.ts';
import { VirtualEnvironment } from '../../../harness/index.ts';
import { testCreateSinkContext } from '../sink-context.ts';

async function print(
  rows: readonly (readonly [unknown, 0 | 1 | 2 | 3])[],
  label: string | undefined,
  parallelism = 1,
): Promise<string[]> {
  const lines: string[] = [];
  const sink = printSink({ label, write: (line) => void lines.push(line) });
  const environment = new VirtualEnvironment();
  const writer = await sink.createWriter(testCreateSinkContext({ environment, parallelism, subtaskIndex: 0 }));
  for (const [value, kind] of rows) writer.write(value, 0, kind);
  expect(await writer.prepareCommit(1)).toEqual([]);
  await writer.close();
  return lines;
}

test('rows are printed as text or JSON, with their kind when they change others', async () => {
  const rows = [
    ['plain text', INSERT],
    [{ id: 'a', amount: 12345678901234567890n, missing: undefined }, DELETE],
    [new Map([['a', 1]]), UPDATE_AFTER],
    [undefined, INSERT],
  ] as const;
  expect(await print(rows, undefined)).toEqual([
    'plain text',
    '-D {"id":"a","amount":"12345678901234567890"}',
    '+U {"a":1}',
    'undefined',
  ]);
});

test('a label stands before every row, with the subtask when there are several', async () => {
  expect(await print([['x', INSERT]], 'clicks')).toEqual(['clicks> x']);
  expect(await print([['x', INSERT]], 'clicks', 2)).toEqual(['clicks:1> x']);
});
