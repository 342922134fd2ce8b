import { CommitQueue } from '../checkpoint/commit-queue.ts';
import type { CheckpointManifest } from '../checkpoint/manifest.ts';
import type { Committer } from '../task/sink.ts';
import { uidOf } from '../graph/node-uid.ts';
import { createSinkContext } from './attempt.ts';
import type { AttemptOptions } from './running-attempt.ts';

type CommitterOptions = Pick<
  AttemptOptions,
  'environment' | 'jobName' | 'attempt' | 'checkpointStore' | 'metrics' | 'graph'
>;

/** Makes the committers of all sinks that have one, into `committers` by sink uid. */
export async function createCommitters(options: CommitterOptions, committers: Map<string, Committer>): Promise<void> {
  const { environment, jobName, attempt, checkpointStore, metrics } = options;
  const context = {
    environment,
    jobName,
    attempt,
    storage: checkpointStore.storage,
    storagePrefix: checkpointStore.prefix,
  };
  for (const vertex of options.graph.vertices) {
    for (const node of vertex.nodes) {
      if (node.kind !== 'sink' || node.sink.createCommitter === undefined) continue;
      const sinkContext = createSinkContext(context, node, metrics.child({ committer: node.name }), 0, 1);
      committers.set(uidOf(node), await node.sink.createCommitter(sinkContext));
    }
  }
}

/** Commits what a checkpoint has left to commit, without running anything. For a job that had ended. */
export async function commitPending(options: CommitterOptions, manifest: CheckpointManifest): Promise<void> {
  const { environment } = options;
  const committers = new Map<string, Committer>();
  const failure = Promise.withResolvers<never>();
  const queue = new CommitQueue({ environment, logger: environment.logger, committers, onFatal: failure.reject });
  try {
    await createCommitters(options, committers);
    queue.add(manifest.pendingCommits);
    await Promise.race([queue.drained(), failure.promise]);
  } finally {
    queue.stop();
    for (const committer of committers.values()) await committer.close();
  }
}
