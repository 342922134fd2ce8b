import type { CheckpointManifest } from '../../../engine/checkpoint/manifest.ts';

/** A manifest of job `clicks` that holds nothing. */
export function manifestOf(checkpointId: number, attempt: number): CheckpointManifest {
  return {
    format: 1,
    kind: 'checkpoint',
    jobName: 'clicks',
    shard: '0',
    checkpointId,
    attempt,
    triggeredAtMs: 0,
    completedAtMs: 0,
    isFinal: false,
    operators: {},
    pendingCommits: [],
  };
}
