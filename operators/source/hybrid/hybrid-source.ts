import { UserError } from '../../../engine/base/errors.ts';
import type { Source } from '../../../engine/task/source.ts';
import { HybridEnumerator } from './hybrid-enumerator.ts';
import { HybridReader } from './hybrid-reader.ts';
import type { HybridSplit } from './hybrid-split.ts';
import { type FollowingSource, HybridStages } from './hybrid-stages.ts';

export interface HybridSourceOptions {
  /** For messages and metrics. Default `hybrid`. */
  readonly name?: string | undefined;
}

/**
 * Sources read one after another: history from files, then a topic from where the files end. The next one begins when all
 * subtasks have read the one before to its end; all but the last must be bounded.
 *
 * At the switch the watermark stands where it is: a subtask that is done waits for the others, so that no record of the
 * next source is late. Subtasks that get no split then are idle and hold nobody back.
 *
 *     hybridSource([fileSource({ path: 's3://lake/clicks' }), kafkaSource({ topic: 'clicks', startFrom: { timestampMs } })])
 *
 * @throws UserError CONFIGURATION for less than one source, or one that is unbounded and not the last.
 */
export function hybridSource<T>(
  sources: readonly [Source<T>, ...FollowingSource<T>[]],
  options: HybridSourceOptions = {},
): Source<T, HybridSplit> {
  if (sources.length === 0) throw new UserError('CONFIGURATION', 'a hybrid source needs a source, found none');
  const stages = new HybridStages<T>(sources, options.name ?? 'hybrid');
  for (const [stage, source] of sources.entries()) if (typeof source !== 'function') stages.check(stage, source);
  return {
    description: stages.description,
    boundedness: stages.boundedness,
    createEnumerator: (context, restored) => new HybridEnumerator(stages, context, restored),
    createReader: (context) => new HybridReader<T>(stages, context),
  };
}
