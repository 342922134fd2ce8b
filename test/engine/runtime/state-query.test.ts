import { expect, test } from 'vitest';
import type { StateAnswer, StateQuery } from '../../../engine/runtime/state-query.ts';
import {
  bytes,
  decimal,
  defineJob,
  defineProcess,
  listState,
  long,
  mapState,
  optional,
  record,
  string,
  timestampMs,
  TumblingEventTimeWindows,
  valueState,
  WatermarkStrategy,
} from '../../../operators/index.ts';
import { collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { generatorSource } from '../../../operators/source/collection/generator-source.ts';
import { type JobDriver, testJob } from '../../harness/test-job.ts';
import { startVirtualJob } from '../../harness/virtual-job.ts';
import type { ObjectStorage } from '../../../state/storage/object-storage.ts';
import { countJob } from './count-job.ts';

interface Sale {
  readonly user: string;
  readonly cents: number;
  readonly at: number;
}

const Account = record('Account', {
  name: string(),
  sum: long(),
  exact: decimal(12, 2),
  at: timestampMs(),
  mark: bytes(),
  note: optional(string()),
});
const Point = record('Point', { x: long() });

const job = defineJob({
  name: 'sales',
  params: {},
  build(env) {
    const sales = env.fromSource(
      generatorSource<Sale>({ name: 'none', countPerSplit: 0, recordAt: () => ({ user: '', cents: 0, at: 0 }) }),
      'sales',
      WatermarkStrategy.forMonotonousTimestamps<Sale>().withTimestamp(({ at }) => at),
      { parallelism: 1 },
    );
    sales
      .keyBy(({ user }) => user)
      .process(
        defineProcess({
          uid: 'accounts',
          state: {
            account: valueState(Account),
            all: listState(long()),
            byCents: mapState(long(), string()),
            points: mapState(Point, long()),
            recent: valueState(long(), { ttl: { eventTime: 100, update: 'onReadAndWrite' } }),
          },
          processElement({ user, cents, at }: Sale, { state }, out) {
            const sum = (state.account.value()?.sum ?? 0) + cents;
            const mark = Buffer.from([1, 2]);
            state.account.update({ name: user, sum, exact: BigInt(sum), at, mark, note: undefined });
            state.all.add(cents);
            state.byCents.set(cents, user);
            state.points.set({ x: cents }, 1);
            state.recent.update(cents);
            out.collect(sum);
          },
        }),
      )
      .sinkTo(collectSink(), { uid: 'out' });
    sales
      .keyBy(({ cents }) => cents)
      .window(TumblingEventTimeWindows.of(1000))
      .aggregate(
        {
          accumulatorSchema: long(),
          createAccumulator: () => 0,
          add: (count: number) => count + 1,
          getResult: (count: number) => count,
          merge: (a: number, b: number) => a + b,
        },
        { uid: 'per-price' },
      )
      .sinkTo(collectSink(), { uid: 'prices' });
  },
});

async function runningJob(): Promise<JobDriver> {
  const driver = await testJob(job, { parallelism: 3, cacheBytes: 4000 });
  for (let i = 0; i < 300; i++) driver.source('sales').push({ user: `u${i % 50}`, cents: i, at: i });
  return driver;
}

async function ask(
  driver: JobDriver,
  query: Partial<StateQuery> & { readonly key?: string | number },
): Promise<StateAnswer> {
  const { key = 'u7', ...rest } = query;
  // Records may wait for their pages: the cache is small.
  if (driver.execution.status.state === 'running') await driver.settle();
  return await driver.environment.run(
    driver.execution.queryState({
      operatorUid: 'accounts',
      state: 'account',
      keys: [key],
      consistency: 'live',
      ...rest,
    }),
  );
}

test('what is live is told of every key, from whichever subtask has it, as the JSON format writes it', async () => {
  const driver = await runningJob();
  for (let user = 0; user < 50; user++) {
    const cents = Array.from({ length: 6 }, (_, i) => user + 50 * i);
    const sum = cents.reduce((a, b) => a + b);
    const key = `u${user}`;
    expect(await ask(driver, { key })).toMatchObject({
      operator: 'accounts',
      kind: 'value',
      key,
      consistency: 'live',
      value: { name: key, sum, exact: (sum / 100).toFixed(2), at: user + 250, mark: 'AQI=' },
    });
    expect((await ask(driver, { key, state: 'all' })).value).toEqual(cents);
    expect((await ask(driver, { key, state: 'byCents' })).value).toEqual(cents.map((it) => ({ key: it, value: key })));
    expect((await ask(driver, { key, state: 'points' })).value).toContainEqual({ key: { x: user }, value: 1 });
  }
  expect((await ask(driver, { key: 'nobody' })).value).toBeNull();
  expect(driver.execution.queryableOperators()).toMatchObject([
    { operator: 'accounts', states: [{ name: 'account', kind: 'value', isNamespaced: false }, {}, {}, {}, {}] },
    { operator: 'per-price' },
  ]);
});

test('windows are told by their start', async () => {
  const driver = await runningJob();
  driver.source('sales').push({ user: 'u1', cents: 7, at: 5000 });
  const states = driver.execution.queryableOperators().find(({ operator }) => operator === 'per-price')!.states;
  const { name } = states.find(({ isNamespaced }) => isNamespaced)!;
  const query = { operatorUid: 'per-price', state: name, key: 7 };
  expect((await ask(driver, query)).value).toEqual([
    { namespace: 0, value: 1 },
    { namespace: 5000, value: 1 },
  ]);
  expect((await ask(driver, { ...query, namespace: 5000 })).value).toBe(1);
  expect((await ask(driver, { ...query, namespace: 6000 })).value).toBeNull();
  await expect(ask(driver, { namespace: 0 })).rejects.toThrow(
    "state 'account' of operator 'accounts' has no namespaces",
  );
});

test('the last checkpoint is told as it was, whatever came after, and after a restore', async () => {
  const driver = await runningJob();
  await expect(ask(driver, { consistency: 'checkpoint' })).rejects.toThrow('no complete checkpoint yet');
  await driver.environment.run(driver.execution.triggerCheckpoint());
  driver.source('sales').push({ user: 'u7', cents: 1000, at: 400 });
  const sum = 7 + 57 + 107 + 157 + 207 + 257;
  expect(await ask(driver, { consistency: 'checkpoint' })).toMatchObject({
    consistency: 'checkpoint',
    checkpointId: 1,
    completedAtMs: driver.environment.clock.nowMs(),
    value: { sum },
  });
  expect(await ask(driver, {})).toMatchObject({ value: { sum: sum + 1000 } });
  await driver.environment.run(driver.execution.triggerCheckpoint());
  expect(await ask(driver, { consistency: 'checkpoint' })).toMatchObject({
    checkpointId: 2,
    value: { sum: sum + 1000 },
  });
  expect((await ask(driver, { consistency: 'checkpoint', key: 'nobody' })).value).toBeNull();
});

test('asking does not prolong a time-to-live, and what has expired is not told', async () => {
  const driver = await runningJob();
  driver.watermark(350);
  driver.source('sales').push({ user: 'new', cents: 43, at: 351 });
  const query = { key: 'new', state: 'recent' };
  driver.watermark(449);
  expect(await ask(driver, query)).toMatchObject({ value: 43, watermarkMs: 449 });
  // Not cleaned up before an eighth of the time-to-live has passed.
  driver.watermark(450);
  expect((await ask(driver, query)).value).toBeNull();
});

test('what is not there is named; errors are the asker’s, the job goes on', async () => {
  const driver = await runningJob();
  await expect(ask(driver, { operatorUid: 'account' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    hint: "It has 'accounts', 'per-price'.",
  });
  await expect(ask(driver, { state: 'acount' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    hint: expect.stringContaining("'account', 'all'"),
  });
  driver.source('sales').push({ user: 'u7', cents: 1, at: 400 });
  expect(driver.execution.status).toMatchObject({ state: 'running', restartCount: 0 });
  await driver.close();
  await expect(ask(driver, {})).rejects.toThrow('the job is canceled');
});

test('the last checkpoint is told while newer ones take its place and its files are deleted', async () => {
  const { environment, execution } = startVirtualJob({
    build: countJob(() => collectSink<string>(), { countPerSplit: 'unbounded', recordsPerSecond: 1000 }),
    retainedCheckpoints: 1,
    wrapStorage: (storage, { scheduler, random }) => {
      const slow = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => {
        return async (...args: A): Promise<R> => {
          await new Promise<void>((resolve) => void scheduler.setTimer(random.next() * 20, resolve));
          return await call(...args);
        };
      };
      return {
        description: storage.description,
        url: (key) => storage.url(key),
        put: slow((...args: Parameters<ObjectStorage['put']>) => storage.put(...args)),
        delete: (keys) => storage.delete(keys),
        list: (prefix) => storage.list(prefix),
        get: slow((key: string) => storage.get(key)),
        getRange: slow((...args: Parameters<ObjectStorage['getRange']>) => storage.getRange(...args)),
      };
    },
  });
  while (execution.status.state !== 'running') await environment.advance(10);
  await environment.run(execution.triggerCheckpoint());
  let isDone = false;
  const replace = async (): Promise<void> => {
    while (!isDone) await execution.triggerCheckpoint();
  };
  const askAll = async (): Promise<StateAnswer[]> => {
    const answers: StateAnswer[] = [];
    const query = { operatorUid: 'count', state: 'count', keys: [3], consistency: 'checkpoint' } as const;
    for (let i = 0; i < 100; i++) answers.push(await execution.queryState(query));
    return answers;
  };
  const asked = askAll().finally(() => (isDone = true));
  const [answers] = await environment.run(Promise.all([asked, replace()]));
  const ids = answers.map(({ checkpointId }) => checkpointId!);
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  expect(new Set(ids).size).toBeGreaterThan(10);
  await environment.run(execution.cancel());
});
