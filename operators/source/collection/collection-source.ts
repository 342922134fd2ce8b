import { UserError } from '../../../engine/base/errors.ts';
import type { Source } from '../../../engine/task/source.ts';
import { generatorSource } from './generator-source.ts';
import type { GeneratorSplit } from './generator-split.ts';

export interface CollectionSourceOptions<T> {
  /** For messages and metrics. Default `collection`. */
  readonly name?: string | undefined;
  /** Number of splits. Value `i` goes to split `i % splits`, so the splits run through the collection side by side. Default 1. */
  readonly splits?: number | undefined;
  /** Time of a value, milliseconds. Default: none; the watermark strategy's assigner gives it. */
  readonly timestampOf?: ((value: T) => number) | undefined;
  /** Limit for all splits together, kept by the environment's clock. Default: as fast as they are taken. */
  readonly recordsPerSecond?: number | undefined;
}

/** Values by index, for collections that need not be in memory: `at` is a pure function of the index in [0, count). */
export interface IndexedValues<T> {
  readonly count: number;
  readonly at: (index: number) => T;
}

/** A bounded source of given values: for tests, examples, small tables. */
export function collectionSource<T>(
  values: readonly T[] | IndexedValues<T>,
  options: CollectionSourceOptions<T> = {},
): Source<T, GeneratorSplit> {
  const { name = 'collection', splits = 1, timestampOf, recordsPerSecond } = options;
  if (!Number.isSafeInteger(splits) || splits < 1) {
    throw new UserError('CONFIGURATION', `expected splits to be a whole number of at least 1, found ${splits}`);
  }
  const count = isList(values) ? values.length : values.count;
  const at = isList(values) ? (index: number): T => values[index]! : values.at;
  return generatorSource<T>({
    name,
    splitCount: splits,
    countPerSplit: (splitIndex) => Math.max(0, Math.ceil((count - splitIndex) / splits)),
    recordAt: (splitIndex, index) => at(index * splits + splitIndex),
    timestampOf,
    recordsPerSecond,
  });
}

function isList<T>(values: readonly T[] | IndexedValues<T>): values is readonly T[] {
  return Array.isArray(values);
}
