import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { UserError } from '../../../engine/base/errors.ts';
import { createRunCommand, parseRunOptions, type RunOptions } from '../../../engine/cli/run-options.ts';
import { planOfCache } from '../../../engine/runtime/memory-plan.ts';
import type { JobDefinition } from '../../../engine/graph/job-definition.ts';
import { defineJob } from '../../../operators/define-job.ts';

const clicks = defineJob({
  name: 'clicks',
  description: 'Counts clicks.',
  params: { brokers: z.string().default('127.0.0.1:9092').describe('Kafka brokers'), limit: z.number().optional() },
  build: () => {},
});

const job = clicks as unknown as JobDefinition;

function parse(argv: readonly string[], variables: Record<string, string> = {}): RunOptions {
  const command = createRunCommand(job, 'run clicks.ts');
  command.parse([...argv], { from: 'user' });
  return parseRunOptions(job, command.opts(), variables);
}

test('without options a job runs alone, with a checkpoint every 10 s into the data folder', () => {
  expect(parse([])).toEqual({
    parallelism: 1,
    maxParallelism: undefined,
    workers: 0,
    checkpointIntervalMs: 10_000,
    checkpointTimeoutMs: 600_000,
    checkpoints: resolve('.tidemark/checkpoints'),
    dataDirectory: resolve('.tidemark'),
    stateStore: 'rocksdb',
    memory: planOfCache(256 * 1024 * 1024, 1),
    fromSavepoint: undefined,
    allowNonRestoredState: false,
    restart: { kind: 'exponential-delay' },
    logLevel: 'info',
    isJson: false,
    isStatusShown: true,
    params: { brokers: '127.0.0.1:9092', limit: undefined },
  });
});

test('subtasks run on as many threads as the parallelism says, unless told otherwise', () => {
  expect(parse(['--parallelism', '3'])).toMatchObject({ parallelism: 3, workers: 3 });
  expect(parse(['--parallelism', '3', '--workers', '0'])).toMatchObject({ parallelism: 3, workers: 0 });
  expect(parse(['--workers', '1'])).toMatchObject({ parallelism: 1, workers: 1 });
  expect(parse([], { TIDEMARK_WORKERS: '2', TIDEMARK_PARALLELISM: '2' })).toMatchObject({ workers: 2 });
  expect(() => parse(['--workers', 'all'])).toThrow("--workers: expected an integer from 0, found 'all'");
});

test("the job's own options are defaults, which flags override", () => {
  const own = defineJob({
    name: 'own',
    options: { parallelism: 3, checkpointInterval: 500 },
    build: () => {},
  }) as unknown as JobDefinition;
  const command = createRunCommand(own, 'run own.ts');
  expect(command.helpInformation()).toContain('(default: 500ms)');
  expect(parseRunOptions(own, {}, {})).toMatchObject({ parallelism: 3, checkpointIntervalMs: 500 });
  expect(parseRunOptions(own, { parallelism: '2' }, {})).toMatchObject({ parallelism: 2, checkpointIntervalMs: 500 });
});

test("a job's own restart strategy keeps its numbers, unless another kind is asked for", () => {
  const restart = { kind: 'fixed-delay', attempts: 7, delay: '3s' } as const;
  const own = defineJob({ name: 'own', options: { restart, checkpointTimeout: '1m' }, build: () => {} });
  expect(createRunCommand(own, 'own.ts').helpInformation()).toMatch(/default:\s+fixed-delay/);
  expect(parseRunOptions(own, {}, {})).toMatchObject({ restart, checkpointTimeoutMs: 60_000 });
  expect(parseRunOptions(own, { restart: 'none' }, {}).restart).toEqual({ kind: 'none' });
});

test('flags win over environment variables', () => {
  const variables = { TIDEMARK_PARALLELISM: '3', TIDEMARK_CACHE: '1GB', TIDEMARK_BROKERS: 'kafka:9092' };
  const options = parse(
    [
      '--parallelism',
      '2',
      '--checkpoints',
      's3://bucket/chk',
      '--data',
      '/data',
      '--json',
      '--no-status',
      '--limit',
      '5',
    ],
    variables,
  );
  expect(options).toMatchObject({
    parallelism: 2,
    memory: planOfCache(1024 ** 3, 2),
    checkpoints: 's3://bucket/chk',
    dataDirectory: '/data',
    isJson: true,
    isStatusShown: false,
    params: { brokers: 'kafka:9092', limit: 5 },
  });
});

test.each([
  [['--parallelism', '0'], "--parallelism: expected a positive integer, found '0'"],
  [['--parallelism', '1.5'], "--parallelism: expected a positive integer, found '1.5'"],
  [['--max-parallelism', 'x'], "--max-parallelism: expected a positive integer, found 'x'"],
  [['--state', 'redis'], "--state: expected one of rocksdb, heap, found 'redis'"],
  [
    ['--restart', 'never'],
    "--restart: expected one of exponential-delay, fixed-delay, failure-rate, none, found 'never'",
  ],
  [['--log-level', 'loud'], "--log-level: expected one of debug, info, warn, error, silent, found 'loud'"],
  [['--cache', 'big'], "--cache: expected a size such as 256MB, found 'big'"],
  [['--checkpoint-interval', 'soon'], "expected a duration such as '30s', found 'soon'"],
])('%j is refused, saying what was expected and found', (argv, message) => {
  expect(() => parse(argv)).toThrow(UserError);
  expect(() => parse(argv)).toThrow(message);
});

test('an unknown flag is an error of its own', () => {
  expect(() => parse(['--paralelism', '2'])).toThrow(/unknown option '--paralelism'.*--parallelism/s);
});

test('help shows the options and the parameters of the job, with defaults and variables', () => {
  const help = createRunCommand(job, 'run clicks.ts').helpInformation();
  expect(help).toContain('Counts clicks.');
  expect(help).toMatch(/--parallelism <n>.*\(default: 1\)\s+\[TIDEMARK_PARALLELISM\]/s);
  expect(help).toMatch(/Parameters of clicks:.*--brokers <value>\s+Kafka brokers \(default: "127\.0\.0\.1:9092"\)/s);
});
