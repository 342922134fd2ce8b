import { UserError } from '../base/errors.ts';

/** Longest uid: with what is added it must fit into the name of a file. */
export const UID_BYTES_MAX = 120;

/** What nodes without a uid are called in snapshots and messages. They keep no state. */
const PLACEHOLDER = /^node-\d+$/;

export function isPlaceholderUid(uid: string): boolean {
  return PLACEHOLDER.test(uid);
}

/**
 * Checks a uid as the job gives it.
 *
 * @throws UserError JOB_DEFINITION for an empty one, a long one, one with control characters, or `node-<number>`.
 */
export function checkUid(uid: string, name: string): void {
  if (isPlaceholderUid(uid)) {
    throw new UserError('JOB_DEFINITION', `the uid of '${name}': ${uid} stands for an operator without a uid`, {
      hint: 'Choose a name that says what the operator does.',
    });
  }
  const bytes = Buffer.byteLength(encodeURIComponent(uid.toWellFormed()));
  // eslint-disable-next-line no-control-regex
  const isBad = uid === '' || bytes > UID_BYTES_MAX || /[\u0000-\u001f\u007f]/.test(uid) || !uid.isWellFormed();
  if (!isBad) return;
  throw new UserError(
    'JOB_DEFINITION',
    `the uid of '${name}': expected 1 to ${UID_BYTES_MAX} bytes without control characters, found ${JSON.stringify(uid)}`,
    { hint: 'A uid is a short name that stays, such as first-click.' },
  );
}

/** A uid as part of a storage key: what is not a letter, a digit or one of `-_.!~*'()` is escaped as in addresses. */
export function keyOfUid(uid: string): string {
  return encodeURIComponent(uid);
}
