import { ExternalError } from '../../engine/base/errors.ts';
import type { Random } from '../../engine/base/random.ts';
import { type RowKind, rowKindName } from '../../engine/task/row-kind.ts';
import type { Committer, Sink, SinkContext, SinkWriter } from '../../engine/task/sink.ts';
import type { Json } from '../../engine/task/source.ts';

/** Rates are per call, 0 to 1. */
export interface SinkFaults {
  readonly latencyMsMax: number;
  /** After so many batches the writer takes nothing for a while. */
  readonly blockedRate: number;
  /** A commit is not done and fails. */
  readonly commitErrorRate: number;
  /** A commit is done, but fails. */
  readonly lostAnswerRate: number;
  /** What was written cannot be prepared for the checkpoint. */
  readonly prepareErrorRate: number;
}

export const NO_SINK_FAULTS: SinkFaults = {
  latencyMsMax: 0,
  blockedRate: 0,
  commitErrorRate: 0,
  lostAnswerRate: 0,
  prepareErrorRate: 0,
};

/**
 * The outside world of a simulation: a warehouse with a ledger of what it has loaded. It outlives every crash, and holds
 * the engine to its word: a repeated commit must bring the same rows, and those of a sink must come in order.
 */
export class Ledger {
  readonly #loads = new Map<string, Map<number, string>>();
  readonly violations: string[] = [];

  /** Loads the rows of a checkpoint once. */
  load(sinkUid: string, checkpointId: number, committables: readonly Json[]): void {
    const loads = this.#loads.get(sinkUid) ?? new Map<number, string>();
    this.#loads.set(sinkUid, loads);
    const text = JSON.stringify(committables);
    const before = loads.get(checkpointId);
    if (before !== undefined) {
      if (before !== text)
        this.violations.push(`checkpoint ${checkpointId} of '${sinkUid}' was committed again with other rows`);
      return;
    }
    const lastId = Math.max(0, ...loads.keys());
    if (checkpointId < lastId)
      this.violations.push(`checkpoint ${checkpointId} of '${sinkUid}' was committed after ${lastId}`);
    loads.set(checkpointId, text);
  }

  /** Everything loaded into a sink, in order. */
  rows(sinkUid: string): string[] {
    return [...(this.#loads.get(sinkUid)?.values() ?? [])].flatMap((text) => (JSON.parse(text) as string[][]).flat());
  }

  /** All loads, byte for byte. */
  dump(): string {
    return JSON.stringify([...this.#loads].map(([uid, loads]) => [uid, [...loads]]));
  }
}

/** Loads rows into a ledger, exactly once. Slow and failing as told; deterministic in the environment's seed. */
export class LedgerSink implements Sink<unknown> {
  readonly description = 'ledger';
  readonly #ledger: Ledger;
  readonly #faults: SinkFaults;

  constructor(ledger: Ledger, faults: SinkFaults = NO_SINK_FAULTS) {
    this.#ledger = ledger;
    this.#faults = faults;
  }

  createWriter(context: SinkContext): SinkWriter<unknown> {
    return new LedgerWriter(context, this.#faults);
  }

  createCommitter(context: SinkContext): Committer {
    const { environment, sinkUid } = context;
    const { random } = environment;
    const { latencyMsMax, commitErrorRate, lostAnswerRate } = this.#faults;
    return {
      commit: async (checkpointId, committables) => {
        await environment.scheduler.delay(below(random, latencyMsMax + 1));
        if (random.next() < commitErrorRate) throw new ExternalError('WAREHOUSE', 'simulated: the load was refused');
        this.#ledger.load(sinkUid, checkpointId, committables);
        await environment.scheduler.delay(below(random, latencyMsMax + 1));
        if (random.next() < lostAnswerRate)
          throw new ExternalError('WAREHOUSE', 'simulated: the load is done, its answer lost');
      },
      close: () => Promise.resolve(),
    };
  }
}

class LedgerWriter implements SinkWriter<unknown> {
  readonly #context: SinkContext;
  readonly #faults: SinkFaults;
  #rows: string[] = [];
  #blocked: Promise<void> | undefined;
  #mayBlock = false;

  constructor(context: SinkContext, faults: SinkFaults) {
    this.#context = context;
    this.#faults = faults;
  }

  write(value: unknown, _timestampMs: number, kind: RowKind): void {
    this.#rows.push(kind === 0 ? JSON.stringify(value) : `${rowKindName(kind)} ${JSON.stringify(value)}`);
    this.#mayBlock = true;
  }

  blockedUntil(): Promise<void> | undefined {
    const { environment } = this.#context;
    if (this.#blocked === undefined && this.#mayBlock) {
      this.#mayBlock = false;
      if (environment.random.next() < this.#faults.blockedRate) {
        const durationMs = 1 + below(environment.random, 20 * (this.#faults.latencyMsMax + 1));
        this.#blocked = environment.scheduler.delay(durationMs).then(() => void (this.#blocked = undefined));
      }
    }
    return this.#blocked;
  }

  async prepareCommit(): Promise<readonly Json[]> {
    const rows = this.#rows;
    this.#rows = [];
    const { environment } = this.#context;
    const { latencyMsMax, prepareErrorRate } = this.#faults;
    const isFailing = environment.random.next() < prepareErrorRate;
    await environment.scheduler.delay(below(environment.random, latencyMsMax + 1));
    if (isFailing) throw new ExternalError('STORAGE', 'simulated: the rows could not be staged');
    return rows.length === 0 ? [] : [rows];
  }

  async close(): Promise<void> {}
}

function below(random: Random, bound: number): number {
  return Math.floor(random.next() * bound);
}
