import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EXIT_CODES } from '../../../engine/cli/exit-code.ts';
import { CommandProcess, ROOT } from './command-process.ts';

/*
 * What people see of their mistakes: the command as they run it, its exit code, and everything it prints.
 */

const ATTRIBUTION = 'jobs/attribution/job.ts';
/** Nothing listens there. */
const NOBODY = '127.0.0.1:1';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-bad-input-'));
const inFolder = (name: string): string => join(folder, name);
const aFile = inFolder('a-file');

beforeAll(() => {
  writeFileSync(aFile, '');
  writeFileSync(inFolder('no-job.ts'), 'export const job = 1;');
  writeFileSync(inFolder('count.ts'), endlessJob('counted'));
  writeFileSync(inFolder('renamed.ts'), endlessJob('renamed'));
  writeFileSync(inFolder('throws.ts'), endlessJob('counted', 'if (n === 3) throw new TypeError("no such word");'));
});

afterAll(() => {
  CommandProcess.killAll();
  rmSync(folder, { recursive: true, force: true });
});

/** A module of a job that counts until it is stopped; `uid` names its state. */
function endlessJob(uid: string, statement: string = ''): string {
  const operators = JSON.stringify(join(ROOT, 'operators/index.ts'));
  return `
import { collectSink, defineJob, generatorSource, long, WatermarkStrategy } from ${operators};
export default defineJob({
  name: 'endless',
  params: {},
  build(env) {
    const source = generatorSource({ name: 'numbers', countPerSplit: 'unbounded', recordAt: (_split, n) => n, recordsPerSecond: 1000 });
    env.fromSource(source, 'numbers', WatermarkStrategy.noWatermarks())
      .map((n) => { ${statement} return n; })
      .keyBy((n) => n % 7)
      .reduce((sum, n) => sum + n, { uid: '${uid}', schema: long() })
      .sinkTo(collectSink({ visibility: 'immediately' }), { uid: 'out' });
  },
});
`;
}

/** One message: what is wrong, what to do; no stack, no second telling. */
test.each([
  ['a job module that is not there', ['nothing.ts'], 'there is no job module at nothing.ts', 'default export'],
  ['a module without a job', [inFolder('no-job.ts')], 'does not export a job by default', 'export default defineJob'],
  ['no job at all', [], 'needs the path of a job module', 'For example: '],
  [
    'an unknown flag',
    [ATTRIBUTION, '--latness', '3s'],
    "unknown option '--latness' (Did you mean --lateness?)",
    '--help',
  ],
  ['a stray argument', [ATTRIBUTION, 'now'], "unexpected argument 'now'", '--help'],
  ['a parameter of the wrong type', [ATTRIBUTION, '--rate', 'fast'], "--rate: expected number, found 'fast'", '--help'],
  [
    'a wrong duration',
    [ATTRIBUTION, '--lateness', 'soon'],
    "--lateness: expected a duration such as 30s, found 'soon'",
    '--help',
  ],
  [
    'a wrong choice',
    [ATTRIBUTION, '--profile', 'thick'],
    '--profile: expected one of "dense", "realistic", found \'thick\'',
    '--help',
  ],
  [
    'a wrong interval',
    [ATTRIBUTION, '--checkpoint-interval', 'soon'],
    '--checkpoint-interval: expected a duration',
    'ms, s, m, h, d',
  ],
  [
    'a broker without port',
    [ATTRIBUTION, '--kafka', 'localhost'],
    "--kafka: expected host:port, several separated by commas, found 'localhost'",
    '--help',
  ],
  [
    'a registry that is no address',
    [ATTRIBUTION, '--kafka', NOBODY, '--registry', 'reg:1', '--warehouse', 'none', '--data', inFolder('d1')],
    'schema registry: expected http://host:port, found reg:1',
    '',
  ],
  [
    'a data folder that is a file',
    [ATTRIBUTION, '--data', aFile],
    `the data folder ${aFile} cannot be written`,
    '--data',
  ],
])('%s: one message and exit code 2', async (_what, args, message, hint) => {
  const command = new CommandProcess(['run', ...args]);
  expect(await command.exitCode).toBe(EXIT_CODES.USAGE);
  expect(command.output).toContain(message);
  expect(command.output).toContain(hint);
  expectToldOnce(command.output, message);
});

test('an order to a job that is named by its file says what is wanted', async () => {
  const command = new CommandProcess(['savepoint', 'jobs/my-job.ts', inFolder('sp'), '--data', inFolder('none')]);
  expect(await command.exitCode).toBe(EXIT_CODES.USAGE);
  expect(command.output).toContain("no job 'jobs/my-job.ts' is running");
  expect(command.output).toContain('Give the name of the job');
});

test('with --log-level debug the way to the error is shown', async () => {
  const command = new CommandProcess(['run', 'nothing.ts', '--log-level', 'debug']);
  expect(await command.exitCode).toBe(EXIT_CODES.USAGE);
  expect(command.output).toMatch(/there is no job module at nothing\.ts[^]* {4}at loadJob/);
});

test('checkpoints in a folder that cannot be written: one message, no restart', async () => {
  const checkpoints = join(aFile, 'checkpoints');
  const args = ['run', inFolder('count.ts'), '--data', inFolder('d2'), '--checkpoints', checkpoints];
  const command = new CommandProcess(args);
  expect(await command.exitCode).toBe(EXIT_CODES.FAILED);
  expect(command.output).toContain(`cannot use ${checkpoints}`);
  expect(command.output).toContain('hint: Give the job a folder that it may read and write.');
  expectToldOnce(command.output, 'cannot use');
});

test('state of another job is refused, and is whole afterwards', async () => {
  const data = ['--data', inFolder('d3')];
  const first = new CommandProcess(['run', inFolder('count.ts'), ...data]);
  await runsWithCheckpoint('endless', data);
  expect(await new CommandProcess(['stop', 'endless', ...data]).exitCode).toBe(EXIT_CODES.OK);
  expect(await first.exitCode, first.output).toBe(EXIT_CODES.OK);
  const other = new CommandProcess(['run', inFolder('renamed.ts'), ...data]);
  expect(await other.exitCode).toBe(EXIT_CODES.USAGE);
  expectToldOnce(other.output, "the checkpoint holds state of 'counted'");
  expect(other.output).toContain('--allow-non-restored-state');
  const again = new CommandProcess(['run', inFolder('count.ts'), ...data]);
  await runsWithCheckpoint('endless', data);
  await again.kill();
});

/** Asks for a checkpoint until the job is there and has taken one. */
async function runsWithCheckpoint(job: string, data: readonly string[]): Promise<void> {
  while ((await new CommandProcess(['checkpoint', job, ...data]).exitCode) !== EXIT_CODES.OK);
}

test('an error of the job is told once, as the strategy gives up', async () => {
  const command = new CommandProcess([
    'run',
    inFolder('throws.ts'),
    '--data',
    inFolder('d4'),
    '--restart',
    'fixed-delay',
  ]);
  expect(await command.exitCode).toBe(EXIT_CODES.FAILED);
  expect(command.output).toMatch(/error: attempt 1 failed, next try in 1\.0 s\n {2}task 'numbers -> /);
  expect(command.output.match(/no such word/g)).toHaveLength(2); // the first failure and the last
  expect(command.output).not.toMatch(/\n\s+at /);
});

test.each([
  ['Kafka', ['--kafka', NOBODY, '--warehouse', 'none'], `cannot reach Kafka at ${NOBODY}: `, 'Is the address right'],
  [
    'the warehouse',
    ['--warehouse', `postgres://me:secret@${NOBODY}/ads`],
    `warehouse postgres://me@${NOBODY}/ads: connecting`,
    'Is the server running',
  ],
  [
    'the object storage',
    ['--warehouse', 'none', '--checkpoints', 's3://bucket/chk'],
    'could not read s3://bucket/chk',
    'Check the endpoint',
  ],
])('%s that cannot be reached at the start is told at once, and tried again', async (_what, args, message, hint) => {
  const command = new CommandProcess(['run', ATTRIBUTION, '--no-status', '--data', inFolder('d5'), ...args], {
    AWS_ENDPOINT_URL: `http://${NOBODY}`,
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'b',
  });
  await command.until(() => command.output.includes(message));
  await command.until(() => command.output.includes(hint));
  expect(command.output).not.toContain('secret');
  expect(command.output).not.toMatch(/\n\s+at /);
  expect(command.hasExited).toBe(false);
  await command.kill();
});

function expectToldOnce(output: string, message: string): void {
  expect(output.split(message)).toHaveLength(2);
  expect(output).not.toMatch(/\n\s+at /);
}
