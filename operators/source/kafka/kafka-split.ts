import type { SourceSplit } from '../../../engine/task/source.ts';

/** A partition with the position of its reader. */
export interface KafkaSplit extends SourceSplit {
  /** `topic-partition` */
  readonly splitId: string;
  readonly topic: string;
  readonly partition: number;
  /** Offset of the next record to read. */
  readonly offset: number;
  /** Reading ends before this offset; null: never. */
  readonly stoppingOffset: number | null;
}

export function kafkaSplitId(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}

/**
 * The subtask that reads a partition: Flink's rule. Partitions of one topic go round robin, from a first subtask that
 * depends on the topic, so that many small topics do not all fall to subtask 0.
 */
export function kafkaSplitOwner(topic: string, partition: number, parallelism: number): number {
  const first = (Math.imul(javaHashCode(topic), 31) & 0x7fff_ffff) % parallelism;
  return (first + partition) % parallelism;
}

/** Java's `String.hashCode`. */
function javaHashCode(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}
