import { UserError } from '../../../engine/base/errors.ts';

/*
 * Keys below the path of a lake:
 *   <partition>/part-<sink uid>-<subtask>-<attempt>-<checkpoint>-<n>.parquet
 *   _manifests/<sink uid>/<checkpoint, 16 digits>.json
 */
export const MANIFEST_FOLDER = '_manifests';

const PARTITION_BYTES_MAX = 512;

/** Data files and nothing else. */
export const DATA_FILE: RegExp = /(?:^|\/)part-[^/]+\.parquet$/;

/** The uid as a part of keys: what is not a letter, digit, `-`, `_` or `.` is percent-encoded. */
export function uidInKeys(sinkUid: string): string {
  return encodeURIComponent(sinkUid);
}

/** Sorts by checkpoint id as text. */
export function manifestKey(sinkUid: string, checkpointId: number): string {
  return `${manifestPrefix(sinkUid)}${String(checkpointId).padStart(16, '0')}.json`;
}

/** Of a manifest, by its key; NaN for another key. */
export function checkpointIdOf(key: string): number {
  return Number(/(\d+)\.json$/.exec(key)?.[1]);
}

export function manifestPrefix(sinkUid: string): string {
  return `${MANIFEST_FOLDER}/${uidInKeys(sinkUid)}/`;
}

/** Checks what `partitionBy` gave. @throws UserError USER_FUNCTION when it cannot be a folder of the lake. */
export function checkPartition(partition: string, description: string): void {
  if (partition === '') return;
  const isBad =
    typeof partition !== 'string' ||
    Buffer.byteLength(partition) > PARTITION_BYTES_MAX ||
    partition.split('/').some((segment) => segment === '' || /^[._]/.test(segment)) ||
    /[\p{Cc}\\]/u.test(partition);
  if (!isBad) return;
  throw new UserError(
    'USER_FUNCTION',
    `${description}: partitionBy: expected a folder such as dt=2026-01-01/hour=03, found ${JSON.stringify(partition)}`,
    { hint: 'Segments must not be empty nor begin with . or _; encode free text with encodeURIComponent.' },
  );
}
