import { expect, test } from 'vitest';
import { VirtualEnvironment } from '../../../../engine/base/environment-virtual.ts';
import { INSERT } from '../../../../engine/task/row-kind.ts';
import { inOrder, StagedEpochs } from '../../../../operators/sink/staged/staged-epochs.ts';
import { StagingArea } from '../../../../operators/sink/staged/staging-area.ts';
import { bytes, int, record } from '../../../../state/index.ts';
import { DirectoryStorage } from '../../../../state/storage/directory-storage.ts';
import { FaultPlan, FaultyStorage } from '../faulty-storage.ts';
import { testCreateSinkContext } from '../sink-context.ts';

const Row = record('Row', { n: int(), blob: bytes() });

test('rows of a checkpoint that failed come with the next one, in order', async () => {
  const environment = new VirtualEnvironment();
  const inner = new DirectoryStorage(environment, '/checkpoints');
  const context = testCreateSinkContext({
    environment,
    storage: new FaultyStorage(inner, new FaultPlan([[0, 'error-before']])),
  });
  const epochs = new StagedEpochs(context, Row);
  const blob = new Uint8Array(1);
  epochs.append({ n: 1, blob }, INSERT);
  await expect(epochs.prepareCommit(1)).rejects.toThrow('simulated: put staged/sink/rows-0-1-1-0 not done');
  epochs.append({ n: 2, blob }, INSERT);
  const epoch = (await epochs.prepareCommit(2))!;
  expect(epoch.parts.map((part) => [part.key, part.rowCount])).toEqual([
    ['staged/sink/rows-0-1-1-0', 1],
    ['staged/sink/rows-0-1-2-1', 1],
  ]);
  const values: number[] = [];
  for (const part of epoch.parts) {
    const reader = await new StagingArea(context).open(part, Row);
    while (reader.next()) values.push(reader.row!.n);
  }
  expect(values).toEqual([1, 2]);
  expect(await epochs.prepareCommit(3)).toBeUndefined();
});

test('a large epoch is stored in parts before its checkpoint', async () => {
  const environment = new VirtualEnvironment();
  const storage = new DirectoryStorage(environment, '/checkpoints');
  const epochs = new StagedEpochs(testCreateSinkContext({ environment, storage }), Row);
  const blob = new Uint8Array(1 << 20);
  for (let n = 0; n < 70; n++) epochs.append({ n, blob }, INSERT);
  expect(epochs.blockedUntil()).toBeUndefined();
  const epoch = (await epochs.prepareCommit(1))!;
  expect(epoch.parts.map((part) => part.rowCount)).toEqual([32, 32, 6]);
});

test('epochs are loaded in the order of checkpoints, then subtasks', () => {
  const epoch = (checkpointId: number, subtaskIndex: number) => ({
    checkpointId,
    subtaskIndex,
    attempt: 1,
    parts: [],
  });
  expect(inOrder([epoch(10, 0), epoch(9, 1), epoch(10, 1), epoch(9, 0)])).toEqual([
    epoch(9, 0),
    epoch(9, 1),
    epoch(10, 0),
    epoch(10, 1),
  ]);
});
