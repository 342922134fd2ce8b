import { readdir, readFile, readlink } from 'node:fs/promises';

/** A process by number and start, so that another one that got its number later is not mistaken for it. */
export async function identityOf(pid: number): Promise<string> {
  return `${pid} ${await startOf(pid)}`;
}

/** Whether the process of an identity still runs. */
export async function isAlive(identity: string): Promise<boolean> {
  const pid = Number.parseInt(identity, 10);
  if (!(await isRunning(pid))) return false;
  return identity === (await identityOf(pid));
}

/** Whether a process of this number runs, whoever's it is. One that has ended and was never waited for does not. */
export async function isRunning(pid: number): Promise<boolean> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return (await statOf(pid))[0] !== 'Z';
}

/** Program and arguments of a process; undefined where the system does not tell. */
export async function commandOf(pid: number): Promise<string | undefined> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
  } catch {
    return undefined;
  }
}

/** Processes whose working directory is this folder, ended ones not counted. Undefined where the system does not tell. */
export async function processesIn(folder: string): Promise<number[] | undefined> {
  let names: string[];
  try {
    names = await readdir('/proc');
  } catch {
    return undefined;
  }
  const pids: number[] = [];
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    // Gone meanwhile, ended, or of another user.
    const directory = await readlink(`/proc/${name}/cwd`).catch(() => '');
    if (directory === folder) pids.push(Number(name));
  }
  return pids;
}

/** Ticks since boot; empty where the system does not tell. */
async function startOf(pid: number): Promise<string> {
  return (await statOf(pid))[19] ?? '';
}

/** Linux's fields of a process from its state on; empty elsewhere. */
async function statOf(pid: number): Promise<string[]> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The program's name before them, in brackets, may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}
