import { UserError } from '../../../engine/base/errors.ts';
import type {
  EnumeratorContext,
  Json,
  ReaderContext,
  Source,
  SourceReader,
  SplitEnumerator,
} from '../../../engine/task/source.ts';
import { FixedSplitEnumerator } from '../base/fixed-split-enumerator.ts';
import { GeneratorReader } from './generator-reader.ts';
import { type GeneratorSplit, splitOf } from './generator-split.ts';

export interface GeneratorSourceOptions<T> {
  /** For messages and metrics. Default `generator`. */
  readonly name?: string | undefined;
  /** Number of splits, read side by side. Default 1. */
  readonly splitCount?: number | undefined;
  /** Records of each split, or of split `splitIndex`. `'unbounded'`: never ends. */
  readonly countPerSplit: number | ((splitIndex: number) => number) | 'unbounded';
  /**
   * Record `index` (from 0) of a split. A pure function of both: after a failure it is called again from the last
   * checkpoint's position and must give the same records.
   */
  readonly recordAt: (splitIndex: number, index: number) => T;
  /** Time of a record, milliseconds. Default: records come without one, and the watermark strategy's assigner gives it. */
  readonly timestampOf?: ((value: T) => number) | undefined;
  /** Limit for all splits together, kept by the environment's clock. Default: as fast as they are taken. */
  readonly recordsPerSecond?: number | undefined;
  /**
   * When a record is due, milliseconds after the start of the source; never lower than for the record before. For replays
   * of a log at its own pace; instead of `recordsPerSecond`. A split restored in its middle goes on from where it was.
   */
  readonly dueMs?: ((splitIndex: number, index: number) => number) | undefined;
}

/** Makes records from a function: simulators, load tests. Deterministic, and can go on from any position. */
export function generatorSource<T>(options: GeneratorSourceOptions<T>): Source<T, GeneratorSplit> {
  return new GeneratorSource(options);
}

class GeneratorSource<T> implements Source<T, GeneratorSplit> {
  readonly description: string;
  readonly boundedness: 'bounded' | 'unbounded';
  readonly #options: GeneratorSourceOptions<T>;
  readonly #splitCount: number;

  constructor(options: GeneratorSourceOptions<T>) {
    const { splitCount = 1, countPerSplit, recordsPerSecond } = options;
    expectWholeNumber('splitCount', splitCount, 1);
    if (typeof countPerSplit !== 'number' && typeof countPerSplit !== 'function' && countPerSplit !== 'unbounded') {
      throw new UserError(
        'CONFIGURATION',
        `generatorSource: expected countPerSplit to be a number, a function or 'unbounded', found ${String(countPerSplit)}`,
      );
    }
    if (typeof countPerSplit === 'number') expectWholeNumber('countPerSplit', countPerSplit, 0);
    if (recordsPerSecond !== undefined && !(recordsPerSecond > 0)) {
      throw new UserError('CONFIGURATION', `expected recordsPerSecond above 0, found ${recordsPerSecond}`);
    }
    if (recordsPerSecond !== undefined && options.dueMs !== undefined) {
      throw new UserError('CONFIGURATION', 'expected either recordsPerSecond or dueMs, found both');
    }
    this.description = options.name ?? 'generator';
    this.boundedness = countPerSplit === 'unbounded' ? 'unbounded' : 'bounded';
    this.#options = options;
    this.#splitCount = splitCount;
  }

  createEnumerator(
    context: EnumeratorContext<GeneratorSplit>,
    restored: Json | undefined,
  ): SplitEnumerator<GeneratorSplit> {
    return new FixedSplitEnumerator<GeneratorSplit>({
      context,
      restored,
      splits: () => Array.from({ length: this.#splitCount }, (_, index) => splitOf(index, 0)),
      splitIndexOf: (split) => split.splitIndex,
      isBounded: this.boundedness === 'bounded',
    });
  }

  createReader(context: ReaderContext): SourceReader<T, GeneratorSplit> {
    const { countPerSplit, recordAt, timestampOf, recordsPerSecond, dueMs } = this.#options;
    return new GeneratorReader<T>({
      context,
      description: this.description,
      countOf: (splitIndex) =>
        countPerSplit === 'unbounded'
          ? Infinity
          : typeof countPerSplit === 'number'
            ? countPerSplit
            : countPerSplit(splitIndex),
      recordAt,
      timestampOf,
      splitRecordsPerSecond: recordsPerSecond === undefined ? undefined : recordsPerSecond / this.#splitCount,
      dueMs,
    });
  }
}

function expectWholeNumber(name: string, value: number, min: number): void {
  if (!Number.isSafeInteger(value) || value < min) {
    throw new UserError('CONFIGURATION', `expected ${name} to be a whole number of at least ${min}, found ${value}`);
  }
}
