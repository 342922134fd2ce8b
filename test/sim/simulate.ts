import { createHash } from 'node:crypto';
import type { MemoryFileSystem } from '../../engine/base/file-system-memory.ts';
import { describeError, OwnershipLostError } from '../../engine/base/errors.ts';
import { SeededRandom } from '../../engine/base/random.ts';
import type { JobResult } from '../../engine/runtime/job-execution.ts';
import type { Sink } from '../../engine/task/sink.ts';
import type { StreamExecutionEnvironment } from '../../operators/stream-execution-environment.ts';
import { DirectoryStorage } from '../../state/storage/directory-storage.ts';
import { startVirtualJob, type VirtualJob } from '../harness/virtual-job.ts';
import { FaultyStorage, NO_STORAGE_FAULTS, type StorageFaults } from './faulty-storage.ts';
import { Ledger, LedgerSink, NO_SINK_FAULTS, type SinkFaults } from './ledger-sink.ts';

/** A job to simulate: bounded, its results independent of the order in which sources and subtasks get their turns. */
export interface SimulatedJob {
  readonly name: string;
  /** @param sink makes the sink of this job; rows are compared as JSON. */
  readonly build: (env: StreamExecutionEnvironment, sink: () => Sink<unknown>) => void;
  readonly sinkUids: readonly string[];
  /** How many times longer it takes than others: it gets so many times fewer seeds. Default 1. */
  readonly weight?: number | undefined;
}

export interface SimulationResult {
  /** Rows per sink, sorted. */
  readonly rows: Readonly<Record<string, readonly string[]>>;
  /** Of everything that was written: checkpoints and results, byte for byte. */
  readonly fingerprint: string;
  /** What happened, one line per start of the job. */
  readonly history: readonly string[];
  /** Promises of the engine to the sinks that were broken. */
  readonly violations: readonly string[];
  /** Warnings and errors of the last start. */
  readonly log: readonly string[];
}

/** Starts of a job that end early at most; then it is left to run to its end. */
const INTERRUPTIONS_MAX = 6;
const MAX_PARALLELISM = 16;
/** The last start has no faults; it ends after fewer steps than this, or hangs. */
const STEPS_MAX = 50_000;

/** Runs a job without faults and interruptions: what the others are compared with. */
export async function runUndisturbed(job: SimulatedJob): Promise<SimulationResult> {
  const world = new World(job, { seed: 0, storage: NO_STORAGE_FAULTS, sink: NO_SINK_FAULTS });
  const run = world.start(1, { isCalm: true });
  await run.environment.run(run.execution.result);
  return await world.result();
}

/** Runs a job through crashes, stops, zombies and faults, all drawn from the seed, until it has ended. */
export async function simulate(job: SimulatedJob, seed: number): Promise<SimulationResult> {
  const random = new SeededRandom(seed);
  const isCalm = random.below(4) === 0;
  const rate = (max: number): number => (isCalm ? 0 : random.next() * max);
  const world = new World(job, {
    seed,
    storage: {
      latencyMsMax: random.below(12),
      errorRate: rate(0.05),
      lostAnswerRate: rate(0.03),
      tornPutRate: rate(0.03),
      repeatedPutRate: rate(0.05),
    },
    sink: {
      latencyMsMax: random.below(30),
      blockedRate: rate(0.5),
      commitErrorRate: rate(0.3),
      lostAnswerRate: rate(0.2),
      prepareErrorRate: rate(0.05),
    },
  });
  const interruptions = 1 + random.below(INTERRUPTIONS_MAX);
  let zombie: VirtualJob | undefined;
  for (let i = 0; i < interruptions; i++) {
    const run = world.start(1 + random.below(4));
    const steps = random.below(1 + random.below(600));
    await run.environment.runSteps(steps);
    // An instance that was thought dead goes on beside its successor: it must not get anything through.
    if (zombie !== undefined) await zombie.environment.runSteps(random.below(300));
    zombie = undefined;
    if (await world.hasEnded(run)) return await world.result();
    switch (random.below(6)) {
      case 0:
        await world.end(run, 'stopped', run.execution.stop());
        break;
      case 1:
        await world.end(run, 'canceled', run.execution.cancel());
        break;
      case 2:
        await world.moveBySavepoint(run);
        break;
      case 3:
        world.note(`left as a zombie after ${steps} steps`);
        zombie = run;
        break;
      default:
        world.note(`crashed after ${steps} steps`);
    }
  }
  const last = world.start(1 + random.below(4), { isCalm: true });
  await last.environment.runSteps(STEPS_MAX);
  if (await world.hasEnded(last)) return await world.result();
  const { state } = last.execution.status;
  throw new Error([`still ${state} after ${STEPS_MAX} steps`, ...world.history, ...last.log].join('\n'));
}

/** What outlives the instances of a job: its checkpoints and the sinks' ledger. */
class World {
  readonly #job: SimulatedJob;
  readonly #options: { readonly seed: number; readonly storage: StorageFaults; readonly sink: SinkFaults };
  readonly #ledger = new Ledger();
  readonly history: string[] = [];
  readonly #random: SeededRandom;
  #files: MemoryFileSystem | undefined;
  #startMs = 1_767_225_600_000;
  #instanceCount = 0;
  #last: VirtualJob | undefined;
  #checkpointRoot = '/checkpoints';
  #savepointRoot: string | undefined;

  constructor(
    job: SimulatedJob,
    options: { readonly seed: number; readonly storage: StorageFaults; readonly sink: SinkFaults },
  ) {
    this.#job = job;
    this.#options = options;
    this.#random = new SeededRandom(options.seed ^ 0x5eed);
  }

  start(parallelism: number, { isCalm = false }: { readonly isCalm?: boolean } = {}): VirtualJob {
    if (this.#last !== undefined) this.#startMs = this.#last.environment.clock.nowMs() + this.#random.below(5_000);
    const seed = this.#options.seed * 64 + this.#instanceCount++;
    const faults = isCalm ? NO_STORAGE_FAULTS : this.#options.storage;
    const sinkFaults = isCalm ? NO_SINK_FAULTS : this.#options.sink;
    const sink = (): Sink<unknown> => new LedgerSink(this.#ledger, sinkFaults);
    const isBatched = this.#random.below(2) === 0;
    const run = startVirtualJob({
      jobName: this.#job.name,
      seed,
      files: this.#files,
      checkpointRoot: this.#checkpointRoot,
      savepointRoot: this.#savepointRoot,
      startMs: this.#startMs,
      lookMs: [0, 0, 0.05, 0.5, 2][this.#random.below(5)],
      parallelism,
      maxParallelism: MAX_PARALLELISM,
      batchRecords: isBatched ? 16 : 3,
      cacheBytes: isBatched ? 1 << 22 : 1 << 16,
      checkpointInterval: 20 + this.#random.below(100),
      checkpointTimeout: isCalm ? '1m' : 50 + this.#random.below(2_000),
      tolerableFailedCheckpoints: this.#random.below(4),
      restart: { kind: 'exponential-delay', initial: 50, max: 500 },
      wrapStorage: (storage, environment) => new FaultyStorage({ storage, environment, faults, seed: seed ^ 0xfa17 }),
      build: (env) => this.#job.build(env, sink),
    });
    this.#files = run.files;
    this.#last = run;
    this.note(`started with parallelism ${parallelism}`);
    return run;
  }

  note(text: string): void {
    this.history.push(`instance ${this.#instanceCount - 1}: ${text}`);
  }

  /** Whether the job has run to its end in this instance. Throws when it has failed, unless another one has taken over. */
  async hasEnded(run: VirtualJob): Promise<boolean> {
    const { state, lastFailure } = run.execution.status;
    if (state === 'failed' && !(lastFailure instanceof OwnershipLostError)) await run.execution.result;
    return state === 'finished';
  }

  async end(run: VirtualJob, how: string, end: Promise<JobResult>): Promise<void> {
    try {
      const { state, lastCheckpointId } = await run.environment.run(end);
      this.note(`asked to be ${how}, is ${state} with checkpoint ${lastCheckpointId}`);
    } catch (error) {
      this.note(`not ${how}: ${describeError(error)}`);
      // A zombie that had not claimed the checkpoints yet when this instance did has taken them over.
      if (error instanceof OwnershipLostError) return;
      throw new Error(`instance ${this.#instanceCount - 1} could not be ${how}: ${describeError(error)}`, {
        cause: error,
      });
    }
  }

  /** Stops the job with a savepoint; what starts next starts from it, in a folder of its own. */
  async moveBySavepoint(run: VirtualJob): Promise<void> {
    const savepointRoot = `/savepoints/${this.#instanceCount}`;
    const stop = run.execution.stop({ savepoint: new DirectoryStorage(run.environment, savepointRoot) });
    try {
      const { state, lastCheckpointId } = await run.environment.run(stop);
      this.note(`${state} with savepoint ${lastCheckpointId}`);
      this.#checkpointRoot = `/checkpoints-${this.#instanceCount}`;
      this.#savepointRoot = savepointRoot;
    } catch (error) {
      this.note(`not stopped with a savepoint: ${describeError(error)}`);
    }
  }

  async result(): Promise<SimulationResult> {
    const hash = createHash('sha256');
    for (const { path } of await this.#files!.list('')) {
      hash.update(path).update(await this.#files!.read(path));
    }
    hash.update(this.#ledger.dump());
    this.note(`ended; log: ${this.#last!.log.join('; ')}`);
    return {
      rows: Object.fromEntries(this.#job.sinkUids.map((uid) => [uid, this.#ledger.rows(uid).sort()])),
      fingerprint: hash.digest('hex'),
      history: this.history,
      violations: this.#ledger.violations,
      log: this.#last!.log,
    };
  }
}
