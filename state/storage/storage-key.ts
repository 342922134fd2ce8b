import { InternalError } from '../../engine/base/errors.ts';

/** Names below this folder belong to the directory storage itself. */
export const RESERVED_FOLDER = '.tidemark';
const KEY_BYTES_MAX = 1000;

/** Keys are relative paths of non-empty segments. A wrong one is a bug of ours: user input never becomes a key unchecked. */
export function checkKey(key: string): void {
  const isBad =
    key === '' ||
    key.includes('\0') ||
    key.split('/').some((segment) => segment === '' || segment === '.' || segment === '..') ||
    key.split('/', 1)[0] === RESERVED_FOLDER ||
    Buffer.byteLength(key) > KEY_BYTES_MAX;
  if (isBad)
    throw new InternalError(
      `object key: expected a relative path of at most ${KEY_BYTES_MAX} bytes, found ${JSON.stringify(key)}`,
    );
}

/** Orders keys as S3 does: by their UTF-8 bytes. */
export function compareKeys(a: string, b: string): number {
  // UTF-16 order differs from UTF-8 order only where surrogates are involved.
  if (!/[\ud800-\udfff]/.test(a) && !/[\ud800-\udfff]/.test(b)) return a < b ? -1 : a > b ? 1 : 0;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
