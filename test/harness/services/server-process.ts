import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tailOf } from './command.ts';
import type { Run } from './run.ts';
import { until } from './until.ts';

/** Milliseconds a server gets to end by itself before it is killed. */
const STOP_DEADLINE_MS = 15_000;

/** How to start one server and how to tell that it is there. */
export interface ServerSpec {
  readonly name: string;
  readonly command: string;
  /** Must contain the run's data folder: that is how a left-over process is known as ours. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Signal that asks for an orderly end. Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals | undefined;
  /** A call in the server's own protocol that resolves once the server can be used. */
  readonly probe: () => Promise<void>;
  /** Milliseconds from start until the probe must have succeeded. */
  readonly readyDeadlineMs: number;
}

/** What a fault test may do to a running server. All of them keep port and data. */
export interface ServiceControl {
  /** Asks the server to end and waits until it has; kills it after 15 s. */
  stop(): Promise<void>;
  /** Ends the server with SIGKILL, as a crash would. */
  kill(): Promise<void>;
  /** Stops the server from running (SIGSTOP) without ending it: connections stay open and nothing answers. */
  pause(): Promise<void>;
  /** Lets a paused server go on. */
  resume(): Promise<void>;
  /** Starts the server again after `stop` or `kill`, or kills and starts it, and waits until it is ready. */
  restart(): Promise<void>;
}

/** Raised when a server ended before it was ready. The message holds the end of its log. */
export class ServerExitedError extends Error {
  override readonly name = 'ServerExitedError';
}

/** One server as a child process, its output in a log file of the run's data folder. */
export class ServerProcess implements ServiceControl {
  readonly #run: Run;
  readonly #spec: ServerSpec;
  readonly #logPath: string;
  #child: ChildProcess | undefined;

  constructor(run: Run, spec: ServerSpec) {
    this.#run = run;
    this.#spec = spec;
    this.#logPath = join(run.dataFolder, `${spec.name}.log`);
  }

  /** Starts the server and waits until its probe succeeds. Throws ServerExitedError or NotReadyError. */
  async start(): Promise<void> {
    const spec = this.#spec;
    const log = openSync(this.#logPath, 'a');
    const child = spawn(spec.command, spec.args, {
      cwd: spec.cwd ?? this.#run.dataFolder,
      env: { ...process.env, ...spec.env },
      stdio: ['ignore', log, log],
      // Its own process group: a Ctrl-C in the terminal must not reach the server before its owner.
      detached: true,
      ...(spec.uid === undefined ? {} : { uid: spec.uid }),
      ...(spec.gid === undefined ? {} : { gid: spec.gid }),
    });
    closeSync(log);
    this.#child = child;
    let spawnError: Error | undefined;
    child.once('error', (error) => (spawnError = error));
    if (child.pid !== undefined) this.#run.track(spec.name, child.pid);
    child.unref();
    try {
      await until({
        what: spec.name,
        deadlineMs: spec.readyDeadlineMs,
        probe: spec.probe,
        giveUp: () => {
          if (spawnError !== undefined) return spawnError;
          if (isRunning(child)) return undefined;
          return new ServerExitedError(`${spec.name} ended before it was ready:\n${this.logTail()}`);
        },
      });
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !isRunning(child)) return this.#forget();
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
    await this.#end(child, this.#spec.stopSignal ?? 'SIGTERM');
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !isRunning(child)) return this.#forget();
    await this.#end(child, 'SIGKILL');
  }

  pause(): Promise<void> {
    this.#child?.kill('SIGSTOP');
    return Promise.resolve();
  }

  resume(): Promise<void> {
    this.#child?.kill('SIGCONT');
    return Promise.resolve();
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** The last lines that the server wrote. */
  logTail(): string {
    try {
      return tailOf(readFileSync(this.#logPath, 'utf8'), 30);
    } catch {
      return '(no log)';
    }
  }

  async #end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    child.ref();
    const isGone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    // A paused process takes a signal only once it goes on.
    if (signal !== 'SIGKILL') child.kill('SIGCONT');
    await isGone;
    this.#forget();
  }

  #forget(): void {
    this.#child = undefined;
    this.#run.untrack(this.#spec.name);
  }
}

/** Returns the control of a server as plain functions, to be spread into what a service offers. */
export function controlOf(server: ServerProcess): ServiceControl {
  return {
    stop: () => server.stop(),
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    restart: () => server.restart(),
  };
}

/** Attempts to start a server with other ports when its own were taken between the choice and the start. */
const START_ATTEMPTS = 3;

/** Calls `start` until it succeeds, at most three times. It must choose its ports anew each time. */
export async function retryStart<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof ServerExitedError) || attempt === START_ATTEMPTS) throw error;
    }
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null && child.pid !== undefined;
}
