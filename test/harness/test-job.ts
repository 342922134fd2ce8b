import { z } from 'zod';
import { VirtualEnvironment } from '../../engine/base/environment-virtual.ts';
import { UserError } from '../../engine/base/errors.ts';
import type { Logger } from '../../engine/base/logger.ts';
import type { MetricGroup } from '../../engine/base/metrics.ts';
import type { JobDefinition, ParamsOf, ParamsShape } from '../../engine/graph/job-definition.ts';
import type { StreamGraph } from '../../engine/graph/stream-graph.ts';
import { JobExecution } from '../../engine/runtime/job-execution.ts';
import type { OutputTag } from '../../engine/task/output-tag.ts';
import { type Duration, durationMs } from '../../engine/time/duration.ts';
import { type CollectedRecord, CollectedRows } from '../../operators/sink/collect/collect-sink.ts';
import { DirectoryStorage } from '../../state/storage/directory-storage.ts';
import { HeapPageStore } from '../../state/store/heap-page-store.ts';
import { PushedElements } from './pushed-source.ts';
import { keyOf, nodeCalled, type TestEnds, withTestEnds } from './test-job-graph.ts';
import { testParallelism } from './test-parallelism.ts';

/** A moment: milliseconds since the epoch, an ISO text, or a time of day (UTC) on the day of the driver's clock. */
export type TestTime = number | string;

export interface TestJobOptions<P extends ParamsShape> {
  /** Checked and completed with their defaults as on the command line. */
  readonly params?: { readonly [K in keyof P]?: z.input<P[K]> } | undefined;
  /** Decides every random choice. Default 1. */
  readonly seed?: number | undefined;
  /** Default: the job's own, else 1. */
  readonly parallelism?: number | undefined;
  readonly maxParallelism?: number | undefined;
  /** Where the clock starts. Default 2026-01-01T00:00:00Z. */
  readonly startTime?: number | string | undefined;
  /** Side outputs to look at that the job itself does not read. */
  readonly sideOutputs?: readonly OutputTag<unknown>[] | undefined;
  /** Sources and sinks, by uid or name, that stay as they are in the job. Default: none. */
  readonly keep?: readonly string[] | undefined;
  /** Bytes for the page caches; a small number makes state go to the store and back. Default: enough for everything. */
  readonly cacheBytes?: number | undefined;
  readonly logger?: Logger | undefined;
}

/** State of a whole job, for `restore`. */
export interface JobSnapshot {
  readonly folder: string;
}

/**
 * Runs a whole job under a virtual clock, at once and without anything outside: its sources are replaced by ones that the
 * test pushes into, its sinks by ones that the test takes from, and no watermark passes but those pushed.
 *
 *     const driver = await testJob(job);
 *     driver.source('clicks').push(click('c1', '10:00:00'), click('c2', '10:00:59'));
 *     driver.source('clicks').watermark('10:11:00');
 *     expect(driver.sink('lake').take()).toEqual([{ campaignId: 'a', minute: '10:00', clicks: 2 }]);
 *
 * Verbs without a promise have done all of their work when they return, unless an operator waits for something outside of
 * the engine: then `await driver.settle()`. What a function of the job throws, the verb throws.
 */
export async function testJob<P extends ParamsShape>(
  job: JobDefinition<P>,
  options: TestJobOptions<P> = {},
): Promise<JobDriver> {
  const environment = new VirtualEnvironment({
    seed: options.seed,
    startMs: options.startTime === undefined ? undefined : new Date(options.startTime).getTime(),
    logger: options.logger,
  });
  const params = parseParams(job, options.params ?? {});
  const createGraph = (): StreamGraph => job.createGraph(params, environment);
  const driver = new JobDriver(
    { ...options, parallelism: options.parallelism ?? job.options?.parallelism ?? testParallelism() },
    {
      environment,
      createGraph,
      maxParallelism: options.maxParallelism ?? job.options?.maxParallelism,
      jobName: job.name,
    },
  );
  await driver.restore();
  return driver;
}

function parseParams<P extends ParamsShape>(job: JobDefinition<P>, params: object): ParamsOf<P> {
  const parsed = z.strictObject(job.params as ParamsShape).safeParse(params);
  if (parsed.success) return parsed.data as ParamsOf<P>;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new UserError('CONFIGURATION', `wrong parameters for job '${job.name}': ${problems.join('; ')}`);
}

interface DriverOptions {
  readonly parallelism?: number | undefined;
  readonly sideOutputs?: readonly OutputTag<unknown>[] | undefined;
  readonly keep?: readonly string[] | undefined;
  readonly cacheBytes?: number | undefined;
}

interface DrivenJob {
  readonly environment: VirtualEnvironment;
  readonly createGraph: () => StreamGraph;
  readonly maxParallelism: number | undefined;
  readonly jobName: string;
}

/** A job in a test. Made by `testJob`. */
export class JobDriver {
  readonly environment: VirtualEnvironment;
  readonly #job: DrivenJob;
  readonly #options: DriverOptions;
  readonly #graph: StreamGraph;
  readonly #sources = new Map<string, PushedElements>();
  readonly #sinks = new Map<string, CollectedRows<unknown>>();
  readonly #sideOutputs = new Map<
    string,
    { readonly tag: OutputTag<unknown>; readonly rows: CollectedRows<unknown> }
  >();
  #parallelism: number | undefined;
  #execution: JobExecution | undefined;
  #folderCount = 0;
  #snapshot: JobSnapshot | undefined;

  constructor(options: DriverOptions, job: DrivenJob) {
    this.environment = job.environment;
    this.#job = job;
    this.#options = options;
    this.#parallelism = options.parallelism;
    this.#graph = job.createGraph();
    for (const node of this.#graph.nodes) {
      if (options.keep?.some((name) => node.uid === name || node.name === name)) continue;
      if (node.kind === 'source') this.#sources.set(keyOf(node), new PushedElements());
      if (node.kind === 'sink') this.#sinks.set(keyOf(node), new CollectedRows());
    }
    for (const tag of options.sideOutputs ?? [])
      this.#sideOutputs.set(tag.id, { tag, rows: new CollectedRows<unknown>() });
  }

  /** @param name uid or name of a source. */
  source<T = unknown>(name: string): DrivenSource<T> {
    const elements = this.#sources.get(keyOf(nodeCalled(this.#graph, 'source', name)));
    if (elements === undefined) throw new UserError('JOB_DEFINITION', `the source '${name}' was kept as it is`);
    return new DrivenSource<T>(elements, this);
  }

  /** @param name uid or name of a sink. */
  sink<T = unknown>(name: string): DrivenOutput<T> {
    const rows = this.#sinks.get(keyOf(nodeCalled(this.#graph, 'sink', name)));
    if (rows === undefined) throw new UserError('JOB_DEFINITION', `the sink '${name}' was kept as it is`);
    return new DrivenOutput<T>(rows as CollectedRows<T>, this);
  }

  /** A side output named in the options. */
  sideOutput<T>(tag: OutputTag<T>): DrivenOutput<T> {
    const output = this.#sideOutputs.get(tag.id);
    if (output === undefined) {
      throw new UserError('JOB_DEFINITION', `the side output '${tag.id}' is not looked at`, {
        hint: 'Name its tag in the option `sideOutputs` of testJob.',
      });
    }
    return new DrivenOutput<T>(output.rows as CollectedRows<T>, this);
  }

  /** The same watermark into every source. */
  watermark(time: TestTime): void {
    const watermarkMs = this.timeMs(time);
    for (const elements of this.#sources.values()) elements.tell({ kind: 'watermark', watermarkMs });
    this.run();
  }

  /** Moves the clock on: processing-time timers fire in order. */
  async advanceProcessingTime(duration: Duration): Promise<void> {
    this.run();
    await this.environment.advance(durationMs(duration));
    this.run();
  }

  /** Lets everything end that waits for something outside of the engine, as long as that needs no time. */
  async settle(): Promise<void> {
    await this.advanceProcessingTime(0);
  }

  /** Ends all sources and waits for the end of the job: every window fires. */
  async finish(): Promise<void> {
    for (const elements of this.#sources.values()) elements.tell({ kind: 'end' });
    await this.environment.run(this.execution.result);
  }

  /** Takes the state of the whole job, as a savepoint; the job goes on. */
  async snapshot(): Promise<JobSnapshot> {
    this.run();
    const folder = `/snapshots/${this.#folderCount++}`;
    const target = new DirectoryStorage(this.environment, folder);
    try {
      await this.environment.run(this.execution.savepoint(target));
    } catch (error) {
      // What ended the job tells more than that its savepoint was canceled.
      if (this.execution.status.state === 'failed') await this.environment.run(this.execution.result);
      throw error;
    }
    this.#snapshot = { folder };
    return this.#snapshot;
  }

  /**
   * Drops the running job and starts it again: from a snapshot, by default the last one taken, or anew when there is none.
   * What the sinks have got so far stays.
   */
  async restore(
    options: { readonly parallelism?: number | undefined; readonly snapshot?: JobSnapshot | undefined } = {},
  ): Promise<void> {
    await this.close();
    const { environment, createGraph, jobName, maxParallelism } = this.#job;
    this.#parallelism = options.parallelism ?? this.#parallelism;
    const snapshot = options.snapshot ?? this.#snapshot;
    const ends: TestEnds = { sources: this.#sources, sinks: this.#sinks, sideOutputs: this.#sideOutputs };
    const execution = JobExecution.start({
      environment,
      jobName,
      buildGraph: () => withTestEnds(createGraph(), ends),
      parallelism: this.#parallelism,
      maxParallelism,
      cacheBytes: this.#options.cacheBytes,
      checkpointStorage: new DirectoryStorage(environment, `/checkpoints/${this.#folderCount++}`),
      fromSavepoint: snapshot === undefined ? undefined : new DirectoryStorage(environment, snapshot.folder),
      openPageStore: async () => new HeapPageStore(),
      restart: { kind: 'none' },
    });
    this.#execution = execution;
    while (execution.status.state === 'starting') {
      if ((await environment.runSteps(1)) === 0) await environment.run(execution.result);
    }
    if (execution.status.state === 'failed') await execution.result;
  }

  /** Ends the job. Needs not be called. */
  async close(): Promise<void> {
    if (this.#execution?.status.state === 'running') await this.environment.run(this.#execution.cancel());
  }

  /** The job in its run, for what this driver does not offer. */
  get execution(): JobExecution {
    if (this.#execution === undefined) throw new UserError('JOB_DEFINITION', 'the job has not been started');
    return this.#execution;
  }

  get metrics(): MetricGroup {
    return this.execution.attemptMetrics;
  }

  /** Runs what there is to run. The other verbs do it by themselves. */
  run(): void {
    if (this.execution.status.state === 'running') this.execution.runUntilIdle();
  }

  /** Milliseconds of a time as tests write it. */
  timeMs(time: TestTime): number {
    if (typeof time === 'number') return time;
    const isTimeOfDay = /^\d{2}:\d{2}(:\d{2}(\.\d+)?)?$/.test(time);
    const day = new Date(this.environment.clock.nowMs()).toISOString().slice(0, 10);
    const timeMs = Date.parse(isTimeOfDay ? `${day}T${time}Z` : time);
    if (Number.isNaN(timeMs)) {
      throw new UserError('CONFIGURATION', `expected a time such as '10:15:00' or an ISO text, found '${time}'`);
    }
    return timeMs;
  }
}

/** A source that the test pushes into. */
export class DrivenSource<T> {
  readonly #elements: PushedElements;
  readonly #driver: JobDriver;

  constructor(elements: PushedElements, driver: JobDriver) {
    this.#elements = elements;
    this.#driver = driver;
  }

  /** Records, timed by the source's watermark strategy. */
  push(...values: readonly T[]): this {
    for (const value of values) this.#elements.push(value);
    this.#driver.run();
    return this;
  }

  /** Records with the time that the transport gives them; a timestamp assigner of the job overrides it. */
  pushAt(time: TestTime, ...values: readonly T[]): this {
    for (const value of values) this.#elements.push(value, this.#driver.timeMs(time));
    this.#driver.run();
    return this;
  }

  /** No record with a time up to this follows. */
  watermark(time: TestTime): this {
    this.#elements.tell({ kind: 'watermark', watermarkMs: this.#driver.timeMs(time) });
    this.#driver.run();
    return this;
  }

  /** The source does not hold time back until its next record or watermark. */
  idle(): this {
    this.#elements.tell({ kind: 'idle' });
    this.#driver.run();
    return this;
  }

  /** Nothing follows. */
  end(): this {
    this.#elements.tell({ kind: 'end' });
    this.#driver.run();
    return this;
  }
}

/** What came out of a sink or a side output. */
export class DrivenOutput<T> {
  readonly #rows: CollectedRows<T>;
  readonly #driver: JobDriver;

  constructor(rows: CollectedRows<T>, driver: JobDriver) {
    this.#rows = rows;
    this.#driver = driver;
  }

  /** Values since the last take, in order of arrival. */
  take(): T[] {
    this.#driver.run();
    return this.#rows.take();
  }

  /** The same with timestamps and row kinds. */
  takeRecords(): CollectedRecord<T>[] {
    this.#driver.run();
    return this.#rows.takeRecords();
  }

  /** Everything since the start, whether taken or not. */
  values(): T[] {
    this.#driver.run();
    return this.#rows.values();
  }

  /** The rows that are left when retractions have taken theirs back. */
  materialized(): T[] {
    this.#driver.run();
    return this.#rows.materialized();
  }
}
