import type { Environment } from '../../../engine/base/environment.ts';
import type { RawRecord } from '../../attribution/raw-record.ts';
import type { SourceName } from '../../attribution/schemas.ts';
import { type Simulator, STREAMS } from '../simulator.ts';
import type { SimulatorTarget } from './simulator-target.ts';

export interface RunSimulatorOptions {
  readonly simulator: Simulator;
  readonly target: SimulatorTarget;
  readonly environment: Environment;
  /** Default: all three. */
  readonly streams?: readonly SourceName[] | undefined;
  /** How much of the world, from its start. Default: until `signal`. */
  readonly durationMs?: number | undefined;
  /** Seconds of the world per second of the clock. Default: as fast as possible. */
  readonly speed?: number | undefined;
  /** Ends the run; what was written stays. */
  readonly signal?: AbortSignal | undefined;
  /** Called after every slice of the world. */
  readonly onProgress?: ((progress: SimulatorProgress) => void) | undefined;
}

export interface SimulatorProgress {
  readonly recordCount: number;
  /** How far the world is. */
  readonly worldMs: number;
}

/** The world is written in slices of this length, so that the streams stay side by side. */
const SLICE_MS = 250;
/** Records handed to the target at once. */
const BATCH_RECORDS = 1_000;

/** Writes the logs of a simulated world to a target, at a pace or as fast as the target takes them. */
export async function runSimulator(options: RunSimulatorOptions): Promise<SimulatorProgress> {
  const {
    simulator,
    target,
    environment,
    streams = STREAMS,
    durationMs = Infinity,
    speed,
    signal,
    onProgress,
  } = options;
  const { partitions, startMs } = simulator.options;
  await target.open(streams, partitions);
  const writers = streams.flatMap((stream) =>
    Array.from({ length: partitions }, (_, partition) => new PartitionWriter(simulator, target, stream, partition)),
  );
  const startedAtMs = environment.clock.monotonicMs();
  let worldMs = 0;
  let recordCount = 0;
  while (worldMs < durationMs && signal?.aborted !== true) {
    worldMs = Math.min(durationMs, worldMs + SLICE_MS);
    if (speed !== undefined) {
      const dueMs = startedAtMs + worldMs / speed - environment.clock.monotonicMs();
      if (dueMs > 0) await environment.scheduler.delay(dueMs);
    }
    const untilMs = startMs + worldMs;
    const counts = await Promise.all(writers.map((writer) => writer.writeUntil(untilMs)));
    for (const count of counts) recordCount += count;
    onProgress?.({ recordCount, worldMs });
    await environment.scheduler.yield();
  }
  await target.close();
  return { recordCount, worldMs };
}

class PartitionWriter {
  readonly #simulator: Simulator;
  readonly #target: SimulatorTarget;
  readonly #stream: SourceName;
  readonly #partition: number;
  #offset = 0;

  constructor(simulator: Simulator, target: SimulatorTarget, stream: SourceName, partition: number) {
    this.#simulator = simulator;
    this.#target = target;
    this.#stream = stream;
    this.#partition = partition;
  }

  /** Writes the records logged before `untilMs`; returns how many. */
  async writeUntil(untilMs: number): Promise<number> {
    const log = this.#simulator.log(this.#stream, this.#partition);
    const from = this.#offset;
    for (;;) {
      const records: RawRecord[] = [];
      while (records.length < BATCH_RECORDS && log.receivedAtMs(this.#offset) < untilMs) {
        records.push(log.recordAt(this.#offset++));
      }
      if (records.length === 0) return this.#offset - from;
      await this.#target.write(this.#stream, this.#partition, records);
    }
  }
}
