import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from './install.ts';
import { commandLineOf } from './process-table.ts';
import { cleanStaleRuns, writeRunFile } from './run-file.ts';

/** Folder of the run files of all processes of this user. */
export function runFolder(): string {
  return join(cacheFolder(), 'run');
}

/**
 * One set of servers: a fresh data folder, a run file that lists the processes, and a guard process that ends them
 * when we do not. Servers register with `track` and leave with `untrack`.
 */
export class Run {
  readonly dataFolder: string;
  readonly #runFile: string;
  readonly #guard: ChildProcess;
  readonly #pids = new Map<string, number>();

  /** Cleans up after runs whose owner is gone, then opens a new one. */
  static open(): Run {
    mkdirSync(runFolder(), { recursive: true });
    cleanStaleRuns(runFolder());
    return new Run();
  }

  private constructor() {
    this.dataFolder = mkdtempSync(join(tmpdir(), 'tidemark-'));
    // PostgreSQL runs as another user when we are root and must be able to reach its own folder in here.
    chmodSync(this.dataFolder, 0o755);
    this.#runFile = join(runFolder(), `${basename(this.dataFolder)}.run.json`);
    this.#write();
    // In a session of its own, so that Ctrl-C in a terminal reaches us and not the guard.
    this.#guard = spawn(process.execPath, [fileURLToPath(new URL('guard.ts', import.meta.url)), this.#runFile], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#guard.unref();
    // Only the pipe's end matters; it must not keep the owner's event loop alive.
    (this.#guard.stdin as unknown as { unref(): void }).unref();
  }

  /** Makes and returns a folder for one server. */
  folder(name: string): string {
    const path = join(this.dataFolder, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  track(name: string, pid: number): void {
    this.#pids.set(name, pid);
    this.#write();
  }

  untrack(name: string): void {
    this.#pids.delete(name);
    this.#write();
  }

  /** Removes data and run file and lets the guard go, which kills whatever was not stopped before. */
  async close(): Promise<void> {
    if (this.#guard.exitCode === null && this.#guard.signalCode === null) {
      const isGone = new Promise((resolve) => this.#guard.once('exit', resolve));
      this.#guard.ref();
      this.#guard.stdin?.end();
      await isGone;
    }
    await rm(this.dataFolder, { recursive: true, force: true });
    await rm(this.#runFile, { force: true });
  }

  #write(): void {
    writeRunFile(this.#runFile, {
      ownerPid: process.pid,
      ownerCommand: commandLineOf(process.pid),
      dataFolder: this.dataFolder,
      pids: Object.fromEntries(this.#pids),
    });
  }
}
