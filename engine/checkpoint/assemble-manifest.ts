import type { Json } from '../task/source.ts';
import type { CheckpointManifest, OperatorSnapshot, PendingCommit, SubtaskSnapshot } from './manifest.ts';

/** What one task reports for a checkpoint: a part of each of its operators' snapshots, and what its sinks prepared. */
export interface TaskAcknowledgement {
  readonly operators: readonly (Omit<OperatorSnapshot, 'subtasks' | 'enumerator'> & {
    readonly subtask: SubtaskSnapshot;
  })[];
  readonly commits: readonly { readonly sinkUid: string; readonly committables: readonly Json[] }[];
}

export interface ManifestParts extends Pick<
  CheckpointManifest,
  'jobName' | 'shard' | 'attempt' | 'checkpointId' | 'triggeredAtMs' | 'completedAtMs' | 'isFinal'
> {
  readonly acknowledgements: readonly TaskAcknowledgement[];
  /** State of the split enumerators, by source uid. */
  readonly enumerators: Readonly<Record<string, Json>>;
  /** Of earlier checkpoints, not committed yet. */
  readonly pendingCommits: readonly PendingCommit[];
}

/** The manifest of a checkpoint that every task has acknowledged. Pure. */
export function assembleManifest(parts: ManifestParts): CheckpointManifest {
  const { acknowledgements, enumerators, pendingCommits: earlier, checkpointId, ...rest } = parts;
  const operators: Record<string, OperatorSnapshot> = {};
  const committablesBySink = new Map<string, Json[]>();
  for (const acknowledgement of acknowledgements) {
    for (const { subtask, ...operator } of acknowledgement.operators) {
      const existing = operators[operator.uid];
      const subtasks = [...(existing?.subtasks ?? []), subtask].sort((a, b) => a.subtaskIndex - b.subtaskIndex);
      operators[operator.uid] = { ...operator, subtasks, enumerator: enumerators[operator.uid] };
    }
    for (const { sinkUid, committables } of acknowledgement.commits) {
      const all = committablesBySink.get(sinkUid) ?? [];
      all.push(...committables);
      committablesBySink.set(sinkUid, all);
    }
  }
  const pendingCommits: PendingCommit[] = [...earlier];
  for (const [sinkUid, committables] of committablesBySink)
    if (committables.length > 0) pendingCommits.push({ sinkUid, checkpointId, committables });
  return { format: 1, kind: 'checkpoint', ...rest, checkpointId, operators, pendingCommits };
}
