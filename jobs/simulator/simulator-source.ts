import type { Source } from '../../engine/task/source.ts';
import { generatorSource } from '../../operators/source/collection/generator-source.ts';
import type { GeneratorSplit } from '../../operators/source/collection/generator-split.ts';
import type { RawRecord } from '../attribution/raw-record.ts';
import type { SourceName } from '../attribution/schemas.ts';
import type { Simulator } from './simulator.ts';

export interface SimulatorSourceOptions {
  /** Records logged in this first part of the world only; then the source ends. Default: it never ends. */
  readonly durationMs?: number | undefined;
  /** Seconds of the world per second of the clock. Default: as fast as records are taken. */
  readonly speed?: number | undefined;
}

/** A stream of the simulated world, in process: a split per partition. Records carry the time at which they were logged. */
export function simulatorSource(
  simulator: Simulator,
  stream: SourceName,
  options: SimulatorSourceOptions = {},
): Source<RawRecord, GeneratorSplit> {
  const { durationMs, speed } = options;
  const { startMs, partitions } = simulator.options;
  const logs = Array.from({ length: partitions }, (_, partition) => simulator.log(stream, partition));
  return generatorSource<RawRecord>({
    name: `simulator ${stream}`,
    splitCount: partitions,
    countPerSplit:
      durationMs === undefined ? 'unbounded' : (partition) => simulator.countWithin(stream, partition, durationMs),
    recordAt: (partition, offset) => logs[partition]!.recordAt(offset),
    timestampOf: (record) => record.receivedAtMs,
    dueMs:
      speed === undefined
        ? undefined
        : (partition, offset) => (logs[partition]!.receivedAtMs(offset) - startMs) / speed,
  });
}
