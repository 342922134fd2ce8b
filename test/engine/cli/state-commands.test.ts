import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EXIT_CODES } from '../../../engine/cli/exit-code.ts';
import { CommandProcess, ROOT } from './command-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-state-'));
const checkpoints = join(folder, 'data/checkpoints');
const operators = JSON.stringify(join(ROOT, 'operators/index.ts'));

/** Keeps the numbers below 100 by remainder, and how many there were in operator state. */
const JOB = `
import { collectSink, defineJob, defineProcess, generatorSource, KeyedProcessFunction, long, listState, timestampMs, valueState, WatermarkStrategy } from ${operators};
class Keep extends KeyedProcessFunction {
  open(context) {
    this.last = context.state('last', valueState(timestampMs()));
    this.all = context.state('all', listState(long()));
    this.count = context.operatorListState('count', long());
    this.n = 0;
  }
  processElement(n, context, out) {
    this.last.update(n);
    this.all.add(n);
    this.n++;
    context.timers.registerEventTimeTimer(1e12 + n % 3);
  }
  onTimer() {}
  snapshotState() { this.count.update([this.n]); }
}
export default defineJob({
  name: 'keeping',
  params: {},
  build(env) {
    const source = generatorSource({ name: 'numbers', countPerSplit: 'unbounded', recordsPerSecond: 100000, recordAt: (_split, n) => n });
    env.fromSource(source, 'numbers', WatermarkStrategy.noWatermarks())
      .filter((n) => n < 100)
      .keyBy((n) => n % 3).process(() => new Keep(), { uid: 'keep' }).sinkTo(collectSink(), { uid: 'out' });
  },
});
`;

beforeAll(async () => {
  writeFileSync(join(folder, 'job.ts'), JOB);
  const data = ['--data', join(folder, 'data')];
  const run = new CommandProcess(['run', join(folder, 'job.ts'), '--no-status', '--state', 'heap', ...data]);
  const kept = ['query', 'keeping', ...data, '--operator', 'keep', '--state', 'last', '--key', '0'];
  for (;;) {
    const query = new CommandProcess(kept);
    if ((await query.exitCode) === EXIT_CODES.OK && query.output.includes('value: 99')) break;
  }
  const stop = new CommandProcess(['stop', 'keeping', ...data]);
  expect(await stop.exitCode, stop.output).toBe(EXIT_CODES.OK);
  expect(await run.exitCode, run.output).toBe(EXIT_CODES.OK);
}, 60_000);

afterAll(() => {
  CommandProcess.killAll();
  rmSync(folder, { recursive: true, force: true });
});

async function state(...args: string[]): Promise<{ readonly exitCode: number | null; readonly output: string }> {
  const command = new CommandProcess(['state', ...args, '--job', 'keeping']);
  const exitCode = await command.exitCode;
  return { exitCode, output: command.output };
}

test('a checkpoint is listed, shown and exported', async () => {
  const list = await state('list', checkpoints);
  expect(list.exitCode, list.output).toBe(EXIT_CODES.OK);
  expect(list.output).toMatch(/^checkpoint \d+ of job 'keeping'/);
  expect(list.output).toMatch(/keep +operator +1 +\S+ \S+ +last \(value\), all \(list\), count \(operator list, 1\)\n/);
  const show = await state('show', checkpoints, 'keep');
  expect(show.output).toContain('  last: value\n    values: {"type":"long","logicalType":"timestamp-millis"}\n');
  const key = await state('show', checkpoints, 'keep', '--key', '2');
  expect(JSON.parse(key.output)).toMatchObject({
    key: 2,
    state: { last: 98, all: Array.from({ length: 33 }, (_, i) => 2 + 3 * i) },
    timers: [{ timeDomain: 'eventTime', timestampMs: 1e12 + 2, namespace: 0 }],
  });
  const all = await state('export', checkpoints, 'keep', '--state', 'last');
  const entries = all.output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { key: number; state: object });
  expect(entries.map((entry) => [entry.key, entry.state]).sort((a, b) => Number(a[0]) - Number(b[0]))).toEqual([
    [0, { last: 99 }],
    [1, { last: 97 }],
    [2, { last: 98 }],
  ]);
  expect((await state('export', checkpoints, 'keep', '--state', 'count')).output).toBe('{"value":100}\n');
});

test('what is not there is told', async () => {
  const operator = await state('export', checkpoints, 'kept');
  expect(operator.exitCode).toBe(EXIT_CODES.USAGE);
  expect(operator.output).toContain("has no operator 'kept'");
  const name = await state('export', checkpoints, 'keep', '--state', 'lst');
  expect(name.output).toContain("operator 'keep' has no state 'lst'");
  expect(name.output).toContain("It has 'last', 'all', 'count'.");
});
