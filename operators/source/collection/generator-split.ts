import type { SourceSplit } from '../../../engine/task/source.ts';

/** A part of a generator: which one, and the index of the next record. */
export interface GeneratorSplit extends SourceSplit {
  readonly splitIndex: number;
  readonly position: number;
}

export function splitOf(splitIndex: number, position: number): GeneratorSplit {
  return { splitId: String(splitIndex), splitIndex, position };
}
