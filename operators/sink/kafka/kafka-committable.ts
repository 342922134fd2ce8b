import { hash } from 'node:crypto';
import type { Json } from '../../../engine/task/source.ts';

/** What one writer prepared for a checkpoint: names staged files. Goes into the manifest. */
export interface KafkaCommittable {
  readonly [field: string]: Json;
  readonly format: 1;
  /** Unique among all attempts: tells this epoch from a later one with the same checkpoint id. */
  readonly stageId: string;
  /** In the order in which they are to be sent. */
  readonly files: readonly StagedFile[];
}

export interface StagedFile {
  readonly [field: string]: Json;
  /** Key in checkpoint storage. */
  readonly key: string;
  readonly bytes: number;
  readonly recordCount: number;
}

/** Identity of a checkpoint's results: 16 hex digits from what all writers prepared. */
export function commitIdOf(committables: readonly KafkaCommittable[]): string {
  const stageIds = committables.map(({ stageId }) => stageId).sort();
  return hash('sha256', stageIds.join(' ')).slice(0, 16);
}
