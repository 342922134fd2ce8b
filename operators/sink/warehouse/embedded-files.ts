import { open, readFile, stat } from 'node:fs/promises';
import type { Environment } from '../../../engine/base/environment.ts';

/** Text of a file; undefined when there is none. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Makes names in a folder durable, where the system can. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  await handle.sync().catch(() => {});
  await handle.close();
}

/** Variables of the server: nothing of the job's own settings, such as PGHOST. */
export function serverVariables({ variables }: Environment): Record<string, string> {
  const kept: Record<string, string> = { LC_ALL: 'C' };
  for (const name of ['PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'TMPDIR', 'SystemRoot']) {
    const value = variables[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
