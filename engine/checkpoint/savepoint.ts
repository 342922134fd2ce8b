import { UserError } from '../base/errors.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import type { StateFile } from '../../state/snapshot/state-file.ts';
import { keyOfUid } from '../graph/uid.ts';
import { encodeJson, parseManifest } from './checkpoint-store.ts';
import type { CheckpointManifest, FoundCheckpoint } from './manifest.ts';

const MANIFEST_KEY = 'savepoint.json';

/**
 * Copies a full checkpoint into a folder of its own: state files under `state/`, then the manifest, which completes it.
 * Self-contained: it depends on nothing of the job's checkpoints, and can be moved.
 *
 * @param manifest of a full checkpoint whose sink commits are all done.
 * @throws UserError CONFIGURATION when the folder holds a savepoint already.
 */
export async function writeSavepoint(
  manifest: CheckpointManifest,
  from: ObjectStorage,
  to: ObjectStorage,
): Promise<void> {
  await checkSavepointTarget(to);
  const copied = await copyFiles(manifest, from, to, 'state');
  await putSavepointManifest(to, { ...copied, kind: 'savepoint', pendingCommits: [] });
}

/** Completes a savepoint. */
export async function putSavepointManifest(to: ObjectStorage, manifest: CheckpointManifest): Promise<void> {
  await to.put(MANIFEST_KEY, encodeJson(manifest), { ifAbsent: true });
}

/** @throws UserError CONFIGURATION when the folder holds a savepoint already. */
export async function checkSavepointTarget(to: ObjectStorage): Promise<void> {
  if (!(await hasSavepoint(to))) return;
  throw new UserError('CONFIGURATION', `${to.description} already holds a savepoint`, {
    hint: 'Give each savepoint a folder of its own.',
  });
}

export async function hasSavepoint(folder: ObjectStorage): Promise<boolean> {
  return (await folder.get(MANIFEST_KEY)) !== undefined;
}

/** The manifest of a savepoint; undefined when there is none. */
export async function readSavepoint(from: ObjectStorage): Promise<CheckpointManifest | undefined> {
  const stored = await from.get(MANIFEST_KEY);
  return stored === undefined ? undefined : parseSavepoint(stored.bytes, from.url(MANIFEST_KEY));
}

/**
 * A savepoint with the address of its manifest.
 *
 * @throws UserError NOT_FOUND when there is none, CHECKPOINT_CORRUPT when it is damaged.
 */
export async function locateSavepoint(from: ObjectStorage): Promise<FoundCheckpoint> {
  const stored = await from.get(MANIFEST_KEY);
  if (stored === undefined) {
    throw new UserError('NOT_FOUND', `there is no savepoint in ${from.description}`, {
      hint: `A savepoint is a folder with the file ${MANIFEST_KEY}; give its address.`,
    });
  }
  const where = from.url(MANIFEST_KEY);
  return { manifest: parseSavepoint(stored.bytes, where), storage: from, where };
}

/**
 * Brings a savepoint into a job's checkpoint storage, so that its checkpoints can build on it.
 *
 * @param prefix key prefix for the copies.
 * @param check called with the manifest and its address before anything is copied; throws when it does not fit the job.
 * @throws UserError NOT_FOUND when there is no savepoint, CHECKPOINT_CORRUPT when it is damaged.
 */
export async function importSavepoint(
  from: ObjectStorage,
  to: ObjectStorage,
  prefix: string,
  check: (manifest: CheckpointManifest, where: string) => void,
): Promise<CheckpointManifest> {
  const { manifest, where } = await locateSavepoint(from);
  check(manifest, where);
  return await copyFiles(manifest, from, to, prefix);
}

function parseSavepoint(bytes: Uint8Array, where: string): CheckpointManifest {
  try {
    return parseManifest(bytes, where);
  } catch (error) {
    throw new UserError('CHECKPOINT_CORRUPT', `the savepoint ${where} is damaged`, { cause: error });
  }
}

async function copyFiles(
  manifest: CheckpointManifest,
  from: ObjectStorage,
  to: ObjectStorage,
  prefix: string,
): Promise<CheckpointManifest> {
  const operators = { ...manifest.operators };
  for (const [uid, operator] of Object.entries(manifest.operators)) {
    const subtasks = [];
    for (const subtask of operator.subtasks) {
      const keyedFiles: StateFile[] = [];
      for (const file of subtask.keyedFiles) {
        const stored = await from.get(file.key);
        if (stored === undefined)
          throw new UserError('CHECKPOINT_CORRUPT', `the state file ${from.url(file.key)} is missing`);
        const key = `${prefix}/${keyOfUid(uid)}-${subtask.subtaskIndex}-${keyedFiles.length}`;
        await to.put(key, stored.bytes);
        keyedFiles.push({ ...file, key });
      }
      subtasks.push({ ...subtask, keyedFiles });
    }
    operators[uid] = { ...operator, subtasks };
  }
  return { ...manifest, operators };
}
