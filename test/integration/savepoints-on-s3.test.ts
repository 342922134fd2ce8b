import { beforeAll, expect, test } from 'vitest';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import type { Environment } from '../../engine/base/environment.ts';
import { findCheckpoint } from '../../engine/checkpoint/find-checkpoint.ts';
import { createJobGraph } from '../../engine/graph/job-graph.ts';
import type { StreamGraph } from '../../engine/graph/stream-graph.ts';
import { checkJobStates } from '../../engine/runtime/check-job-states.ts';
import { JobExecution } from '../../engine/runtime/job-execution.ts';
import { openSavepoint } from '../../engine/savepoint/savepoint.ts';
import { SavepointWriter } from '../../engine/savepoint/savepoint-writer.ts';
import {
  collectSink,
  CollectedRows,
  defineProcess,
  generatorSource,
  listState,
  long,
  mapState,
  record,
  type Schema,
  StreamExecutionEnvironment,
  string,
  valueState,
  WatermarkStrategy,
  withDefault,
} from '../../operators/index.ts';
import { openStorage } from '../../state/storage/storage-url.ts';
import { HeapPageStore } from '../../state/store/heap-page-store.ts';
import { sharedServices, uniqueName } from '../harness/services/shared.ts';

/* A savepoint of a running job, checked, changed and restored, all on a real S3 server. */

let environment: Environment;
let root: string;

beforeAll(async () => {
  const { s3 } = await sharedServices('s3');
  const variables = {
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  };
  environment = { ...createNodeEnvironment(), variables };
  root = `s3://${s3.bucket}/${uniqueName('savepoints')}`;
});

const KEYS = 20;
const OldUser = record('User', { name: string(), visits: long() });
const NewUser = record('User', { name: string(), visits: long(), country: withDefault(string(), 'nowhere') });
interface User {
  readonly name: string;
  readonly visits: number;
  readonly country?: string | undefined;
}

/** Counts numbers by key; the history of key 0 is too large for one page. */
function counting(uid: string, user: Schema<User>, rows: CollectedRows<string>): StreamGraph {
  const env = new StreamExecutionEnvironment();
  env
    .fromSource(
      generatorSource<number>({
        name: 'numbers',
        countPerSplit: 'unbounded',
        recordAt: (_split, n) => n,
        recordsPerSecond: 20_000,
      }),
      'numbers',
      WatermarkStrategy.forMonotonousTimestamps<number>().withTimestamp((n) => n),
    )
    .keyBy((n) => n % KEYS)
    .process(
      defineProcess({
        uid,
        state: { user: valueState(user), history: listState(string()), places: mapState(string(), long()) },
        processElement(n: number, { state, timers }, out) {
          const before = state.user.value();
          state.user.update({ country: 'new', ...before, name: `u${n % KEYS}`, visits: (before?.visits ?? 0) + 1 });
          if (n % KEYS === 0) state.history.add(`${n} `.repeat(20));
          state.places.set(`p${n % 100}`, n);
          if (n < KEYS) timers.registerEventTimeTimer(1e12 + n);
          out.collect(JSON.stringify({ key: n % KEYS, n, user: state.user.value() }));
        },
      }),
    )
    .sinkTo(collectSink({ into: rows }), { uid: 'out' });
  return env.streamGraph();
}

async function start(
  graph: () => StreamGraph,
  options: { readonly folder: string; readonly from?: string; readonly maxParallelism?: number },
): Promise<JobExecution> {
  return JobExecution.start({
    environment,
    jobName: 'counting',
    parallelism: 2,
    maxParallelism: options.maxParallelism,
    checkpointInterval: '100ms',
    checkpointStorage: await openStorage(environment, `${root}/${options.folder}`),
    fromSavepoint: options.from === undefined ? undefined : await openStorage(environment, options.from),
    openPageStore: async () => new HeapPageStore(),
    buildGraph: graph,
  });
}

/** Fails when the job does. */
async function until(execution: JobExecution, isTrue: () => boolean): Promise<void> {
  while (!isTrue()) {
    if (execution.status.state === 'failed') await execution.result;
    await new Promise((resolve) => void environment.scheduler.setTimer(10, () => resolve(undefined)));
  }
}

test('a savepoint is checked, changed key by key under another uid and max parallelism, and gone on from', async () => {
  const before = new CollectedRows<string>();
  const first = await start(() => counting('users', OldUser, before), { folder: 'first' });
  await until(first, () => before.records().length > 20_000);
  await first.stop({ savepoint: await openStorage(environment, `${root}/saved`) });

  const check = async (from: string, graph: StreamGraph, maxParallelism?: number) => {
    const found = (await findCheckpoint(environment, { from, checkpoints: from, jobName: 'counting' }))!;
    return await checkJobStates(found.manifest, found.storage, createJobGraph(graph, { maxParallelism }), {
      environment,
      jobName: 'counting',
      where: found.where,
      allowNonRestoredState: false,
    });
  };
  const unread = new CollectedRows<string>();
  const newer = await check(`${root}/saved`, counting('users', NewUser, unread));
  expect(newer.problems).toEqual([]);
  expect(newer.operators.find(({ uid }) => uid === 'users')!.states[0]).toMatchObject({ outcome: 'resolved' });
  const wrong = await check(`${root}/saved`, counting('users', string() as never, unread));
  expect(wrong.problems).toHaveLength(1);

  const savepoint = await openSavepoint(`${root}/saved`, { environment });
  const state = { user: valueState(OldUser), history: listState(string()), places: mapState(string(), long()) };
  let historyBytes = 0;
  await SavepointWriter.fromExistingSavepoint(savepoint, { maxParallelism: 64 })
    .transformKeyedState('users', { from: state, state: { ...state, user: valueState(NewUser) } }, (entry) => {
      historyBytes += (entry.state.history ?? []).join('').length;
      const { name, visits } = entry.state.user!;
      return { ...entry, state: { ...entry.state, user: { name, visits: visits + 1_000_000, country: 'somewhere' } } };
    })
    .changeOperatorIdentifier('users', 'people')
    .write(`${root}/changed`, { environment, sortBytesMax: 50_000 });
  expect(historyBytes).toBeGreaterThan(100_000);

  expect((await check(`${root}/changed`, counting('people', NewUser, unread), 64)).problems).toEqual([]);
  expect((await check(`${root}/changed`, counting('people', NewUser, unread))).problems[0]!.message).toContain(
    'max parallelism 64',
  );
  const keys: unknown[] = [];
  for await (const entry of (await openSavepoint(`${root}/changed`, { environment })).readKeyedState('people', {
    state,
  })) {
    keys.push(entry.key);
    expect(entry.timers).toEqual([
      { timeDomain: 'eventTime', timestampMs: 1e12 + (entry.key as number), namespace: 0 },
    ]);
  }
  expect(keys.length).toBe(KEYS);
  expect(new Set(keys)).toEqual(new Set(Array.from({ length: KEYS }, (_, key) => key)));

  const after = new CollectedRows<string>();
  const second = await start(() => counting('people', NewUser, after), {
    folder: 'second',
    from: `${root}/changed`,
    maxParallelism: 64,
  });
  await until(second, () => after.records().length > 1000);
  await second.cancel();
  // Every key goes on where it was, none is counted twice.
  const rows = after.values().map((text) => JSON.parse(text) as { n: number; user: User });
  for (const { n, user } of rows) {
    expect(user).toEqual({ name: `u${n % KEYS}`, visits: 1_000_000 + Math.floor(n / KEYS) + 1, country: 'somewhere' });
  }
  expect(Math.min(...rows.map(({ n }) => n))).toBe(before.records().length);
});
