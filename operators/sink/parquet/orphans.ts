import type { Environment } from '../../../engine/base/environment.ts';
import { type Duration, durationMs } from '../../../engine/time/duration.ts';
import type { ObjectEntry, ObjectStorage } from '../../../state/storage/object-storage.ts';
import { checkpointIdOf, DATA_FILE, manifestPrefix } from './lake-layout.ts';
import { readManifests } from './manifest.ts';

export interface RemoveOrphansOptions {
  readonly environment: Environment;
  /**
   * Files younger than this are left alone: they may belong to a checkpoint that has yet to be committed. Must exceed the
   * longest outage after which the job goes on from its last checkpoint. Default 7 days.
   */
  readonly grace?: Duration | undefined;
  /** Only says what would be removed. Default false. */
  readonly isDryRun?: boolean | undefined;
}

/**
 * Removes data files of a lake that no manifest names: what attempts left behind that died before their checkpoint.
 *
 * @param storage opened at the sink's `path`.
 * @returns the files removed.
 */
export async function removeOrphans(storage: ObjectStorage, options: RemoveOrphansOptions): Promise<ObjectEntry[]> {
  const { environment, grace = '7d', isDryRun = false } = options;
  const youngestMs = environment.clock.nowMs() - durationMs(grace);
  // Files first: one that is committed between the two listings is then seen as committed.
  const files = (await storage.list('')).filter(
    (entry) => DATA_FILE.test(entry.key) && entry.modifiedAtMs < youngestMs,
  );
  if (files.length === 0) return [];
  const committed = new Set<string>();
  for (const { tidemark } of await readManifests(storage)) for (const file of tidemark.files) committed.add(file.path);
  const orphans = files.filter((entry) => !committed.has(entry.key));
  if (!isDryRun && orphans.length > 0) await storage.delete(orphans.map((entry) => entry.key));
  return orphans;
}

/**
 * Takes back what a sink committed after a checkpoint, before the job goes on from that checkpoint or an older savepoint:
 * it would write the same results again. Removes the manifests; `removeOrphans` removes the files later.
 *
 * @returns ids of the checkpoints taken back.
 */
export async function voidManifestsAfter(
  storage: ObjectStorage,
  sinkUid: string,
  checkpointId: number,
): Promise<number[]> {
  const prefix = manifestPrefix(sinkUid);
  const keys = (await storage.list(prefix))
    .map((entry) => entry.key)
    .filter((key) => checkpointIdOf(key) > checkpointId);
  // Newest first: what is left is always a prefix of the history.
  for (const key of keys.toReversed()) await storage.delete([key]);
  return keys.map(checkpointIdOf);
}
