import { TidemarkError } from '../../../engine/base/errors.ts';
import type { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import { INSERT, type RowKind } from '../../../engine/task/row-kind.ts';
import type { Committer, Sink, SinkWriter } from '../../../engine/task/sink.ts';
import type { Json } from '../../../engine/task/source.ts';
import type { ObjectStorage } from '../../../state/storage/object-storage.ts';
import { type FaultPlan, FaultyStorage, SimulatedCrash } from './faulty-storage.ts';
import { testCreateSinkContext } from './sink-context.ts';

export interface SimulatedRow<T> {
  readonly value: T;
  readonly kind?: RowKind;
  /** Rows of one key go to one writer. Default: the row's index. */
  readonly key?: number;
}

export interface AttemptScript {
  readonly parallelism: number;
  readonly faults: FaultPlan;
  /**
   * Writers hear of a completed checkpoint only after the next barrier: then they hand over its committables again.
   * Default false.
   */
  readonly isNotifiedLate?: boolean | undefined;
  /** Rows written before each checkpoint; the attempt is killed after the last. */
  readonly epochs: readonly number[];
}

interface PendingCommit {
  readonly checkpointId: number;
  readonly committables: readonly Json[];
}

/**
 * The smallest engine around a sink, with a durable memory that survives its attempts: completed checkpoints are atomic,
 * everything else can fail at any operation. Commits are repeated until they succeed, and again after every crash.
 */
export class SinkSimulation<T> {
  readonly #environment: VirtualEnvironment;
  readonly #rows: readonly SimulatedRow<T>[];
  readonly #createSink: (plan: FaultPlan) => Sink<T>;
  readonly #checkpointStorage: ObjectStorage;
  /** The newest complete checkpoint. */
  #durable: { position: number; writerStates: readonly Json[]; pending: readonly PendingCommit[] } = {
    position: 0,
    writerStates: [],
    pending: [],
  };
  /** Every commit there ever was. */
  readonly history: PendingCommit[] = [];
  /** Ids of checkpoints that were not completed are used again by the next attempt. */
  #checkpointId = 0;
  #attempt = 0;

  constructor(options: {
    readonly environment: VirtualEnvironment;
    readonly rows: readonly SimulatedRow<T>[];
    readonly createSink: (plan: FaultPlan) => Sink<T>;
    readonly checkpointStorage: ObjectStorage;
  }) {
    this.#environment = options.environment;
    this.#rows = options.rows;
    this.#createSink = options.createSink;
    this.#checkpointStorage = options.checkpointStorage;
  }

  /** Rows that completed checkpoints cover. */
  get position(): number {
    return this.#durable.position;
  }

  /** Runs until the script ends or a fault kills the attempt. */
  async attempt(script: AttemptScript): Promise<'killed' | 'done'> {
    try {
      await this.#run(script, false);
      return 'done';
    } catch (error) {
      if (error instanceof SimulatedCrash) return 'killed';
      throw error;
    }
  }

  /** Runs to the end of the rows without faults. */
  async finish(plan: FaultPlan, parallelism: number): Promise<void> {
    await this.#run({ parallelism, faults: plan, epochs: [Infinity] }, true);
  }

  /** Commits everything once more, as an engine does that knows too little. */
  async commitAgain(plan: FaultPlan): Promise<void> {
    const committer = await this.#createCommitter(plan, 1);
    for (const { checkpointId, committables } of this.history) await committer.commit(checkpointId, committables);
    await committer.close();
  }

  async #run({ parallelism, faults, epochs, isNotifiedLate = false }: AttemptScript, isFinal: boolean): Promise<void> {
    this.#attempt++;
    this.#checkpointId = this.history.at(-1)?.checkpointId ?? 0;
    const sink = this.#createSink(faults);
    const writers: SinkWriter<T>[] = [];
    const states = this.#durable.writerStates;
    for (let subtaskIndex = 0; subtaskIndex < parallelism; subtaskIndex++) {
      const writer = await sink.createWriter(this.#context(faults, subtaskIndex, parallelism));
      const restored = states.filter((_, index) => index % parallelism === subtaskIndex);
      if (restored.length > 0) writer.restoreState?.(restored);
      writers.push(writer);
    }
    const committer = await this.#createCommitter(faults, parallelism);
    await this.#commit(committer);
    let position = this.#durable.position;
    /** Prepared by checkpoints that then failed in another writer. */
    let carried: readonly Json[] = [];
    for (const count of epochs) {
      for (const end = Math.min(this.#rows.length, position + count); position < end; position++) {
        const { value, kind = INSERT, key = position } = this.#rows[position]!;
        writers[key % parallelism]!.write(value, position, kind);
        const blocked = writers[key % parallelism]!.blockedUntil?.();
        if (blocked !== undefined) await blocked;
      }
      const isLast = isFinal && count === Infinity;
      if (isLast) for (const writer of writers) await writer.flush?.();
      for (let tries = 0; ; tries++) {
        const isComplete = await this.#checkpoint(writers, position, carried).then(
          (prepared) => ((carried = isNotifiedLate ? prepared : []), true),
          (prepared: unknown) => {
            if (!Array.isArray(prepared)) throw prepared;
            carried = prepared as readonly Json[];
            return false;
          },
        );
        if (isComplete) await this.#commit(committer);
        if (isComplete || !isLast) break;
        for (const writer of writers) await writer.flush?.();
        if (tries > 20) throw new Error('a final checkpoint fails again and again');
      }
    }
    for (const writer of writers) await writer.close();
    await committer.close();
  }

  /** Rejects with what was prepared when the checkpoint fails. */
  async #checkpoint(
    writers: readonly SinkWriter<T>[],
    position: number,
    carried: readonly Json[],
  ): Promise<readonly Json[]> {
    const checkpointId = ++this.#checkpointId;
    const cuts = writers.map((writer) => {
      const committables = writer.prepareCommit(checkpointId);
      return { committables, states: writer.snapshotState?.(checkpointId) ?? [] };
    });
    const results = await Promise.allSettled(cuts.map((cut) => cut.committables));
    const prepared: Json[] = [...carried];
    let failure: unknown;
    for (const result of results) {
      if (result.status === 'fulfilled') prepared.push(...result.value);
      else if (result.reason instanceof SimulatedCrash || !isRetryable(result.reason)) throw result.reason;
      else failure = result.reason;
    }
    // oxlint-disable-next-line typescript/only-throw-error -- what was prepared must not be lost, as in an engine
    if (failure !== undefined) throw prepared;
    const commit = JSON.parse(JSON.stringify({ checkpointId, committables: prepared })) as PendingCommit;
    this.#durable = {
      position,
      writerStates: JSON.parse(JSON.stringify(cuts.flatMap((cut) => [...cut.states]))) as Json[],
      pending: [...this.#durable.pending, commit],
    };
    this.history.push(commit);
    // Only its own: those carried are known to be complete by now.
    return prepared.slice(carried.length);
  }

  async #commit(committer: Committer): Promise<void> {
    for (const commit of this.#durable.pending) {
      for (let tries = 0; ; tries++) {
        try {
          if (commit.committables.length > 0) await committer.commit(commit.checkpointId, commit.committables);
          break;
        } catch (error) {
          if (error instanceof SimulatedCrash || !isRetryable(error) || tries > 20) throw error;
        }
      }
      this.#durable = { ...this.#durable, pending: this.#durable.pending.filter((other) => other !== commit) };
    }
  }

  async #createCommitter(plan: FaultPlan, parallelism: number): Promise<Committer> {
    return this.#createSink(plan).createCommitter!(this.#context(plan, 0, parallelism));
  }

  #context(plan: FaultPlan, subtaskIndex: number, parallelism: number) {
    return testCreateSinkContext({
      environment: this.#environment,
      subtaskIndex,
      parallelism,
      attempt: this.#attempt,
      storage: new FaultyStorage(this.#checkpointStorage, plan),
    });
  }
}

function isRetryable(error: unknown): boolean {
  return error instanceof TidemarkError && error.retryable;
}
