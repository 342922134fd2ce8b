import {
  type DataStream,
  int,
  long,
  record,
  type StreamExecutionEnvironment,
  string,
  WatermarkStrategy,
} from '../../operators/index.ts';
import { generatorSource } from '../../operators/source/collection/generator-source.ts';
import { murmurHash } from '../../state/keyed/key-group.ts';

export const Reading = record('Reading', { source: string(), n: int(), user: string(), atMs: long(), amount: int() });
export interface Reading {
  readonly source: string;
  readonly n: number;
  readonly user: string;
  readonly atMs: number;
  readonly amount: number;
}

const OUT_OF_ORDERNESS_MS = 400;
const START_MS = 1_000_000;

/** Reading n of a split: about one every 20 ms of event time, up to 400 ms out of order. */
function readingAt(source: string, splitIndex: number, n: number): Reading {
  const draw = (salt: number): number => murmurHash(splitIndex * 7919 + n * 31 + salt + source.length * 131);
  return {
    source: `${source}-${splitIndex}`,
    n,
    user: `u${draw(1) % 23}`,
    atMs: START_MS + n * 20 + (draw(2) % OUT_OF_ORDERNESS_MS),
    amount: draw(3) % 100,
  };
}

/** A paced, bounded stream of readings. Splits are of different length, so that some readers end early. */
export function readings(
  env: StreamExecutionEnvironment,
  name: string,
  options: { readonly splitCount: number; readonly count: number; readonly recordsPerSecond: number },
): DataStream<Reading> {
  return env.fromSource(
    generatorSource({
      name,
      splitCount: options.splitCount,
      countPerSplit: (splitIndex) => Math.floor(options.count / (1 + splitIndex)),
      recordAt: (splitIndex, n) => readingAt(name, splitIndex, n),
      recordsPerSecond: options.recordsPerSecond,
    }),
    name,
    WatermarkStrategy.forBoundedOutOfOrderness<Reading>(OUT_OF_ORDERNESS_MS).withTimestamp((reading) => reading.atMs),
  );
}
