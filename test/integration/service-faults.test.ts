import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { probeKafka } from '../harness/services/kafka-probe.ts';
import { commandLineOf } from '../harness/services/process-table.ts';
import { listRunFiles, readRunFile, type RunFile } from '../harness/services/run-file.ts';
import { runFolder } from '../harness/services/run.ts';
import { startServices, type Services } from '../harness/services/services.ts';
import { until } from '../harness/services/until.ts';

let services: Services<{ kafka: true; postgres: true }>;

beforeAll(async () => {
  services = await startServices({ kafka: true, postgres: true });
});

afterAll(() => services.stop());

test('a killed broker answers again at the same address after a restart', async () => {
  const port = Number(services.kafka.brokers.split(':')[1]);
  await services.kafka.kill();
  await expect(probeKafka(port)).rejects.toThrow('ECONNREFUSED');
  await services.kafka.restart();
  await probeKafka(port);
});

test('PostgreSQL keeps what was committed before a kill', async () => {
  await query('CREATE TABLE kept (id integer)');
  await query('INSERT INTO kept VALUES (1), (2)');
  await services.postgres.kill();
  await expect(query('SELECT 1')).rejects.toThrow('ECONNREFUSED');
  await services.postgres.restart();
  expect(await query('SELECT count(*)::int AS count FROM kept')).toEqual([{ count: 2 }]);
});

test('a paused server does not answer until it is resumed', async () => {
  await services.kafka.pause();
  const answer = probeKafka(Number(services.kafka.brokers.split(':')[1]));
  await expect(answer).rejects.toThrow('no answer');
  await services.kafka.resume();
  await until({
    what: 'the resumed broker',
    deadlineMs: 30_000,
    probe: () => probeKafka(Number(services.kafka.brokers.split(':')[1])),
  });
});

test('servers end when their owner is killed', async () => {
  const cli = fileURLToPath(new URL('../harness/services/cli.ts', import.meta.url));
  const owner = spawn(process.execPath, [cli, 'postgres'], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface(owner.stdout)) if (line.startsWith('Running')) break;
  const [path, run] = runOf(owner.pid);
  const pids = Object.values(run.pids);
  expect(pids.map(commandLineOf).every((command) => command.includes(run.dataFolder))).toBe(true);
  owner.kill('SIGKILL');
  await until({
    what: 'the end of the servers',
    deadlineMs: 30_000,
    probe: () => {
      const left = pids.filter((pid) => commandLineOf(pid).includes(run.dataFolder));
      if (left.length > 0 || readRunFile(path) !== undefined)
        return Promise.reject(new Error(`still running: ${left.join(', ')}`));
      return Promise.resolve();
    },
  });
});

async function query(sql: string): Promise<unknown[]> {
  const client = new pg.Client(services.postgres);
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

function runOf(ownerPid: number | undefined): [string, RunFile] {
  for (const path of listRunFiles(runFolder())) {
    const run = readRunFile(path);
    if (run?.ownerPid === ownerPid && run !== undefined) return [path, run];
  }
  throw new Error(`process ${ownerPid} has no run file`);
}
