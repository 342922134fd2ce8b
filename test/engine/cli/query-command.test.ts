import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ControlAddress } from '../../../engine/cli/control-server.ts';
import { EXIT_CODES } from '../../../engine/cli/exit-code.ts';
import { CommandProcess, ROOT } from './command-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-query-'));
const data = ['--data', join(folder, 'data')];
const operators = JSON.stringify(join(ROOT, 'operators/index.ts'));

/** Remembers 1,000 numbers by remainder, and then waits for ever. */
const JOB = `
import { collectSink, decimal, defineJob, defineProcess, generatorSource, long, record, string, valueState, WatermarkStrategy } from ${operators};
const Last = record('Last', { number: long(), exact: decimal(10, 2), name: string() });
export default defineJob({
  name: 'remember',
  params: {},
  build(env) {
    const source = generatorSource({ name: 'numbers', countPerSplit: 'unbounded', recordAt: (_split, n) => n, recordsPerSecond: 1000 });
    env.fromSource(source, 'numbers', WatermarkStrategy.noWatermarks())
      .filter((n) => n < 1000)
      .keyBy((n) => n % 10)
      .process(defineProcess({
        uid: 'remember / it',
        state: { last: valueState(Last) },
        processElement(n, { state }, out) {
          state.last.update({ number: n, exact: BigInt(n), name: 'n' + n });
          out.collect(n);
        },
      }))
      .sinkTo(collectSink(), { uid: 'out' });
  },
});
`;

let run: CommandProcess;

beforeAll(async () => {
  writeFileSync(join(folder, 'job.ts'), JOB);
  run = new CommandProcess(['run', join(folder, 'job.ts'), '--no-status', '--checkpoint-interval', '200ms', ...data]);
  for (;;) {
    const { exitCode, output } = await query('--operator', 'remember / it', '--state', 'last', '--key', '9', '--json');
    if (exitCode === EXIT_CODES.OK && output.includes('"number":999')) return;
  }
}, 60_000);

afterAll(async () => {
  await run.kill();
  CommandProcess.killAll();
  rmSync(folder, { recursive: true, force: true });
});

async function query(...args: string[]): Promise<{ readonly exitCode: number | null; readonly output: string }> {
  const command = new CommandProcess(['query', 'remember', ...data, ...args]);
  const exitCode = await command.exitCode;
  return { exitCode, output: command.output };
}

test('a value is told as JSON, from the running job and from its last checkpoint', async () => {
  const args = ['--operator', 'remember / it', '--state', 'last', '--key', '3', '--json'];
  const live = await query(...args);
  expect(JSON.parse(live.output)).toEqual({
    operator: 'remember / it',
    state: 'last',
    kind: 'value',
    key: 3,
    value: { number: 993, exact: '9.93', name: 'n993' },
    consistency: 'live',
  });
  for (;;) {
    const stored = await query(...args, '--consistency', 'checkpoint');
    if (stored.exitCode !== EXIT_CODES.OK || !stored.output.includes('993')) continue;
    expect(JSON.parse(stored.output)).toMatchObject({
      consistency: 'checkpoint',
      checkpointId: expect.any(Number),
      completedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      value: { number: 993 },
    });
    return;
  }
});

test('what can be asked for is listed; what is not there is told', async () => {
  const listed = await query('--json');
  expect(JSON.parse(listed.output)).toEqual([
    {
      operator: 'remember / it',
      name: 'remember / it',
      states: [{ name: 'last', kind: 'value', isNamespaced: false }],
    },
  ]);
  const key = await query('--operator', 'remember / it', '--state', 'last', '--key', '12');
  expect(key.exitCode).toBe(EXIT_CODES.FAILED);
  expect(key.output).toContain("operator 'remember / it' keeps nothing in state 'last' for the key 12");
  const typed = await query('--operator', 'remember / it', '--state', 'last', '--key', '3', '--key-type', 'string');
  expect(typed.output).toContain('for the key "3"');
  const state = await query('--operator', 'remember / it', '--state', 'lats', '--key', '3');
  expect(state.output).toContain("has no keyed state 'lats'");
});

test('the endpoint has the statuses of HTTP and asks for the token', async () => {
  const { port, token } = JSON.parse(
    readFileSync(join(folder, 'data/remember.control.json'), 'utf8'),
  ) as ControlAddress;
  const get = async (path: string, headers = { authorization: `Bearer ${token}` }): Promise<number> =>
    (await fetch(`http://127.0.0.1:${port}${path}`, { headers })).status;
  const state = `/state/${encodeURIComponent('remember / it')}/last`;
  expect(await get(`${state}?key=3`)).toBe(200);
  expect(await get(`${state}?key=3`, { authorization: 'Bearer wrong' })).toBe(401);
  expect(await get(`${state}?key=12`)).toBe(404);
  expect(await get('/state/other/last?key=3')).toBe(404);
  expect(await get('/elsewhere')).toBe(404);
  expect(await get(state)).toBe(400);
  expect(await get(`${state}?key=3&consistency=strong`)).toBe(400);
  expect(await get('/state/%E0%A4%A/last?key=3')).toBe(400);
});
