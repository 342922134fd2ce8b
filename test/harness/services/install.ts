import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from './process-table.ts';
import { until } from './until.ts';

/** Longest wait for another process that is installing the same thing, in milliseconds. */
const LOCK_WAIT_MS = 900_000;

/** The folder that keeps installed servers between runs: TIDEMARK_CACHE, else `~/.cache/tidemark`. */
export function cacheFolder(): string {
  return process.env['TIDEMARK_CACHE'] ?? join(homedir(), '.cache', 'tidemark');
}

/**
 * Installs something into a folder of the cache, once, and returns the folder.
 *
 * `build` is given the empty folder. A stamp is written when it has succeeded; a folder without one is what an
 * interrupted installation left, and is made anew. Several processes may ask at once: one builds, the others wait.
 */
export async function installOnce(name: string, build: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheFolder(), name);
  const stamp = join(folder, '.complete');
  if (await exists(stamp)) return folder;
  const release = await lock(`${folder}.lock`);
  try {
    if (await exists(stamp)) return folder;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await build(folder);
    await writeFile(stamp, '');
    return folder;
  } finally {
    await release();
  }
}

/** Tells whether a path exists. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Takes a lock: a file holding our process id, created exclusively. One whose process is gone is broken up. */
async function lock(path: string): Promise<() => Promise<void>> {
  await mkdir(cacheFolder(), { recursive: true });
  await until({
    what: `the installation lock ${path}`,
    deadlineMs: LOCK_WAIT_MS,
    probe: async () => {
      try {
        await writeFile(path, String(process.pid), { flag: 'wx' });
      } catch (error) {
        const owner = Number(await readFile(path, 'utf8').catch(() => ''));
        if (owner > 0 && !isAlive(owner)) await rm(path, { force: true });
        throw error;
      }
    },
  });
  return () => rm(path, { force: true });
}
