import { chown, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { runCommand } from './command.ts';
import { freePort } from './ports.ts';
import { postgresBinaries, type PostgresBinaries } from './postgres-binaries.ts';
import type { Run } from './run.ts';
import { controlOf, retryStart, ServerProcess, type ServiceControl } from './server-process.ts';

/** Milliseconds the server gets to answer, recovery after a kill included; it needs well under 1 s. */
const READY_DEADLINE_MS = 60_000;

const USER = 'postgres';
const PASSWORD = 'postgres';

/** Where a PostgreSQL server is and how to get in. */
export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** A running PostgreSQL server with an empty database. */
export interface PostgresService extends PostgresAddress, ServiceControl {}

/** Creates a cluster, starts PostgreSQL on it and waits until it answers a query. */
export async function startPostgres(run: Run): Promise<PostgresService> {
  const binaries = await postgresBinaries(() => Promise.resolve(run.folder('postgres-build')));
  return retryStart(async () => {
    const port = await freePort();
    const address: PostgresAddress = { host: '127.0.0.1', port, user: USER, password: PASSWORD, database: 'postgres' };
    const dataFolder = join(run.folder(`postgres-${port}`), 'data');
    await initialise(run, binaries, dataFolder);
    const server = new ServerProcess(run, {
      name: `postgres-${port}`,
      command: join(binaries.folder, 'bin', 'postgres'),
      args: ['-D', dataFolder, ...settings(port)],
      env: { LC_ALL: 'C' },
      cwd: dataFolder,
      uid: binaries.user?.uid,
      gid: binaries.user?.gid,
      // SIGINT is PostgreSQL's fast shutdown: open sessions are ended and a checkpoint is written.
      stopSignal: 'SIGINT',
      probe: () => probePostgres(address),
      readyDeadlineMs: READY_DEADLINE_MS,
    });
    await server.start();
    return { ...address, ...controlOf(server) };
  });
}

function settings(port: number): string[] {
  const values = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    shared_buffers: '64MB',
    max_connections: '50',
    // Kept safe against a kill, not against a power cut, which no test makes.
    fsync: 'off',
    max_wal_size: '512MB',
    timezone: 'UTC',
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function initialise(run: Run, { folder, user }: PostgresBinaries, dataFolder: string): Promise<void> {
  const parent = join(dataFolder, '..');
  const passwordFile = join(parent, 'password');
  await writeFile(passwordFile, `${PASSWORD}\n`);
  if (user !== undefined) for (const path of [parent, passwordFile]) await chown(path, user.uid, user.gid);
  await runCommand(
    join(folder, 'bin', 'initdb'),
    [
      `--pgdata=${dataFolder}`,
      `--username=${USER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
    ],
    { cwd: run.dataFolder, env: { LC_ALL: 'C' }, uid: user?.uid, gid: user?.gid },
  );
  await rm(passwordFile);
}

async function probePostgres(address: PostgresAddress): Promise<void> {
  const client = new pg.Client({ ...address, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
  } finally {
    await client.end().catch(() => undefined);
  }
}
