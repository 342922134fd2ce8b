import { expect, test } from 'vitest';
import { VirtualEnvironment } from '../../../../engine/base/environment-virtual.ts';
import { DELETE, INSERT, UPDATE_AFTER, UPDATE_BEFORE } from '../../../../engine/task/row-kind.ts';
import { CollectedRows, collectSink } from '../../../../operators/sink/collect/collect-sink.ts';
import { testCreateSinkContext } from '../sink-context.ts';

const context = (subtaskIndex = 0) => testCreateSinkContext({ environment: new VirtualEnvironment(), subtaskIndex });

test('rows show up when their checkpoint is committed, by subtask and in order', async () => {
  const sink = collectSink<string>();
  const writers = [sink.createWriter(context(0)), sink.createWriter(context(1))];
  const committer = sink.createCommitter!();
  writers[1]!.write('b1', 5, INSERT);
  writers[0]!.write('a1', 1, INSERT);
  const first = [...(await writers[1]!.prepareCommit(1)), ...(await writers[0]!.prepareCommit(1))];
  writers[0]!.write('a2', 2, INSERT);
  expect(sink.collected.values()).toEqual([]);
  await committer.commit(1, first);
  await committer.commit(1, first);
  expect(sink.collected.take()).toEqual(['a1', 'b1']);
  await committer.commit(2, await writers[0]!.prepareCommit(2));
  expect(sink.collected.take()).toEqual(['a2']);
  expect(sink.collected.values()).toEqual(['a1', 'b1', 'a2']);
});

test('rows keep what JSON would lose', async () => {
  const row = { at: new Date(0), big: 7n, none: undefined, map: new Map([[1, 'x']]), bytes: new Uint8Array([1, 2]) };
  const sink = collectSink<typeof row>();
  const writer = sink.createWriter(context());
  writer.write(row, Number.NaN, DELETE);
  await sink.createCommitter!().commit(1, await writer.prepareCommit(1));
  expect(sink.collected.takeRecords()).toEqual([{ value: row, timestampMs: Number.NaN, kind: DELETE }]);
});

test('immediate rows need no commit', () => {
  const into = new CollectedRows<number>();
  const sink = collectSink<number>({ visibility: 'immediately', into });
  expect(sink.createCommitter).toBeUndefined();
  sink.createWriter(context()).write(1, 0, INSERT);
  expect(into.values()).toEqual([1]);
});

test('materialized rows are what retractions leave', () => {
  const rows = new CollectedRows<{ k: string; n: number }>();
  rows.add({ k: 'a', n: 1 }, 0, INSERT);
  rows.add({ k: 'b', n: 1 }, 0, INSERT);
  rows.add({ n: 1, k: 'a' }, 0, UPDATE_BEFORE);
  rows.add({ k: 'a', n: 2 }, 0, UPDATE_AFTER);
  rows.add({ k: 'b', n: 1 }, 0, DELETE);
  expect(rows.materialized()).toEqual([{ k: 'a', n: 2 }]);
  rows.add({ k: 'b', n: 1 }, 0, DELETE);
  expect(() => rows.materialized()).toThrow('-D takes back a row that is not there: {"k":"b","n":1}');
});
