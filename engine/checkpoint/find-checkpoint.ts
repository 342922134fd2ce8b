import type { Environment } from '../base/environment.ts';
import { UserError } from '../base/errors.ts';
import { openStorage } from '../../state/storage/storage-url.ts';
import { CheckpointStore, parseManifest } from './checkpoint-store.ts';
import type { FoundCheckpoint } from './manifest.ts';
import { hasSavepoint, locateSavepoint } from './savepoint.ts';

export interface FindOptions {
  /**
   * A savepoint folder, a checkpoint folder, or the manifest of a checkpoint in one
   * (`<checkpoints>/<job>/<shard>/chk-7-1.json`). Undefined: the newest checkpoint in `checkpoints`.
   */
  readonly from: string | undefined;
  readonly checkpoints: string;
  /** Whose newest checkpoint is looked for in a checkpoint folder. Undefined: none is. */
  readonly jobName: string | undefined;
  /** Default `0`. */
  readonly shard?: string | undefined;
}

/**
 * Finds a checkpoint or savepoint by its address, without taking anything over.
 *
 * @returns undefined when no address was given and the job has no checkpoint.
 * @throws UserError NOT_FOUND when nothing is at the address given, CHECKPOINT_CORRUPT when it is damaged.
 */
export async function findCheckpoint(
  environment: Environment,
  options: FindOptions,
): Promise<FoundCheckpoint | undefined> {
  const { from, checkpoints } = options;
  if (from === undefined) return await findNewest(environment, checkpoints, options);
  if (from.endsWith('/savepoint.json')) {
    return await locateSavepoint(await openStorage(environment, from.slice(0, -'/savepoint.json'.length)));
  }
  if (from.endsWith('.json')) return await findManifest(environment, from);
  const storage = await openStorage(environment, from);
  if (await hasSavepoint(storage)) return await locateSavepoint(storage);
  const newest = await findNewest(environment, from, options);
  if (newest !== undefined) return newest;
  const andCheckpoint = options.jobName === undefined ? '' : `, and no checkpoint of job '${options.jobName}',`;
  throw new UserError('NOT_FOUND', `there is no savepoint${andCheckpoint} in ${storage.description}`, {
    hint: 'Give the folder of a savepoint (it holds savepoint.json), a checkpoint folder, or a checkpoint’s manifest.',
  });
}

async function findNewest(
  environment: Environment,
  checkpoints: string,
  { jobName, shard = '0' }: FindOptions,
): Promise<FoundCheckpoint | undefined> {
  if (jobName === undefined) return undefined;
  const storage = await openStorage(environment, checkpoints);
  const store = new CheckpointStore({ storage, jobName, shard, retainedMax: 1, newId: () => '' });
  return await asUserError(store.readNewest());
}

/** The names in a manifest start at the checkpoint folder, three levels above it. */
async function findManifest(environment: Environment, url: string): Promise<FoundCheckpoint> {
  const parts = url.split('/');
  const key = parts.slice(-3).join('/');
  const root = parts.slice(0, -3).join('/');
  const storage = await openStorage(environment, root === '' && parts.length <= 3 ? '.' : root || '/');
  const stored = parts.length < 3 ? undefined : await storage.get(key);
  if (stored === undefined) {
    throw new UserError('NOT_FOUND', `there is no checkpoint manifest ${url}`, {
      hint: 'A checkpoint is <checkpoints>/<job>/<shard>/chk-<id>-<attempt>.json.',
    });
  }
  const manifest = await asUserError(Promise.resolve().then(() => parseManifest(stored.bytes, url)));
  return { manifest, storage, where: url };
}

/** Nothing falls back to an older checkpoint here: who looks at one wants to know that it is damaged. */
async function asUserError<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    throw error instanceof Error && 'code' in error && error.code === 'CHECKPOINT_CORRUPT'
      ? new UserError('CHECKPOINT_CORRUPT', error.message, { cause: error })
      : error;
  }
}
