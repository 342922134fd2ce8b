import { expect, test } from 'vitest';
import type { MemoryFileSystem } from '../../../engine/base/file-system-memory.ts';
import type { Compatibility } from '../../../engine/checkpoint/compatibility.ts';
import { findCheckpoint } from '../../../engine/checkpoint/find-checkpoint.ts';
import { createJobGraph } from '../../../engine/graph/job-graph.ts';
import { checkJobStates } from '../../../engine/runtime/check-job-states.ts';
import { StreamOperator } from '../../../engine/task/stream-operator.ts';
import {
  boolean,
  int,
  KeyedProcessFunction,
  listState,
  long,
  mapState,
  record,
  type Schema,
  StreamExecutionEnvironment,
  string,
  valueState,
  withDefault,
} from '../../../operators/index.ts';
import { collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { startVirtualJob, type VirtualJob } from '../../harness/virtual-job.ts';
import { numbers } from '../runtime/count-job.ts';

/*
 * A job is started, stopped with a checkpoint, and its changed version held against that: as `tidemark check` does it, and
 * by starting it.
 */

const OldUser = record('User', { name: string(), visits: int() });
type Build = (env: StreamExecutionEnvironment) => void;

/** A function whose states are declared in `open`, in code. */
class Users extends KeyedProcessFunction<number, number, string> {
  readonly #schema: Schema<unknown>;
  #user: { update(value: unknown): void } = undefined as never;

  constructor(schema: Schema<unknown>) {
    super();
    this.#schema = schema;
  }

  override open(context: Parameters<KeyedProcessFunction<number, number, string>['open']>[0]): void {
    this.#user = context.state('user', valueState(this.#schema));
    context.state('seen', mapState(string(), long()));
  }

  processElement(n: number): void {
    this.#user.update({ name: `u${n}`, visits: n, country: 'x', isNew: true });
  }
}

/** Keeps operator state. */
class Keeper extends StreamOperator<number> {
  readonly #schema: Schema<unknown>;
  readonly #mode: 'list' | 'union';

  constructor(schema: Schema<unknown>, mode: 'list' | 'union') {
    super();
    this.#schema = schema;
    this.#mode = mode;
  }

  override open(): void {
    const { operatorState } = this.context;
    const descriptor = { name: 'kept', schema: this.#schema };
    const kept = this.#mode === 'list' ? operatorState.listState(descriptor) : operatorState.unionListState(descriptor);
    if (kept.get().length === 0) kept.add({ name: 'first', visits: 1, country: 'x' });
    operatorState.broadcastState({ name: 'rules', keySchema: string(), schema: long() }).set('r', 1);
  }

  override processElement(value: unknown, timestampMs: number): void {
    this.output.collect(value as number, timestampMs, 0);
  }
}

function job(
  options: {
    readonly user?: Schema<unknown>;
    readonly kept?: Schema<unknown>;
    readonly mode?: 'list' | 'union';
    readonly usersUid?: string;
    readonly sourceName?: string;
    readonly extra?: boolean;
  } = {},
): Build {
  const { user = OldUser, kept = OldUser, mode = 'list', usersUid = 'users', sourceName = 'numbers', extra } = options;
  return (env) => {
    const stream = numbers(env, sourceName, { countPerSplit: 'unbounded', recordsPerSecond: 100 }).transform<number>({
      kind: 'keeper',
      options: { uid: 'keeper' },
      isStateful: true,
      factory: () => new Keeper(kept, mode),
    });
    const users = stream.keyBy((n) => n % 7).process(() => new Users(user), { uid: usersUid });
    users.sinkTo(collectSink(), { uid: 'out' });
    if (extra !== true) return;
    class More extends KeyedProcessFunction<string, string, string> {
      override open(context: Parameters<KeyedProcessFunction<string, string, string>['open']>[0]): void {
        context.state('more', listState(long()));
      }
      processElement(): void {}
    }
    users
      .keyBy((name) => name)
      .process(() => new More(), { uid: 'more' })
      .sinkTo(collectSink(), { uid: 'more-out' });
  };
}

async function stoppedJob(build: Build = job()): Promise<MemoryFileSystem> {
  const first = startVirtualJob({ build, parallelism: 2 });
  await first.environment.advance(300);
  await first.environment.run(first.execution.stop());
  return first.files;
}

let seed = 1;

/** Started anew on the same files: how it goes on, or with which error it ends. */
async function restart(
  files: MemoryFileSystem,
  build: Build,
  options: Parameters<typeof startVirtualJob>[0] | object = {},
): Promise<{ readonly job: VirtualJob; readonly failure: unknown }> {
  const again = startVirtualJob({ build, files, parallelism: 2, seed: ++seed, ...options });
  let failure: unknown;
  again.execution.result.catch((error: unknown) => void (failure = error));
  await again.environment.advance(100);
  return { job: again, failure };
}

async function check(
  files: MemoryFileSystem,
  build: Build,
  options: { maxParallelism?: number; allowNonRestoredState?: boolean; jobName?: string } = {},
): Promise<Compatibility> {
  const probe = startVirtualJob({ build: job(), files, checkpointRoot: '/unused', seed: ++seed });
  const { environment } = probe;
  const env = new StreamExecutionEnvironment();
  build(env);
  const graph = createJobGraph(env.streamGraph(), { parallelism: 2, maxParallelism: options.maxParallelism });
  return await environment.run(
    (async () => {
      const found = await findCheckpoint(environment, {
        from: undefined,
        checkpoints: '/checkpoints',
        jobName: 'virtual-job',
      });
      return await checkJobStates(found!.manifest, found!.storage, graph, {
        environment,
        jobName: options.jobName ?? 'virtual-job',
        where: found!.where,
        allowNonRestoredState: options.allowNonRestoredState ?? false,
        isComplete: true,
      });
    })(),
  );
}

const outcomes = (compatibility: Compatibility): Record<string, string> =>
  Object.fromEntries(
    compatibility.operators.flatMap((operator) =>
      operator.states.map((state) => [
        `${operator.uid}.${state.name}`,
        [state.kind, state.outcome, ...state.details].join(' '),
      ]),
    ),
  );

test('the same job is compatible as it is, with its splits', async () => {
  const files = await stoppedJob();
  const found = await check(files, job());
  expect(found.problems).toEqual([]);
  expect(found.warnings).toEqual([]);
  expect(outcomes(found)).toEqual({
    'users.user': 'value same',
    'users.seen': 'map same',
    'keeper.kept': 'operator list same',
    'keeper.rules': 'operator broadcast same',
  });
  expect(found.operators.find(({ uid }) => uid === 'numbers')).toMatchObject({ outcome: 'kept', splitCount: 1 });
  expect(found.operators.find(({ uid }) => uid === 'users')).toMatchObject({ pageCount: 7 });
  expect((await restart(files, job())).failure).toBeUndefined();
});

test('what Avro resolves is told field by field, and starts', async () => {
  const files = await stoppedJob();
  const NewUser = record('User', { visits: long(), name: string(), country: withDefault(string(), 'nowhere') });
  const build = job({ user: NewUser, kept: NewUser });
  const found = await check(files, build);
  expect(found.problems).toEqual([]);
  expect(outcomes(found)).toMatchObject({
    'users.user': 'value resolved visits: int → long +country',
    'keeper.kept': 'operator list resolved visits: int → long +country',
  });
  expect((await restart(files, build)).failure).toBeUndefined();
});

test('what does not resolve is refused before the job starts, in the same words', async () => {
  const files = await stoppedJob();
  const Wrong = record('User', { name: string(), visits: int(), isNew: boolean() });
  const build = job({ user: Wrong, kept: Wrong });
  const { problems } = await check(files, build);
  const place = 'User.isNew: the reader expects boolean, the writer has no such field and there is no default';
  expect(problems.map(({ message }) => message.slice(0, message.indexOf('\n'))).sort()).toEqual([
    `state kept of operator keeper: ${place}`,
    `state user of operator users: ${place}`,
  ]);
  for (const { message } of problems) {
    expect(message).toContain(`stored:   ${JSON.stringify(OldUser.avro)}`);
    expect(message).toContain(`declared: ${JSON.stringify(Wrong.avro)}`);
  }
  const { failure, job: refused } = await restart(files, build);
  expect(failure).toMatchObject({
    code: 'STATE_INCOMPATIBLE',
    message: problems.map(({ message }) => message).join('\n'),
  });
  expect(refused.execution.status).toMatchObject({ state: 'failed', restartCount: 0, attempt: 0 });
});

test('an instance that runs goes on when a version that does not fit is started beside it', async () => {
  const running = startVirtualJob({ build: job(), parallelism: 2 });
  await running.environment.advance(300);
  await running.environment.run(running.execution.triggerCheckpoint());
  const { failure } = await restart(running.files, job({ user: string() as Schema<unknown> }));
  expect(failure).toMatchObject({ code: 'STATE_INCOMPATIBLE' });
  await running.environment.advance(100);
  await running.environment.run(running.execution.triggerCheckpoint());
  expect(running.execution.status.state).toBe('running');
});

test('a state that was kept by an older version still counts', async () => {
  // Version 1 writes all keys; version 2 gives `country` a default and touches nothing; version 3 drops the default.
  const files = await stoppedJob();
  const second = record('User', { name: string(), visits: int(), country: withDefault(string(), 'x') });
  const idle: Build = (env) => {
    numbers(env, 'numbers', { countPerSplit: 'unbounded', recordsPerSecond: 100 })
      .filter(() => false)
      .transform<number>({
        kind: 'keeper',
        options: { uid: 'keeper' },
        isStateful: true,
        factory: () => new Keeper(OldUser, 'list'),
      })
      .keyBy((n) => n % 7)
      .process(() => new Users(second), { uid: 'users' })
      .sinkTo(collectSink(), { uid: 'out' });
  };
  const { job: again } = await restart(files, idle);
  await again.environment.run(again.execution.stop());
  const third = record('User', { name: string(), visits: int(), country: string() });
  const { problems } = await check(files, job({ user: third }));
  expect(problems).toHaveLength(1);
  expect(problems[0]!.message).toContain('User.country: the reader expects string');
});

test('state without its operator is refused unless it may be dropped; new operators are told', async () => {
  const files = await stoppedJob();
  const build = job({ usersUid: 'people', extra: true });
  const refused = await check(files, build);
  expect(refused.problems.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^the checkpoint holds state of 'users' \(.*\), which the job does not have \(/),
  ]);
  expect(outcomes(refused)).toMatchObject({
    'users.user': 'value dropped',
    'people.user': 'value new',
    'more.more': 'list new',
  });
  expect((await restart(files, build)).failure).toMatchObject({ message: refused.problems[0]!.message });
  const allowed = await check(files, build, { allowNonRestoredState: true });
  expect(allowed.problems).toEqual([]);
  expect(allowed.warnings).toEqual([expect.stringContaining("state of 'users'")]);
});

test('another max parallelism, another job, another mode and another kind of node are refused', async () => {
  const files = await stoppedJob();
  const message = async (build: Build, options = {}): Promise<string[]> =>
    (await check(files, build, options)).problems.map((problem) => problem.message);
  expect(await message(job(), { maxParallelism: 64 })).toEqual([
    expect.stringContaining('was stored with max parallelism 32768, the job has 64'),
  ]);
  expect(await message(job(), { jobName: 'other' })).toEqual([
    expect.stringContaining("the checkpoint is of job 'virtual-job', expected 'other'"),
  ]);
  expect(await message(job({ mode: 'union' }))).toEqual([
    expect.stringContaining('state kept of operator keeper: it was written as list, the job reads it as union'),
  ]);
  expect(await message(job({ sourceName: 'other', usersUid: 'numbers' }))).toEqual(
    expect.arrayContaining([expect.stringContaining("'numbers' was stored as a source")]),
  );
});

test('an operator that cannot be opened here is told, and its states are left to the start', async () => {
  const files = await stoppedJob();
  const build: Build = (env) => {
    numbers(env, 'numbers', { countPerSplit: 'unbounded', recordsPerSecond: 100 })
      .transform<number>({
        kind: 'keeper',
        options: { uid: 'keeper' },
        isStateful: true,
        factory: () => new Keeper(OldUser, 'list'),
      })
      .keyBy((n) => n % 7)
      .process(
        () =>
          new (class extends Users {
            override open(): void {
              throw new Error('no database');
            }
          })(OldUser),
        { uid: 'users' },
      )
      .sinkTo(collectSink(), { uid: 'out' });
  };
  const { problems, warnings } = await check(files, build);
  expect(problems).toEqual([]);
  expect(warnings).toEqual([expect.stringMatching(/operator 'users' are not known.*no database/)]);
});
