import { spawn } from 'node:child_process';
import { chmod, chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as nodePath from 'node:path';
import type { Environment } from '../../../engine/base/environment.ts';
import { ExternalError, UserError } from '../../../engine/base/errors.ts';
import { canEnter, type ServerUser } from './embedded-binaries.ts';
import { exists, readText, serverVariables, syncFolder } from './embedded-files.ts';
import { commandOf, isRunning, processesIn } from './process-identity.ts';

/** The database's superuser, and ours. */
export const DATABASE_USER = 'postgres';
const STOP_DEADLINE_MS = 30_000;
const POLL_MS = 50;

/**
 * Where the cluster lives: in the folder, or, when we are root and the server's user cannot enter it, in a folder for
 * temporary files that outlives restarts. Which one it is stays with the folder.
 */
export async function homeOf(environment: Environment, folder: string, user: ServerUser | undefined): Promise<string> {
  const path = nodePath.join(folder, 'location');
  const known = await readText(path);
  if (known !== undefined) {
    if (await exists(known)) return known;
    throw new UserError('CONFIGURATION', `embedded PostgreSQL: the data of ${folder} was in ${known}, which is gone`, {
      hint: 'Remove the data folder of the job to begin anew; its checkpoints belong to the lost warehouse.',
    });
  }
  if (await canEnter(folder, user)) return folder;
  const shared = process.platform === 'linux' ? '/var/tmp' : tmpdir();
  const home = nodePath.join(shared, `tidemark-postgres-${environment.newId()}`);
  await mkdir(home, { mode: 0o755 });
  environment.logger.info(`embedded PostgreSQL: its user cannot enter ${folder}, so its data is in ${home}`);
  await writeFile(path, home);
  return home;
}

/**
 * Ends what an earlier run left behind when it was killed: its server, or the rest of one, and the file that claims that
 * one runs (a process that ended but was never waited for, or another with the same number, makes PostgreSQL believe it).
 */
export async function endLeftOver(environment: Environment, cluster: string): Promise<void> {
  const pidFile = nodePath.join(cluster, 'postmaster.pid');
  const text = await readText(pidFile);
  if (text === undefined) return;
  const pid = Number.parseInt(text, 10);
  const command = (await isRunning(pid)) ? await commandOf(pid) : '';
  const isServer = command === undefined || command.includes(cluster);
  if (isServer) {
    environment.logger.warn('embedded PostgreSQL: ending the server that an earlier run left behind', { pid });
    signal(pid, 'SIGINT');
  }
  const { clock, scheduler } = environment;
  const deadlineMs = clock.monotonicMs() + STOP_DEADLINE_MS;
  for (;;) {
    const others = await processesIn(cluster);
    const left = others ?? (isServer && (await isRunning(pid)) ? [pid] : []);
    if (left.length === 0) {
      // Where processes cannot be listed the server decides by itself.
      if (others !== undefined) await rm(pidFile, { force: true });
      return;
    }
    if (clock.monotonicMs() > deadlineMs) for (const other of left) signal(other, 'SIGQUIT');
    await scheduler.delay(POLL_MS);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
    throw new UserError(
      'CONFIGURATION',
      `embedded PostgreSQL: process ${pid}, left behind by an earlier run, cannot be ended`,
      {
        cause: error,
        hint: 'It belongs to another user: end it as that user, or as root.',
      },
    );
  }
}

/** Makes the cluster when there is none. @returns the password of the database user. */
export async function initialise(
  environment: Environment,
  where: {
    readonly home: string;
    readonly cluster: string;
    readonly build: string;
    readonly user: ServerUser | undefined;
  },
): Promise<string> {
  const { home, cluster, build, user } = where;
  const passwordPath = nodePath.join(home, 'password');
  const stored = await readText(passwordPath);
  if (await exists(cluster)) {
    await checkVersion(cluster, build);
    if (stored !== undefined) return stored;
    throw new UserError(
      'CONFIGURATION',
      `embedded PostgreSQL: ${passwordPath} is missing, and only it opens ${cluster}`,
    );
  }
  const password = environment.newId() + environment.newId();
  await writeFile(passwordPath, password, { mode: 0o600 });
  // A start that was killed in the middle leaves this behind, never half a cluster.
  const unfinished = `${cluster}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  const passwordFile = nodePath.join(unfinished, '..', 'initdb-password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user !== undefined) for (const path of [unfinished, passwordFile]) await chown(path, user.uid, user.gid);
  await run(
    nodePath.join(build, 'bin', 'initdb'),
    [
      `--pgdata=${unfinished}`,
      `--username=${DATABASE_USER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--no-instructions',
    ],
    { cwd: unfinished, env: serverVariables(environment), ...user },
  );
  await rm(passwordFile);
  await chmod(unfinished, 0o700);
  await rename(unfinished, cluster);
  await syncFolder(home);
  return password;
}

async function checkVersion(cluster: string, build: string): Promise<void> {
  const found = (await readText(nodePath.join(cluster, 'PG_VERSION')))?.trim();
  const version = await run(nodePath.join(build, 'bin', 'postgres'), ['--version'], { cwd: '/' });
  const expected = /(\d+)(?:\.|\D*$)/.exec(version)?.[1];
  if (found === expected) return;
  throw new UserError(
    'CONFIGURATION',
    `embedded PostgreSQL: ${cluster} was made by version ${found}, this is version ${expected}`,
    {
      hint: 'Copy the data with pg_dump of the old version, or remove the folder to begin with an empty warehouse.',
    },
  );
}

/** Runs a program to its end. @returns what it wrote. */
function run(program: string, args: readonly string[], options: Parameters<typeof spawn>[2]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += String(chunk)));
    child.stderr.on('data', (chunk) => (text += String(chunk)));
    const fail = (cause: unknown, what: string): void =>
      reject(
        new ExternalError('CONNECTION', `embedded PostgreSQL: ${nodePath.basename(program)} ${what}: ${text.trim()}`, {
          cause,
          retryable: false,
        }),
      );
    child.once('error', (error) => fail(error, error.message));
    child.once('close', (code) => (code === 0 ? resolve(text) : fail(undefined, `ended with ${code}`)));
  });
}
