import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandLineOf, isAlive, killIfOurs } from './process-table.ts';

/** What a set of running servers writes down so that nobody has to search for its processes. */
export interface RunFile {
  /** Process that started the servers and must outlive them. */
  readonly ownerPid: number;
  /** Command line of the owner, which tells it from a later process with the same id. */
  readonly ownerCommand: string;
  /** Data folder of the run. It is on the command line of every server and marks the process as ours. */
  readonly dataFolder: string;
  /** Process ids by server name. */
  readonly pids: Readonly<Record<string, number>>;
}

/** Writes a run file. Synchronous, so that no process of ours is ever unknown to it. */
export function writeRunFile(path: string, run: RunFile): void {
  writeFileSync(path, `${JSON.stringify(run, undefined, 2)}\n`);
}

/** Reads a run file, or gives undefined when it is gone or broken. */
export function readRunFile(path: string): RunFile | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as RunFile;
  } catch {
    return undefined;
  }
}

/** Returns the paths of all run files in a folder. */
export function listRunFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.run.json'))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** Tells whether the process that owns a run is still there. */
export function isOwned(run: RunFile): boolean {
  return isAlive(run.ownerPid) && commandLineOf(run.ownerPid) === run.ownerCommand;
}

/** Kills what is left of a run, removes its data and its run file. Safe to call twice. */
export function cleanRun(path: string): void {
  const run = readRunFile(path);
  if (run !== undefined) {
    for (const pid of Object.values(run.pids)) killIfOurs(pid, run.dataFolder);
    rmSync(run.dataFolder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
  rmSync(path, { force: true });
}

/** Cleans every run in a folder whose owner is gone, and returns how many there were. */
export function cleanStaleRuns(folder: string): number {
  const stale = listRunFiles(folder).filter((path) => {
    const run = readRunFile(path);
    return run === undefined || !isOwned(run);
  });
  for (const path of stale) cleanRun(path);
  return stale.length;
}
