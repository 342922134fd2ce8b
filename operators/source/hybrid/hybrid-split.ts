import type { Json, SourceSplit } from '../../../engine/task/source.ts';

/** A split of one of the sources. */
export interface HybridSplit extends SourceSplit {
  /** Index of the source. */
  readonly stage: number;
  readonly split: SourceSplit;
}

/** What the enumerator tells readers. */
export type StageEvent =
  /** From here on splits are of this source. `previousEnd` is what it is made from. */
  | { readonly do: 'begin'; readonly stage: number; readonly previousEnd: Json }
  /** The source has no more splits for the reader. */
  | { readonly do: 'no-more'; readonly stage: number }
  /** Of a source that speaks with its readers itself. */
  | { readonly do: 'inner'; readonly stage: number; readonly event: Json };

/** What readers tell the enumerator. */
export type ReaderEvent =
  | { readonly do: 'ended'; readonly stage: number }
  | { readonly do: 'inner'; readonly stage: number; readonly event: Json };

/** The name of a split among those of all sources. */
export function hybridSplitOf(stage: number, split: SourceSplit): HybridSplit {
  return { splitId: hybridSplitId(stage, split.splitId), stage, split };
}

export function hybridSplitId(stage: number, splitId: string): string {
  return `${stage}:${splitId}`;
}
