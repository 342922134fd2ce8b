import type { SourceName } from '../../attribution/schemas.ts';
import type { LogEntry } from '../log/log-model.ts';
import { type Simulator, STREAMS } from '../simulator.ts';

/** A record of a range with its place. */
export interface PlacedEntry extends LogEntry {
  readonly source: SourceName;
  readonly partition: number;
  readonly offset: number;
}

/** How many records of each partition a run has read, from the first one on. */
export interface LogRange {
  count(source: SourceName, partition: number): number;
}

/** All records logged in the first `durationMs` of the world. */
export function rangeWithin(simulator: Simulator, durationMs: number): LogRange {
  return { count: (source, partition) => simulator.countWithin(source, partition, durationMs) };
}

/** The entries of a range, partition by partition, in log order. */
export function* entriesOf(simulator: Simulator, range: LogRange): Generator<PlacedEntry> {
  for (const source of STREAMS) {
    for (let partition = 0; partition < simulator.options.partitions; partition++) {
      const log = simulator.log(source, partition);
      const count = range.count(source, partition);
      for (let offset = 0; offset < count; offset++) yield { ...log.entryAt(offset), source, partition, offset };
    }
  }
}
