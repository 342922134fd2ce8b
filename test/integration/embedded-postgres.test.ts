import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as nodePath from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import type { TidemarkError } from '../../engine/base/errors.ts';
import { isRunning } from '../../operators/sink/warehouse/process-identity.ts';
import { startEmbeddedPostgres } from '../../operators/sink/warehouse/embedded-postgres.ts';

const environment = createNodeEnvironment();
const NOBODY = 65_534;
let root: string;

beforeEach(async () => {
  root = await mkdtemp(nodePath.join(tmpdir(), 'tidemark-embedded-'));
  await chmod(root, 0o755);
});

afterEach(() => rm(root, { recursive: true, force: true }));

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

test('the data, the address and the password stay the same from start to start', async () => {
  const dataDirectory = nodePath.join(root, 'a', 'warehouse');
  const first = await startEmbeddedPostgres({ environment, dataDirectory });
  expect(first.url).toMatch(/^postgres:\/\/postgres:[0-9a-f]{32}@127\.0\.0\.1:\d+\/tidemark$/);
  expect(first.port).toBeLessThan(32_768);
  await query(first.url, 'CREATE TABLE t AS SELECT 42 AS n');
  const again = await startEmbeddedPostgres({ environment, dataDirectory }).catch((error: TidemarkError) => error);
  expect((again as TidemarkError).message).toContain(`${dataDirectory} is in use by this process already`);
  await first.stop();
  await expect(query(first.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
  const second = await startEmbeddedPostgres({ environment, dataDirectory });
  expect(second.url).toBe(first.url);
  expect(await query(second.url, 'SELECT n FROM t')).toEqual([{ n: 42 }]);
  await second.stop();
});

/** A process that starts the server, prints its address and waits. */
function startOwner(dataDirectory: string, user?: number): Promise<{ child: ChildProcess; url: string }> {
  const module = new URL('../../operators/sink/warehouse/embedded-postgres.ts', import.meta.url).href;
  const nodeEnvironment = new URL('../../engine/base/environment-node.ts', import.meta.url).href;
  const script = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(module)});
    const { createNodeEnvironment } = await import(${JSON.stringify(nodeEnvironment)});
    const { url } = await startEmbeddedPostgres({ environment: createNodeEnvironment(), dataDirectory: ${JSON.stringify(dataDirectory)} });
    console.log(url);
    process.on('SIGTERM', () => process.exit(0));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
  return new Promise((resolve, reject) => {
    let errors = '';
    child.stderr.on('data', (chunk) => (errors += String(chunk)));
    child.stdout.once('data', (chunk) => resolve({ child, url: String(chunk).trim() }));
    child.once('exit', (code) => reject(new Error(`owner ended with ${code}: ${errors}`)));
  });
}

const ended = (child: ChildProcess): Promise<unknown> => new Promise((resolve) => child.once('exit', resolve));

async function serverPid(dataDirectory: string): Promise<number> {
  return Number.parseInt(await readFile(nodePath.join(dataDirectory, 'cluster', 'postmaster.pid'), 'utf8'), 10);
}

test('the server that a killed job left behind is ended, and what was committed is there', async () => {
  const dataDirectory = nodePath.join(root, 'warehouse');
  const owner = await startOwner(dataDirectory);
  await query(owner.url, 'CREATE TABLE t AS SELECT 7 AS n');
  const refused = await startEmbeddedPostgres({ environment, dataDirectory }).catch((error: TidemarkError) => error);
  expect((refused as TidemarkError).message).toContain(`is in use by process ${owner.child.pid}`);
  const leftOver = await serverPid(dataDirectory);
  owner.child.kill('SIGKILL');
  await ended(owner.child);
  expect(await isRunning(leftOver)).toBe(true);

  const server = await startEmbeddedPostgres({ environment, dataDirectory });
  expect(await isRunning(leftOver)).toBe(false);
  expect(await query(server.url, 'SELECT n FROM t')).toEqual([{ n: 7 }]);
  await server.stop();

  // Killed together with its server: no one is left to be ended, but their traces are.
  const other = await startOwner(dataDirectory);
  const pid = await serverPid(dataDirectory);
  other.child.kill('SIGKILL');
  process.kill(pid, 'SIGKILL');
  await ended(other.child);
  const last = await startEmbeddedPostgres({ environment, dataDirectory });
  expect(await query(last.url, 'SELECT n FROM t')).toEqual([{ n: 7 }]);
  await last.stop();
});

test('a job that ends without stopping its server takes it along', async () => {
  const dataDirectory = nodePath.join(root, 'warehouse');
  const owner = await startOwner(dataDirectory);
  const pid = await serverPid(dataDirectory);
  owner.child.kill('SIGTERM');
  await ended(owner.child);
  const server = await startEmbeddedPostgres({ environment, dataDirectory });
  expect(await isRunning(pid)).toBe(false);
  await server.stop();
});

test.skipIf(process.getuid?.() !== 0)(
  'as root in a folder that the server may not enter, its data is kept elsewhere',
  async () => {
    const closed = nodePath.join(root, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const dataDirectory = nodePath.join(closed, 'warehouse');
    const first = await startEmbeddedPostgres({ environment, dataDirectory });
    await query(first.url, 'CREATE TABLE t AS SELECT 1 AS n');
    await first.stop();
    const location = await readFile(nodePath.join(dataDirectory, 'location'), 'utf8');
    try {
      const second = await startEmbeddedPostgres({ environment, dataDirectory });
      expect(await query(second.url, 'SELECT n FROM t')).toEqual([{ n: 1 }]);
      await second.stop();
    } finally {
      await rm(location, { recursive: true });
    }
    await expect(startEmbeddedPostgres({ environment, dataDirectory })).rejects.toThrow(
      `was in ${location}, which is gone`,
    );
  },
);

test.skipIf(process.getuid?.() !== 0)('it works as an ordinary user', async () => {
  const dataDirectory = nodePath.join(root, 'warehouse');
  await chown(root, NOBODY, NOBODY);
  const owner = await startOwner(dataDirectory, NOBODY);
  expect(await query(owner.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  const pid = await serverPid(dataDirectory);
  owner.child.kill('SIGTERM');
  await ended(owner.child);
  while (await isRunning(pid)) await environment.scheduler.delay(20);
});

test('what PostgreSQL says when it cannot start is in the error', async () => {
  const dataDirectory = nodePath.join(root, 'warehouse');
  const server = await startEmbeddedPostgres({ environment, dataDirectory });
  await server.stop();
  await rm(nodePath.join(dataDirectory, 'cluster', 'global'), { recursive: true });
  const error = (await startEmbeddedPostgres({ environment, dataDirectory }).catch(
    (caught: unknown) => caught,
  )) as TidemarkError;
  expect(error.code).toBe('CONNECTION');
  expect(error.message).toContain('could not open file');
  expect(error.hint).toContain('server.log');
});
