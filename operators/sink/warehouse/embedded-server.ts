import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import * as nodePath from 'node:path';
import pg from 'pg';
import type { Environment } from '../../../engine/base/environment.ts';
import { ExternalError } from '../../../engine/base/errors.ts';
import type { ServerUser } from './embedded-binaries.ts';
import { readText, serverVariables } from './embedded-files.ts';

/** Recovery after a crash included. */
const READY_DEADLINE_MS = 120_000;
const STOP_DEADLINE_MS = 30_000;
const POLL_MS = 50;

export interface ServerOptions {
  readonly environment: Environment;
  readonly cluster: string;
  readonly build: string;
  readonly user: ServerUser | undefined;
  readonly port: number;
  readonly logPath: string;
}

/** A PostgreSQL server as a child process. */
export class EmbeddedServer {
  readonly #options: ServerOptions;
  #child: ChildProcess | undefined;
  #spawnError: Error | undefined;
  /** When this process ends without `stop`, however it comes to it, the server gets its signal still. */
  readonly #onExit = (): void => void this.#child?.kill('SIGINT');

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  async start(address: string, database: string): Promise<void> {
    const { environment, cluster, build, user, port, logPath } = this.#options;
    const settings = {
      port: String(port),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      shared_buffers: '64MB',
      max_wal_size: '1GB',
      timezone: 'UTC',
    };
    const log = openSync(logPath, 'a');
    const child = spawn(
      nodePath.join(build, 'bin', 'postgres'),
      ['-D', cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      // A group of its own: Ctrl-C in the terminal must not end the server before the job.
      { cwd: cluster, env: serverVariables(environment), stdio: ['ignore', log, log], detached: true, ...user },
    );
    closeSync(log);
    child.once('error', (error) => (this.#spawnError = error));
    child.unref();
    this.#child = child;
    process.once('exit', this.#onExit);
    await this.#untilReady(address);
    await createDatabase(`${address}/postgres`, database);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    process.removeListener('exit', this.#onExit);
    if (child === undefined || !isChildRunning(child)) return;
    const { scheduler } = this.#options.environment;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.ref();
    // Fast shutdown: open sessions are ended and a checkpoint is written.
    child.kill('SIGINT');
    const timer = scheduler.setTimer(STOP_DEADLINE_MS, () => child.kill('SIGQUIT'));
    await ended;
    timer.cancel();
  }

  async #untilReady(address: string): Promise<void> {
    const { clock, scheduler } = this.#options.environment;
    const deadlineMs = clock.monotonicMs() + READY_DEADLINE_MS;
    for (;;) {
      const problem = await probe(`${address}/postgres`);
      if (problem === undefined) return;
      const hasEnded = this.#spawnError !== undefined || !isChildRunning(this.#child!);
      if (hasEnded || clock.monotonicMs() > deadlineMs) throw await this.#notReady(this.#spawnError ?? problem);
      await scheduler.delay(POLL_MS);
    }
  }

  async #notReady(cause: Error): Promise<ExternalError> {
    const { logPath, cluster } = this.#options;
    const lines = ((await readText(logPath)) ?? '').trimEnd().split('\n').slice(-12);
    return new ExternalError(
      'CONNECTION',
      `embedded PostgreSQL on ${cluster} does not come up: ${cause.message}\n${lines.join('\n')}`,
      {
        cause,
        hint: `The whole log is in ${logPath}. To begin with an empty warehouse, remove that folder.`,
      },
    );
  }
}

/** Undefined when the server answers. */
async function probe(url: string): Promise<Error | undefined> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
    return undefined;
  } catch (error) {
    return error as Error;
  } finally {
    await client.end().catch(() => {});
  }
}

async function createDatabase(url: string, database: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
  } finally {
    await client.end();
  }
}

function isChildRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null && child.pid !== undefined;
}
