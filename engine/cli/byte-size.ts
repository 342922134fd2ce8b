import { UserError } from '../base/errors.ts';

const UNITS: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };

/** Bytes of a size such as `256MB`, `1.5GB`, `4096`. @throws UserError CONFIGURATION naming `what`. */
export function parseByteSize(text: string, what: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)?$/i.exec(text.trim());
  if (match === null) {
    throw new UserError('CONFIGURATION', `${what}: expected a size such as 256MB, found '${text}'`);
  }
  return Math.floor(Number(match[1]) * UNITS[(match[2] ?? 'b').toLowerCase()]!);
}

/** `1.4 GB`, `12 MB`, `310 B`. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1024 ** 3) return `${(bytes / 1024 ** 3).toFixed(1)} GB`;
  if (bytes >= 1024 ** 2) return `${(bytes / 1024 ** 2).toFixed(bytes >= 10 * 1024 ** 2 ? 0 : 1)} MB`;
  return bytes >= 1024 ? `${(bytes / 1024).toFixed(0)} kB` : `${bytes} B`;
}
