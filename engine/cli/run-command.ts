import { mkdir, rm, writeFile } from 'node:fs/promises';
import { CommanderError } from 'commander';
import type { Environment } from '../base/environment.ts';
import { createNodeEnvironment } from '../base/environment-node.ts';
import { ExternalError, UserError } from '../base/errors.ts';
import type { JobCompanion, JobDefinition } from '../graph/job-definition.ts';
import type { MemoryPlan } from '../runtime/memory-plan.ts';
import { JobExecution, type JobResult } from '../runtime/job-execution.ts';
import { HeapPageStore } from '../../state/store/heap-page-store.ts';
import type { PageStore } from '../../state/store/page-store.ts';
import { RocksDbPageStore } from '../../state/store/rocksdb-page-store.ts';
import { openStorage } from '../../state/storage/storage-url.ts';
import { formatBytes } from './byte-size.ts';
import { startControlServer } from './control-server.ts';
import { EXIT_CODES } from './exit-code.ts';
import { jobModuleUrl, loadJob } from './load-job.ts';
import { createLogger } from './logger.ts';
import { createRunCommand, parseRunOptions, type RunOptions } from './run-options.ts';
import { StatusLine } from './status-line.ts';

const SUMMARY_PERIOD_MS = 15_000;

/** `tidemark run JOB`: runs a job on this machine until it ends or is stopped. Returns the exit code. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const [jobPath, ...rest] = argv;
  if (jobPath === undefined || jobPath.startsWith('-')) {
    throw new UserError('CONFIGURATION', 'tidemark run needs the path of a job module', {
      hint: 'For example: tidemark run jobs/attribution/job.ts --help',
    });
  }
  const job = await loadJob(jobPath);
  const command = createRunCommand(job, `run ${jobPath}`);
  try {
    command.parse([...rest], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_CODES.OK; // --help
    throw new UserError('CONFIGURATION', (error as Error).message.replace(/^error: /, '').replaceAll('\n', ' '), {
      hint: `tidemark run ${jobPath} --help`,
    });
  }
  if (command.args.length > 0) {
    throw new UserError('CONFIGURATION', `unexpected argument '${command.args[0]}'`, {
      hint: `tidemark run ${jobPath} --help`,
    });
  }
  const options = parseRunOptions(job, command.opts(), createNodeEnvironment().variables);
  return await new JobRun(job, jobModuleUrl(jobPath), options).run();
}

/** Makes the folder and sees whether it can be written, so that who gave a wrong one learns it before the job starts. */
async function checkDataDirectory(directory: string): Promise<void> {
  const probe = `${directory}/.writable-${process.pid}`;
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(probe, '');
    await rm(probe, { force: true });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new ExternalError('STORAGE_FULL', `no space left in the data folder ${directory}`, {
        cause: error,
        hint: 'Free disk space, or give another folder with --data.',
      });
    }
    throw new UserError('CONFIGURATION', `the data folder ${directory} cannot be written: ${message}`, {
      cause: error,
      hint: 'Give a folder that the job may write with --data.',
    });
  }
}

/** One run: the job with its companion, status line, signals and control server around it. */
class JobRun {
  readonly #job: JobDefinition;
  readonly #jobModule: string;
  readonly #options: RunOptions;
  readonly #environment: Environment;
  #statusLine: StatusLine | undefined;

  constructor(job: JobDefinition, jobModule: string, options: RunOptions) {
    this.#job = job;
    this.#jobModule = jobModule;
    this.#options = options;
    const logger = createLogger({
      level: options.logLevel,
      isJson: options.isJson,
      before: () => this.#statusLine?.clear(),
    });
    this.#environment = createNodeEnvironment({ logger });
  }

  async run(): Promise<number> {
    const { dataDirectory } = this.#options;
    await checkDataDirectory(dataDirectory);
    const companion = await this.#job.companion?.({
      environment: this.#environment,
      params: this.#options.params,
      dataDirectory,
    });
    try {
      const execution = await this.#start({ ...this.#options.params, ...companion?.params });
      const control = await startControlServer({
        execution,
        job: this.#job.name,
        dataDirectory,
        environment: this.#environment,
      });
      try {
        return await this.#follow(execution, companion);
      } finally {
        await control.close();
      }
    } finally {
      await companion?.close();
    }
  }

  async #start(params: Readonly<Record<string, unknown>>): Promise<JobExecution> {
    const options = this.#options;
    const { name } = this.#job;
    this.#environment.logger.info(`starting ${name}`, {
      checkpoints: options.checkpoints,
      state: options.stateStore,
      ...memoryText(options.memory),
      workers: options.workers,
    });
    return JobExecution.start({
      ...this.#job.options,
      environment: this.#environment,
      jobName: name,
      buildGraph: () => this.#job.createGraph(params as never, this.#environment),
      checkpointStorage: await openStorage(this.#environment, options.checkpoints),
      openPageStore: (attempt) => this.#openPageStore(attempt),
      workers: {
        count: options.workers,
        jobModule: this.#jobModule,
        params,
        checkpoints: options.checkpoints,
        pageStore:
          options.stateStore === 'heap'
            ? { kind: 'heap' }
            : { kind: 'rocksdb', directory: this.#stateDirectory, writeBufferBytes: options.memory.writeBufferBytes },
      },
      parallelism: options.parallelism,
      maxParallelism: options.maxParallelism ?? this.#job.options?.maxParallelism,
      checkpointInterval: options.checkpointIntervalMs,
      checkpointTimeout: options.checkpointTimeoutMs,
      cacheBytes: options.memory.cacheBytes,
      restart: options.restart,
      fromSavepoint:
        options.fromSavepoint === undefined ? undefined : await openStorage(this.#environment, options.fromSavepoint),
      allowNonRestoredState: options.allowNonRestoredState,
    });
  }

  async #openPageStore(attempt: number): Promise<PageStore> {
    if (this.#options.stateStore === 'heap') return new HeapPageStore();
    const { writeBufferBytes } = this.#options.memory;
    return new RocksDbPageStore({ path: `${this.#stateDirectory}-${attempt % 2}`, writeBufferBytes });
  }

  get #stateDirectory(): string {
    return `${this.#options.dataDirectory}/state/${this.#job.name}`;
  }

  async #follow(execution: JobExecution, companion: JobCompanion | undefined): Promise<number> {
    const signals = this.#handleSignals(execution);
    const statusLine = new StatusLine({
      environment: this.#environment,
      stream: process.stderr,
      status: () => execution.status,
      extra: () => companion?.status?.(execution.attemptMetrics) ?? '',
    });
    this.#statusLine = statusLine;
    if (this.#options.isStatusShown && !this.#options.isJson) statusLine.start();
    const summaries = this.#showSummaries(execution, companion);
    try {
      const result = await Promise.race([execution.result, signals.interrupted]);
      await summaries.stop();
      statusLine.stop();
      if (result === undefined) return EXIT_CODES.INTERRUPTED;
      await this.#printSummary(execution, companion, true);
      this.#printResult(result);
      return EXIT_CODES.OK;
    } finally {
      await summaries.stop();
      statusLine.stop();
      signals.remove();
    }
  }

  /** The first signal stops the job with a last checkpoint, the second one at once. */
  #handleSignals(execution: JobExecution): { readonly interrupted: Promise<undefined>; remove(): void } {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    let count = 0;
    const onSignal = (signal: NodeJS.Signals): void => {
      count++;
      if (count > 1) {
        resolve(undefined);
        return;
      }
      this.#environment.logger.info(`${signal}: stopping with a last checkpoint; again to interrupt`);
      execution.stop().catch(() => {}); // The failure is seen by whoever waits for the result.
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    return {
      interrupted: promise,
      remove: () => {
        process.off('SIGINT', onSignal);
        process.off('SIGTERM', onSignal);
      },
    };
  }

  #showSummaries(execution: JobExecution, companion: JobCompanion | undefined): { stop(): Promise<void> } {
    let isStopped = false;
    let running: Promise<void> = Promise.resolve();
    const schedule = (): void => {
      timer = this.#environment.scheduler.setTimer(SUMMARY_PERIOD_MS, () => {
        running = this.#printSummary(execution, companion, false).finally(() => {
          if (!isStopped) schedule();
        });
      });
    };
    let timer = { cancel: (): void => {} };
    if (companion?.summary !== undefined) schedule();
    return {
      stop: async () => {
        isStopped = true;
        timer.cancel();
        await running.catch(() => {});
      },
    };
  }

  async #printSummary(execution: JobExecution, companion: JobCompanion | undefined, isFinal: boolean): Promise<void> {
    if (companion?.summary === undefined) return;
    const { state } = execution.status;
    // Of a job that has not got into its run there is nothing to tell.
    if (isFinal ? state === 'canceled' : state !== 'running') return;
    try {
      const lines = await companion.summary(execution.attemptMetrics, isFinal);
      if (lines.length === 0) return;
      this.#statusLine?.clear();
      process.stdout.write(this.#options.isJson ? `${JSON.stringify({ summary: lines })}\n` : `${lines.join('\n')}\n`);
    } catch (error) {
      this.#environment.logger.warn('the summary could not be made', { error });
    }
  }

  #printResult(result: JobResult): void {
    const where =
      result.lastCheckpointId === undefined
        ? ''
        : `; checkpoint ${result.lastCheckpointId} in ${this.#options.checkpoints}`;
    if (this.#options.isJson) process.stdout.write(`${JSON.stringify(result)}\n`);
    else process.stdout.write(`${this.#job.name}: ${result.state}${where}\n`);
  }
}

/** How memory is split, for the log. */
function memoryText(plan: MemoryPlan): Record<string, string> {
  return {
    memory: formatBytes(plan.totalBytes),
    cache: formatBytes(plan.cacheBytes),
    'while checkpoints are written': formatBytes(plan.snapshotBytes),
    store: formatBytes(plan.storeBytes),
    'the rest': formatBytes(plan.processBytes),
  };
}
