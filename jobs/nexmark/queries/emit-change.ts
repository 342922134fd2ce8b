import { INSERT, UPDATE_AFTER, UPDATE_BEFORE } from '../../../engine/task/row-kind.ts';
import type { Collector } from '../../../operators/process/collector.ts';
import type { EmitMode } from './query.ts';

/** Emits that the row of a key is `after`, where it was `before` or, undefined, there was none. */
export function emitChange<R>(out: Collector<R>, emit: EmitMode, before: R | undefined, after: R): void {
  if (before !== undefined && emit === 'changelog') out.collect(before, UPDATE_BEFORE);
  out.collect(after, before === undefined ? INSERT : UPDATE_AFTER);
}
