import { expect, test } from 'vitest';
import { openSavepoint, Savepoint } from '../../../engine/savepoint/savepoint.ts';
import { SavepointWriter } from '../../../engine/savepoint/savepoint-writer.ts';
import { locateSavepoint } from '../../../engine/checkpoint/savepoint.ts';
import {
  type Collector,
  defineJob,
  defineProcess,
  listState,
  long,
  mapState,
  optional,
  record,
  string,
  TumblingEventTimeWindows,
  valueState,
  WatermarkStrategy,
  withDefault,
} from '../../../operators/index.ts';
import { generatorSource } from '../../../operators/source/collection/generator-source.ts';
import { collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { perNamespace, type StoredKeyedEntry, type OfflineStateSpecs } from '../../../state/offline/keyed-entry.ts';
import { createKeyedStateBackend } from '../../../state/keyed/paged-keyed-state-backend.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import type { StateFile } from '../../../state/snapshot/state-file.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { MemoryStorage } from '../../state/keyed/memory-storage.ts';
import { DirectoryStorage } from '../../../state/storage/directory-storage.ts';
import { type JobDriver, testJob } from '../../harness/test-job.ts';

interface Visit {
  readonly user: string;
  readonly page: string;
  readonly at: number;
}

const User = record('User', { name: string(), visits: long() });
const STATES = { user: valueState(User), pages: mapState(string(), long()), last: listState(long()) };

const countVisits = {
  accumulatorSchema: long(),
  createAccumulator: () => 0,
  add: (count: number) => count + 1,
  getResult: (count: number) => count,
  merge: (a: number, b: number) => a + b,
};

/** Keeps what it sees of a user, and tells it with every visit; a timer tells it again. */
function job(options: { readonly usersUid?: string; readonly maxParallelism?: number } = {}) {
  const { usersUid = 'users', maxParallelism } = options;
  return defineJob({
    name: 'visits',
    params: {},
    options: { maxParallelism },
    build(env) {
      const visits = env.fromSource(
        generatorSource<Visit>({ name: 'none', countPerSplit: 0, recordAt: () => ({ user: '', page: '', at: 0 }) }),
        'visits',
        WatermarkStrategy.forMonotonousTimestamps<Visit>().withTimestamp(({ at }) => at),
      );
      visits
        .keyBy(({ user }) => user)
        .process(
          defineProcess({
            uid: usersUid,
            state: STATES,
            processElement({ user, page, at }: Visit, { state, timers }, out: Collector<string>) {
              const before = state.user.value();
              state.user.update({ name: user, visits: (before?.visits ?? 0) + 1 });
              state.pages.set(page, at);
              state.last.add(at);
              timers.registerEventTimeTimer(at + 100);
              out.collect(
                `${user} ${state.user.value()!.visits} ${[...state.pages.keys()].toSorted().join()} ${state.last.get().join()}`,
              );
            },
            onTimer(timestampMs, { state, currentKey }, out) {
              out.collect(`${currentKey} at ${timestampMs}: ${state.user.value()?.visits}`);
            },
          }),
        )
        .sinkTo(collectSink(), { uid: 'out' });
      visits
        .keyBy(({ page }) => page)
        .window(TumblingEventTimeWindows.of(60_000))
        .aggregate(countVisits, { uid: 'per-page' })
        .map((count) => `window ${count}`)
        .sinkTo(collectSink(), { uid: 'windows' });
    },
  });
}

async function started(
  options: Parameters<typeof job>[0] & { readonly parallelism?: number } = {},
): Promise<JobDriver> {
  return await testJob(job(options), { parallelism: options.parallelism ?? 2 });
}

const folderOf = (driver: JobDriver, folder: string): DirectoryStorage =>
  new DirectoryStorage(driver.environment, folder);

async function opened(driver: JobDriver, folder: string): Promise<Savepoint> {
  return new Savepoint(await driver.environment.run(locateSavepoint(folderOf(driver, folder))));
}

async function entriesOf<S extends OfflineStateSpecs>(
  driver: JobDriver,
  savepoint: Savepoint,
  uid: string,
  state?: S,
): Promise<Map<unknown, StoredKeyedEntry<S>>> {
  return await driver.environment.run(
    (async () => {
      const entries = new Map<unknown, StoredKeyedEntry<S>>();
      for await (const entry of savepoint.readKeyedState<S>(uid, { state })) entries.set(entry.key, entry);
      return entries;
    })(),
  );
}

const visit = (user: string, page: string, at: number): Visit => ({ user, page, at });

async function savedJob(): Promise<{ readonly driver: JobDriver; readonly savepoint: Savepoint }> {
  const driver = await started();
  // One at a time: two readers take turns.
  for (const each of [visit('ann', 'home', 10), visit('ann', 'shop', 20), visit('bob', 'home', 30)])
    driver.source('visits').push(each);
  driver.watermark(25);
  driver.sink('out').take();
  const { folder } = await driver.snapshot();
  return { driver, savepoint: await opened(driver, folder) };
}

test('a savepoint says what it holds, and is read state by state, with timers and windows', async () => {
  const { driver, savepoint } = await savedJob();
  const operators = await driver.environment.run(savepoint.operators());
  expect(operators.find(({ uid }) => uid === 'users')).toMatchObject({
    kind: 'operator',
    parallelism: 2,
    maxParallelism: 32_768,
    keyedStates: [
      { name: 'user', kind: 'value', schema: User.avro },
      { name: 'pages', kind: 'map', keySchema: 'string', schema: 'long' },
      { name: 'last', kind: 'list', schema: 'long' },
    ],
    pageCount: 2,
  });
  const users = await entriesOf(driver, savepoint, 'users', STATES);
  expect(users.keys().map(String).toArray().sort()).toEqual(['ann', 'bob']);
  const ann = users.get('ann')!;
  // Typed by the declarations.
  const name: string | undefined = ann.state.user?.name;
  expect(name).toBe('ann');
  expect(ann.state).toEqual({
    user: { name: 'ann', visits: 2 },
    pages: new Map([
      ['home', 10],
      ['shop', 20],
    ]),
    last: [10, 20],
  });
  expect(ann.timers).toEqual([
    { timeDomain: 'eventTime', timestampMs: 110, namespace: 0 },
    { timeDomain: 'eventTime', timestampMs: 120, namespace: 0 },
  ]);
  // By the stored schemas alone, and of one key alone.
  expect((await entriesOf(driver, savepoint, 'users')).get('ann')).toEqual(ann);
  expect(await driver.environment.run(savepoint.readKey('users', 'bob'))).toEqual(users.get('bob'));
  expect(await driver.environment.run(savepoint.readKey('users', 'eve'))).toBeUndefined();

  const windows = await entriesOf(driver, savepoint, 'per-page', { 'window-slices': perNamespace(valueState(long())) });
  const counts: ReadonlyMap<string | number, number> | undefined = windows.get('home')?.state['window-slices'];
  expect(counts).toEqual(new Map([[0, 2]]));
  expect(windows.get('home')!.timers).toEqual([{ timeDomain: 'eventTime', timestampMs: 59_999, namespace: 0 }]);
});

test('what is asked for and is not there is named', async () => {
  const { driver, savepoint } = await savedJob();
  await expect(entriesOf(driver, savepoint, 'user')).rejects.toThrow(/has no operator 'user'/);
  await expect(entriesOf(driver, savepoint, 'users', { nam: valueState(long()) })).rejects.toThrow(
    'operator users has no keyed state nam, found user, pages, last',
  );
  await expect(entriesOf(driver, savepoint, 'users', { user: valueState(string()) })).rejects.toMatchObject({
    code: 'STATE_INCOMPATIBLE',
  });
  await expect(openSavepoint('/nowhere/at/all', { environment: driver.environment })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});

test('a job starts with state that was written from an iterable, timers included', async () => {
  const driver = await started();
  const writer = SavepointWriter.newSavepoint({ jobName: 'visits' }).withKeyedState(
    'users',
    { state: STATES },
    (async function* () {
      for (let i = 0; i < 500; i++)
        yield {
          key: `u${i}`,
          state: { user: { name: `u${i}`, visits: i }, last: [i] },
          timers: [{ timeDomain: 'eventTime' as const, timestampMs: 1000, namespace: 0 }],
        };
    })(),
  );
  const target = folderOf(driver, '/bootstrap');
  await driver.environment.run(writer.write(target, { environment: driver.environment, sortBytesMax: 5000 }));
  await driver.restore({ snapshot: { folder: '/bootstrap' }, parallelism: 3 });
  driver.source('visits').push(visit('u7', 'home', 10), visit('new', 'home', 20));
  expect(driver.sink<string>('out').take().toSorted()).toEqual(['new 1 home 20', 'u7 8 home 7,10']);
  driver.watermark(999);
  driver.sink('out').take();
  driver.watermark(1000);
  expect(driver.sink('out').take()).toHaveLength(500);
  // What it wrote itself goes on as any state does.
  await driver.snapshot();
  await driver.restore({ parallelism: 1 });
  driver.source('visits').push(visit('u499', 'shop', 2000));
  expect(driver.sink('out').take()).toEqual(['u499 500 shop 499,2000']);
});

test('a savepoint is changed: a state rewritten, an operator renamed, another removed, all re-hashed', async () => {
  const { driver, savepoint } = await savedJob();
  const NewUser = record('User', {
    title: string(),
    visits: long(),
    country: withDefault(optional(string()), undefined),
  });
  const writer = SavepointWriter.fromExistingSavepoint(savepoint, { maxParallelism: 64 })
    .transformKeyedState(
      'users',
      { from: STATES, state: { user: valueState(User), pages: STATES.pages, last: STATES.last } },
      (entry) =>
        entry.key === 'bob'
          ? undefined
          : { ...entry, state: { ...entry.state, user: { name: 'Ann', visits: entry.state.user!.visits + 100 } } },
    )
    .changeOperatorIdentifier('users', 'people')
    .withOperatorState('people', { name: 'notes', schema: NewUser }, [{ title: 'x', visits: 1, country: undefined }]);
  await driver.environment.run(writer.write(folderOf(driver, '/changed'), { environment: driver.environment }));

  const changed = await opened(driver, '/changed');
  expect(changed.uids).toEqual(expect.arrayContaining(['people', 'per-page', 'visits']));
  expect(changed.readOperatorState('people', 'notes')).toEqual([{ title: 'x', visits: 1, country: undefined }]);

  const people = await started({ usersUid: 'people', maxParallelism: 64, parallelism: 3 });
  // The same files, in the other job's environment.
  for (const { key } of await driver.environment.run(folderOf(driver, '/changed').list(''))) {
    const stored = await driver.environment.run(folderOf(driver, '/changed').get(key));
    await people.environment.run(folderOf(people, '/changed').put(key, stored!.bytes));
  }
  await people.restore({ snapshot: { folder: '/changed' } });
  people.source('visits').push(visit('ann', 'shop', 40), visit('bob', 'home', 50), visit('cid', 'home', 55));
  expect(people.sink<string>('out').take().toSorted()).toEqual([
    'ann 103 home,shop 10,20,40',
    'bob 1 home 50',
    'cid 1 home 55',
  ]);
  people.watermark(60_000);
  // Timers of ann were kept; windows of before go on.
  expect(
    people
      .sink<string>('out')
      .take()
      .filter((text) => text.startsWith('ann')),
  ).toEqual(['ann at 110: 103', 'ann at 120: 103', 'ann at 140: 103']);
  expect(people.sink<string>('windows').take().toSorted()).toEqual(['window 2', 'window 4']);
});

test('an operator that is removed starts anew; a taken uid and an unknown one are refused', async () => {
  const { driver, savepoint } = await savedJob();
  const writer = SavepointWriter.fromExistingSavepoint(savepoint).removeOperator('users');
  expect(() => writer.removeOperator('users')).toThrow("the savepoint has no operator 'users'");
  expect(() => writer.changeOperatorIdentifier('per-page', 'visits')).toThrow("has an operator 'visits' already");
  await driver.environment.run(writer.write(folderOf(driver, '/without'), { environment: driver.environment }));
  await expect(
    driver.environment.run(writer.write(folderOf(driver, '/without'), { environment: driver.environment })),
  ).rejects.toThrow('already holds a savepoint');
  await driver.restore({ snapshot: { folder: '/without' } });
  driver.source('visits').push(visit('ann', 'home', 40));
  expect(driver.sink('out').take()).toEqual(['ann 1 home 40']);
});

test('broadcast and union state are written and read', async () => {
  const { driver, savepoint } = await savedJob();
  const rules = { name: 'rules', keySchema: string(), schema: User };
  const entries = [['a', { name: 'A', visits: 1 }]] as const;
  const writer = SavepointWriter.fromExistingSavepoint(savepoint)
    .withBroadcastState('users', rules, entries)
    .withOperatorState('users', { name: 'all', schema: long(), mode: 'union' }, [1, 2, 3]);
  await driver.environment.run(writer.write(folderOf(driver, '/rules'), { environment: driver.environment }));
  const found = await opened(driver, '/rules');
  expect(found.readBroadcastState('users', 'rules')).toEqual(new Map(entries));
  expect(new Set(found.readOperatorState('users', 'all', long()))).toEqual(new Set([1, 2, 3]));
  expect(() => found.readOperatorState('users', 'rules')).toThrow('is broadcast state');
  expect(() => found.readBroadcastState('users', 'none')).toThrow('has no operator state none, found rules, all');
});

test('what is read without declarations is read as the last job declared it, also when that is what a former one did', async () => {
  const storage = new MemoryStorage();
  const Full = record('User', { name: string(), visits: withDefault(long(), 0) });
  const Short = record('User', { name: string() });
  let files: readonly StateFile[] = [];
  let last: Schema<unknown> = Full;
  for (const [generation, schema] of [Full, Short, Full].entries()) {
    last = schema;
    const backend = await createKeyedStateBackend({
      operatorUid: 'users',
      maxParallelism: 4,
      keyGroupStart: 0,
      keyGroupEnd: 4,
      store: new HeapPageStore(),
      storeOperatorId: 0,
      storage,
      restoreFiles: files,
      cache: { decodedBytesMax: 1 << 20, encodedBytesMax: 1 << 20 },
    });
    const user = backend.state({ kind: 'value', name: 'user', schema: schema as typeof Full });
    backend.setCurrentKey(`of-${generation}`);
    user.update({ name: 'x', visits: 5 });
    files = await backend.snapshot({ checkpointId: generation + 1, isFull: false, filePrefix: 'x' });
    await backend.close();
  }
  const snapshot = {
    uid: 'users',
    name: 'users',
    parallelism: 1,
    maxParallelism: 4,
    keyedStates: [{ name: 'user', kind: 'value', schema: last.avro }],
    subtasks: [{ subtaskIndex: 0, keyedFiles: files, operatorStates: [] }],
  };
  const savepoint = new Savepoint({ manifest: { operators: { users: snapshot } }, storage, where: '' } as never);
  const visits: (readonly [string, number])[] = [];
  for await (const { key, state } of savepoint.readKeyedState('users'))
    visits.push([String(key), (state as unknown as { user: { visits: number } }).user.visits]);
  expect(visits.toSorted(([a], [b]) => (a < b ? -1 : 1))).toEqual([
    ['of-0', 5],
    ['of-1', 0],
    ['of-2', 5],
  ]);
});
