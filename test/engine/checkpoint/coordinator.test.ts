import type { TaskAcknowledgement } from '../../../engine/checkpoint/assemble-manifest.ts';
import { expect, test } from 'vitest';
import { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import { ExternalError, OwnershipLostError } from '../../../engine/base/errors.ts';
import { SILENT_LOGGER } from '../../../engine/base/logger.ts';
import { CheckpointStore } from '../../../engine/checkpoint/checkpoint-store.ts';
import { CommitQueue } from '../../../engine/checkpoint/commit-queue.ts';
import { CheckpointCoordinator, type CheckpointOptions } from '../../../engine/checkpoint/coordinator.ts';
import { StateFileRegistry } from '../../../engine/checkpoint/state-file-registry.ts';
import type { Barrier } from '../../../engine/exchange/control-element.ts';
import { DirectoryStorage } from '../../../state/storage/directory-storage.ts';

/** A coordinator of two tasks, `reader` (0) and `counter` (1), that do nothing by themselves, and one sink. */
async function createCoordinator(options: Partial<CheckpointOptions> = {}) {
  const environment = new VirtualEnvironment();
  const storage = new DirectoryStorage(environment, '/checkpoints');
  let ids = 0;
  const openStore = (): CheckpointStore =>
    new CheckpointStore({ storage, jobName: 'clicks', shard: '0', retainedMax: 3, newId: () => String(++ids) });
  const store = openStore();
  const { attempt } = await store.claim();
  const triggered: Barrier[] = [];
  const fatal: unknown[] = [];
  const log: string[] = [];
  /** Commits wait for this. */
  const gate = { isOpen: true, isSnapshotting: false };
  const commits = new CommitQueue({
    environment,
    logger: SILENT_LOGGER,
    committers: new Map([
      [
        'lake',
        {
          async commit(checkpointId, committables) {
            while (!gate.isOpen) await environment.scheduler.delay(1);
            log.push(`commit ${checkpointId} ${committables.join()} of ${store.retained.join()}`);
          },
          async close() {},
        },
      ],
    ]),
    onFatal: (error) => void fatal.push(error),
  });
  const statistics = {
    completedCount: 0,
    failedCount: 0,
    lastCheckpointId: undefined,
    lastCompletedAtMs: undefined,
    lastDurationMs: 0,
    lastBytes: 0,
    totalBytes: 0,
    totalDurationMs: 0,
  };
  const coordinator = new CheckpointCoordinator({
    environment,
    logger: SILENT_LOGGER,
    store,
    files: new StateFileRegistry(store, SILENT_LOGGER),
    commits,
    participants: {
      taskIds: [0, 1],
      taskName: (taskId) => ['reader', 'counter'][taskId]!,
      waitingFor: (taskId) => (taskId === 1 ? "'reader' subtask 0" : undefined),
      trigger: (barrier) => void triggered.push(barrier),
      isSnapshotting: () => gate.isSnapshotting,
      snapshotEnumerators: (checkpointId) => ({ clicks: { found: checkpointId } }),
      notifyComplete: (checkpointId) => void log.push(`complete ${checkpointId}`),
      isFinished: () => false,
    },
    options: { intervalMs: undefined, timeoutMs: 60_000, minPauseMs: 0, tolerableFailures: 2, ...options },
    identity: { jobName: 'clicks', shard: '0', attempt },
    firstCheckpointId: 1,
    statistics,
    onFatal: (error) => void fatal.push(error),
  });
  const acknowledge = (taskId: number, checkpointId: number, files: readonly string[] = []): void =>
    coordinator.acknowledge(taskId, checkpointId, acknowledgementOf(taskId, files));
  return { environment, storage, store, openStore, coordinator, triggered, fatal, log, gate, acknowledge, statistics };
}

function acknowledgementOf(taskId: number, files: readonly string[]): TaskAcknowledgement {
  return {
    operators: [
      {
        uid: taskId === 0 ? 'clicks' : 'counter',
        name: 'x',
        parallelism: 1,
        maxParallelism: 128,
        keyedStates: [],
        subtask: { subtaskIndex: 0, keyedFiles: [], operatorStates: [] },
      },
    ],
    commits: files.length === 0 ? [] : [{ sinkUid: 'lake', committables: files }],
  };
}

test('a checkpoint is complete when every task has acknowledged it; only then sinks commit', async () => {
  const run = await createCoordinator();
  const completed = run.coordinator.trigger();
  await run.environment.advance(10);
  expect(run.triggered).toEqual([{ tag: 'barrier', checkpointId: 1, isFull: false, isLast: false }]);
  run.acknowledge(1, 1, ['a']);
  run.acknowledge(1, 1, ['a']); // Said twice, counted once.
  await run.environment.advance(10);
  expect(run.store.retained).toEqual([]);
  expect(run.log).toEqual([]);
  run.acknowledge(0, 1);
  const { manifest } = await run.environment.run(completed);
  expect(manifest.operators['clicks']!.enumerator).toEqual({ found: 1 });
  expect(manifest.pendingCommits).toEqual([{ sinkUid: 'lake', checkpointId: 1, committables: ['a'] }]);
  expect(await run.store.read(1)).toEqual(manifest);
  // When the sink was told, the pointer named the checkpoint.
  expect(run.log).toEqual(['commit 1 a of 1', 'complete 1']);
  expect(run.statistics).toMatchObject({ completedCount: 1, failedCount: 0, lastCheckpointId: 1, lastDurationMs: 20 });
});

test('what a sink has not committed yet is in the following manifests too', async () => {
  const run = await createCoordinator();
  run.gate.isOpen = false;
  for (const id of [1, 2]) {
    const completed = run.coordinator.trigger();
    await run.environment.advance(1);
    run.acknowledge(0, id);
    run.acknowledge(1, id, [`f${id}`]);
    await run.environment.run(completed);
  }
  expect((await run.store.read(2)).pendingCommits.map((commit) => commit.checkpointId)).toEqual([1, 2]);
  run.gate.isOpen = true;
  await run.environment.advance(10);
  expect(run.log.filter((line) => line.startsWith('commit'))).toEqual(['commit 1 f1 of 2,1', 'commit 2 f2 of 2,1']);
});

test('a checkpoint asked for waits for the one under way', async () => {
  const run = await createCoordinator();
  const first = run.coordinator.trigger();
  const second = run.coordinator.trigger({ isFull: true });
  await run.environment.advance(50);
  expect(run.triggered).toHaveLength(1);
  for (const id of [1, 2]) {
    for (const taskId of [0, 1]) run.acknowledge(taskId, id);
    await run.environment.advance(10);
  }
  expect((await first).manifest.checkpointId).toBe(1);
  expect((await second).manifest.checkpointId).toBe(2);
  expect(run.triggered[1]).toEqual({ tag: 'barrier', checkpointId: 2, isFull: true, isLast: false });
});

test('periodic checkpoints keep their interval, and the pause between two of them', async () => {
  const run = await createCoordinator({ intervalMs: 100, minPauseMs: 30 });
  run.coordinator.start();
  const startsMs: number[] = [];
  for (const durationMs of [20, 90, 250, 0]) {
    const id = startsMs.length + 1;
    while (run.triggered.length < id) await run.environment.advance(1);
    startsMs.push(run.environment.clock.monotonicMs());
    await run.environment.advance(durationMs);
    for (const taskId of [0, 1]) run.acknowledge(taskId, id);
  }
  // 100 after the start before; or, when it took longer than 70, 30 after its end.
  expect(startsMs).toEqual([100, 200, 320, 600]);
});

test('a checkpoint that takes too long is given up, and the message names who holds it up', async () => {
  const run = await createCoordinator({ timeoutMs: 5000 });
  const expired = run.coordinator.trigger();
  expired.catch(() => {}); // Looked at below.
  await run.environment.advance(4999);
  expect(run.coordinator.isPending).toBe(true);
  await run.environment.advance(1);
  await expect(expired).rejects.toThrow(
    "checkpoint 1 expired after 5000 ms; not acknowledged by 'reader', 'counter' waits for the barrier from 'reader' subtask 0",
  );
  // Too late: nothing of it counts any more.
  run.acknowledge(0, 1);
  run.acknowledge(1, 1, ['a']);
  await run.environment.advance(10);
  expect(run.store.retained).toEqual([]);
  expect(run.log).toEqual([]);
  expect(run.fatal).toEqual([]);
});

test('while tasks are still at an expired checkpoint the next one waits, but not for ever', async () => {
  const run = await createCoordinator({ timeoutMs: 5000 });
  run.gate.isSnapshotting = true;
  run.coordinator.trigger().catch(() => {});
  await run.environment.advance(5000);
  const second = run.coordinator.trigger();
  await run.environment.advance(100);
  expect(run.triggered).toHaveLength(1);
  run.gate.isSnapshotting = false;
  await run.environment.advance(10);
  expect(run.triggered).toHaveLength(2);
  for (const taskId of [0, 1]) run.acknowledge(taskId, 2);
  await run.environment.run(second);
  await run.environment.advance(5000);

  run.gate.isSnapshotting = true;
  run.coordinator.trigger().catch(() => {});
  await run.environment.advance(5000);
  run.coordinator.trigger().catch(() => {});
  await run.environment.advance(5010);
  expect(run.triggered).toHaveLength(4);
});

test('too many failures in a row end the attempt; a success in between starts the count anew', async () => {
  const run = await createCoordinator({ tolerableFailures: 1 });
  const fail = async (id: number): Promise<void> => {
    const failed = run.coordinator.trigger();
    failed.catch(() => {}); // Looked at below.
    await run.environment.advance(1);
    run.coordinator.decline(1, id, new Error('disk'));
    await expect(failed).rejects.toThrow(`task 'counter' could not take checkpoint ${id}`);
  };
  await fail(1);
  const completed = run.coordinator.trigger();
  await run.environment.advance(1);
  for (const taskId of [0, 1]) run.acknowledge(taskId, 2);
  await run.environment.run(completed);
  await fail(3);
  expect(run.fatal).toEqual([]);
  await fail(4);
  expect(run.fatal).toHaveLength(1);
  expect(run.fatal[0]).toMatchObject({ code: 'CHECKPOINT_FAILED', cause: new Error('disk') });
  expect(run.statistics).toMatchObject({ completedCount: 1, failedCount: 3 });
});

test('an attempt that has lost the chain stops and tells no sink', async () => {
  const run = await createCoordinator();
  await run.openStore().claim();
  const lost = run.coordinator.trigger();
  lost.catch(() => {}); // Looked at below.
  await run.environment.advance(1);
  run.acknowledge(0, 1);
  run.acknowledge(1, 1, ['a']);
  await run.environment.advance(1);
  await expect(lost).rejects.toThrow(OwnershipLostError);
  expect(run.fatal[0]).toBeInstanceOf(OwnershipLostError);
  expect(run.log).toEqual([]);
});

test('no periodic checkpoint is started while sinks are far behind', async () => {
  const run = await createCoordinator({ intervalMs: 10 });
  run.gate.isOpen = false;
  run.coordinator.start();
  let id = 0;
  for (let i = 0; i < 200; i++) {
    await run.environment.advance(5);
    if (run.triggered.length > id) {
      id++;
      run.acknowledge(0, id);
      run.acknowledge(1, id, [`f${id}`]);
    }
  }
  expect(id).toBe(9);
  run.gate.isOpen = true;
  await run.environment.advance(100);
  expect(run.triggered.length).toBeGreaterThan(9);
});

test('stopping cancels the checkpoint under way and every later one', async () => {
  const run = await createCoordinator({ intervalMs: 100 });
  run.coordinator.start();
  const pending = run.coordinator.trigger();
  const waiting = run.coordinator.trigger();
  for (const promise of [pending, waiting]) promise.catch(() => {}); // Looked at below.
  await run.environment.advance(1);
  run.coordinator.stop();
  await run.environment.advance(1000);
  await expect(pending).rejects.toThrow(ExternalError);
  await expect(waiting).rejects.toThrow('the attempt has stopped');
  for (const taskId of [0, 1]) run.acknowledge(taskId, 1);
  await run.environment.advance(1000);
  expect(run.store.retained).toEqual([]);
  expect(run.triggered).toHaveLength(1);
});

test('when suspended only checkpoints asked for are taken', async () => {
  const run = await createCoordinator({ intervalMs: 100 });
  run.coordinator.start();
  run.coordinator.suspend();
  await run.environment.advance(1000);
  expect(run.triggered).toEqual([]);
  const completed = run.coordinator.trigger();
  await run.environment.advance(1);
  for (const taskId of [0, 1]) run.acknowledge(taskId, 1);
  await run.environment.run(completed);
  await run.environment.advance(1000);
  expect(run.triggered).toHaveLength(1);
});
