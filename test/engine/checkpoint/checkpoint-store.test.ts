import { expect, test } from 'vitest';
import { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import { CheckpointCorruptError, ExternalError, OwnershipLostError, UserError } from '../../../engine/base/errors.ts';
import { CheckpointStore } from '../../../engine/checkpoint/checkpoint-store.ts';
import { DirectoryStorage } from '../../../state/storage/directory-storage.ts';
import type { ObjectStorage, PutCondition } from '../../../state/storage/object-storage.ts';
import { manifestOf } from './manifest-of.ts';

/** Stores over the same files, each as an instance of the job that knows nothing of the others. */
function createChain() {
  const environment = new VirtualEnvironment();
  const storage = new DirectoryStorage(environment, '/checkpoints');
  let ids = 0;
  const open = (through: ObjectStorage = storage): CheckpointStore =>
    new CheckpointStore({
      storage: through,
      jobName: 'clicks',
      shard: '0',
      retainedMax: 3,
      newId: () => String(++ids),
    });
  return { environment, storage, open };
}

test('an empty chain has nothing to recover from', async () => {
  const { open } = createChain();
  expect(await open().claim()).toEqual({ attempt: 1, candidates: [], lastCheckpointId: 0 });
});

test('the newest checkpoints are kept, newest first, and those dropped are named', async () => {
  const { open } = createChain();
  const store = open();
  const { attempt } = await store.claim();
  for (const id of [1, 2, 3]) expect(await store.commit(manifestOf(id, attempt))).toEqual({ dropped: [] });
  expect(await store.commit(manifestOf(5, attempt))).toEqual({ dropped: [{ checkpointId: 1, attempt }] });
  expect(store.retained).toEqual([5, 3, 2]);
  expect(await open().claim()).toEqual({ attempt: 2, candidates: [5, 3, 2], lastCheckpointId: 5 });
  expect(await store.read(3)).toEqual(manifestOf(3, attempt));
});

test('a claim fences the attempt before: its next checkpoint is not committed', async () => {
  const { open } = createChain();
  const [older, newer] = [open(), open()];
  const first = await older.claim();
  await older.commit(manifestOf(1, first.attempt));
  const second = await newer.claim();
  expect(second).toEqual({ attempt: 2, candidates: [1], lastCheckpointId: 1 });
  await expect(older.commit(manifestOf(2, first.attempt))).rejects.toThrow(OwnershipLostError);
  await newer.commit(manifestOf(3, second.attempt));
  // It stays out, also when it tries again.
  await expect(older.commit(manifestOf(4, first.attempt))).rejects.toThrow(/another attempt has taken over/);
  expect((await open().claim()).candidates).toEqual([3, 1]);
});

test('a restarted attempt does not take the chain back from an instance started later', async () => {
  const { open } = createChain();
  const [older, newer] = [open(), open()];
  await older.claim();
  expect((await older.claim()).attempt).toBe(2);
  await newer.claim();
  await expect(older.claim()).rejects.toThrow(OwnershipLostError);
  expect((await newer.claim()).attempt).toBe(4);
});

test('of two claims at the same time one loses', async () => {
  const { open } = createChain();
  const outcomes = await Promise.allSettled([open().claim(), open().claim()]);
  expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
  const rejected = outcomes.find((outcome) => outcome.status === 'rejected');
  expect(rejected!.reason).toBeInstanceOf(OwnershipLostError);
});

test('what a dead attempt has put under the same id is in nobody’s way', async () => {
  const { open } = createChain();
  const [dead, store] = [open(), open()];
  const first = await dead.claim();
  const second = await store.claim();
  // It had put its manifest, but not swapped the pointer.
  await expect(dead.commit(manifestOf(1, first.attempt))).rejects.toThrow(OwnershipLostError);
  await store.commit(manifestOf(1, second.attempt));
  expect(store.retained).toEqual([1]);
  expect((await store.read(1)).attempt).toBe(second.attempt);
});

/** A storage that does conditional puts, but loses the answer: `broken`, or the client tries again itself. */
function losingAnswers(
  storage: ObjectStorage,
  how: 'broken' | 'repeated',
  object: string,
): ObjectStorage & { isLosing: boolean } {
  return {
    isLosing: false,
    description: storage.description,
    url: (key) => storage.url(key),
    get: (key) => storage.get(key),
    getRange: (key, offset, length) => storage.getRange(key, offset, length),
    delete: (keys) => storage.delete(keys),
    list: (prefix) => storage.list(prefix),
    async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<string> {
      const etag = await storage.put(key, bytes, condition);
      if (!this.isLosing || !key.includes(object)) return etag;
      this.isLosing = false;
      if (how === 'broken') throw new ExternalError('CONNECTION', 'the connection broke');
      return await storage.put(key, bytes, condition);
    },
  };
}

test.each(['broken', 'repeated'] as const)('a swap whose answer is lost (%s) costs no ownership', async (how) => {
  const { open, storage } = createChain();
  const lossy = losingAnswers(storage, how, 'latest');
  const store = open(lossy);
  const { attempt } = await store.claim();
  await store.commit(manifestOf(1, attempt));
  lossy.isLosing = true;
  if (how === 'broken') await expect(store.commit(manifestOf(2, attempt))).rejects.toThrow('the connection broke');
  else await store.commit(manifestOf(2, attempt));
  await store.commit(manifestOf(3, attempt));
  expect(store.retained).toEqual(how === 'broken' ? [3, 1] : [3, 2, 1]);
  expect((await open().claim()).candidates).toEqual(store.retained);
});

test('a manifest whose put is repeated is stored', async () => {
  const { open, storage } = createChain();
  const lossy = losingAnswers(storage, 'repeated', 'chk-');
  const store = open(lossy);
  const { attempt } = await store.claim();
  lossy.isLosing = true;
  await store.commit(manifestOf(1, attempt));
  expect((await open().claim()).candidates).toEqual([1]);
});

test('a claim whose answer is lost is ours, and a claim in between is not', async () => {
  const { open, storage } = createChain();
  const lossy = losingAnswers(storage, 'repeated', 'latest');
  lossy.isLosing = true;
  const store = open(lossy);
  expect((await store.claim()).attempt).toBe(1);
  await open().claim();
  await expect(store.commit(manifestOf(1, 1))).rejects.toThrow(OwnershipLostError);
});

test('a torn, missing or strange manifest is corrupt, and says where', async () => {
  const { environment, open, storage } = createChain();
  const store = open();
  const { attempt } = await store.claim();
  for (const id of [1, 2, 3]) await store.commit(manifestOf(id, attempt));
  environment.files.tear('/checkpoints/clicks/0/chk-1-1.json', 20);
  await storage.delete(['clicks/0/chk-2-1.json']);
  await storage.put('clicks/0/chk-3-1.json', Buffer.from('{"format":2}'));
  await expect(store.read(1)).rejects.toThrow(/\/checkpoints\/clicks\/0\/chk-1-1\.json is torn/);
  await expect(store.read(1)).rejects.toThrow(CheckpointCorruptError);
  await expect(store.read(2)).rejects.toThrow(/checkpoint 2 is missing at .*chk-2-1\.json/);
  await expect(store.read(3)).rejects.toThrow(/not a checkpoint manifest of format 1/);
});

test('a damaged pointer is an error that trying again does not heal', async () => {
  const { open, storage } = createChain();
  await storage.put('clicks/0/latest', Buffer.from('{"format":1,"retai'));
  const claim = open().claim();
  await expect(claim).rejects.toThrow(UserError);
  await expect(claim).rejects.toThrow(/the pointer to the newest checkpoint is damaged: .*clicks\/0\/latest/);
});

test('corrupt checkpoints that were forgotten are not offered again', async () => {
  const { open } = createChain();
  const store = open();
  const { attempt } = await store.claim();
  for (const id of [1, 2, 3]) await store.commit(manifestOf(id, attempt));
  store.forget([3]);
  await store.commit(manifestOf(4, attempt));
  expect((await open().claim()).candidates).toEqual([4, 2, 1]);
});
