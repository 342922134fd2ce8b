import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EXIT_CODES } from '../../../engine/cli/exit-code.ts';
import { CommandProcess, ROOT } from './command-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-check-'));
const inFolder = (name: string): string => join(folder, name);

/** A job that counts numbers per key and ends. */
function boundedJob(schema: string): string {
  const operators = JSON.stringify(join(ROOT, 'operators/index.ts'));
  return `
import { boolean, collectSink, defineJob, defineProcess, generatorSource, long, record, string, valueState, WatermarkStrategy, withDefault } from ${operators};
const Count = record('Count', ${schema});
export default defineJob({
  name: 'counting',
  params: {},
  build(env) {
    const source = generatorSource({ name: 'numbers', countPerSplit: 100, recordAt: (_split, n) => n });
    env.fromSource(source, 'numbers', WatermarkStrategy.noWatermarks())
      .keyBy((n) => n % 3)
      .process(defineProcess({
        uid: 'count',
        state: { count: valueState(Count) },
        processElement(n, { state }, out) {
          state.count.update({ count: n, name: 'x', isOdd: true });
          out.collect(n);
        },
      }))
      .sinkTo(collectSink(), { uid: 'out' });
  },
});
`;
}

const data = ['--data', inFolder('data')];

beforeAll(async () => {
  writeFileSync(inFolder('old.ts'), boundedJob('{ count: long() }'));
  writeFileSync(inFolder('new.ts'), boundedJob("{ count: long(), name: withDefault(string(), '') }"));
  writeFileSync(inFolder('wrong.ts'), boundedJob('{ count: long(), isOdd: boolean() }'));
  const run = new CommandProcess(['run', inFolder('old.ts'), '--no-status', ...data]);
  expect(await run.exitCode, run.output).toBe(EXIT_CODES.OK);
});

afterAll(() => {
  CommandProcess.killAll();
  rmSync(folder, { recursive: true, force: true });
});

async function check(job: string, ...args: string[]): Promise<{ readonly exitCode: number | null; output: string }> {
  const command = new CommandProcess(['check', inFolder(job), ...args]);
  const exitCode = await command.exitCode;
  return { exitCode, output: command.output };
}

test('a job that fits its newest checkpoint is told so, state by state', async () => {
  const { exitCode, output } = await check('new.ts', ...data);
  expect(exitCode, output).toBe(EXIT_CODES.OK);
  expect(output).toMatch(/^counting against checkpoint \d+ of .*chk-\d+-1\.json\)\n\nOPERATOR +STATE +KIND +OUTCOME\n/);
  expect(output).toMatch(/count +count +value +compatible after resolution: \+name\n/);
  expect(output).toContain('counting can go on from there');
});

test('one that does not fit is refused with what and why, as text and as JSON, and by the manifest’s address', async () => {
  const { exitCode, output } = await check('wrong.ts', ...data);
  expect(exitCode).toBe(EXIT_CODES.FAILED);
  expect(output).toMatch(/count +count +value +INCOMPATIBLE/);
  expect(output).toMatch(/problem: state count of operator count: Count\.isOdd: .*\n {2}stored: .*\n {2}declared: /);
  expect(output).toContain('counting would be refused: 1 problem');
  const chain = join(inFolder('data'), 'checkpoints/counting/0');
  const manifest = readdirSync(chain).find((name) => name.startsWith('chk-'))!;
  const json = await check('wrong.ts', '--from', join(chain, manifest), '--json');
  expect(json.exitCode).toBe(EXIT_CODES.FAILED);
  expect(JSON.parse(json.output)).toMatchObject({
    job: 'counting',
    isCompatible: false,
    checkpoint: { kind: 'checkpoint' },
    problems: [{ message: expect.stringContaining('state count of operator count') }],
  });
});

test('what cannot be told has an exit code of its own', async () => {
  const nothing = await check('old.ts', '--from', inFolder('nowhere'));
  expect(nothing.exitCode).toBe(EXIT_CODES.USAGE);
  expect(nothing.output).toContain("there is no savepoint, and no checkpoint of job 'counting'");
  const anew = await check('old.ts', '--data', inFolder('empty'));
  expect(anew.exitCode).toBe(EXIT_CODES.OK);
  expect(anew.output).toContain('the job would start anew');
});
