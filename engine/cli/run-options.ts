import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { UserError } from '../base/errors.ts';
import type { JobDefinition } from '../graph/job-definition.ts';
import type { RestartStrategyOptions } from '../graph/job-options.ts';
import { type MemoryPlan, planMemory, planOfCache } from '../runtime/memory-plan.ts';
import { type Duration, durationMs } from '../time/duration.ts';
import { parseByteSize } from './byte-size.ts';
import { addParamOptions, parseParams, variableName } from './job-params.ts';
import type { LogLevel } from './logger.ts';

/** Options of `tidemark run`, the same for every job. */
export interface RunOptions {
  readonly parallelism: number;
  readonly maxParallelism: number | undefined;
  /** Threads that run the subtasks; 0: the main thread alone. */
  readonly workers: number;
  readonly checkpointIntervalMs: number;
  readonly checkpointTimeoutMs: number;
  /** Address of checkpoint storage. */
  readonly checkpoints: string;
  readonly dataDirectory: string;
  readonly stateStore: 'rocksdb' | 'heap';
  readonly memory: MemoryPlan;
  readonly fromSavepoint: string | undefined;
  readonly allowNonRestoredState: boolean;
  readonly restart: RestartStrategyOptions;
  readonly logLevel: LogLevel;
  readonly isJson: boolean;
  readonly isStatusShown: boolean;
  readonly params: Readonly<Record<string, unknown>>;
}

const OPTIONS = {
  parallelism: ['--parallelism <n>', 'subtasks per operator', '1'],
  maxParallelism: [
    '--max-parallelism <n>',
    'number of key groups, fixed for the life of the state (default: 32768)',
    undefined,
  ],
  workers: [
    '--workers <n>',
    'threads to run the subtasks on; 0: all on the main thread (default: as many as the parallelism when it is above 1)',
    undefined,
  ],
  checkpointInterval: ['--checkpoint-interval <duration>', 'time between checkpoints', '10s'],
  checkpointTimeout: ['--checkpoint-timeout <duration>', 'a checkpoint that takes longer is given up', '10m'],
  checkpoints: [
    '--checkpoints <url>',
    'where checkpoints go: a folder or s3://bucket/prefix (default: DATA/checkpoints)',
    undefined,
  ],
  data: ['--data <folder>', 'folder for local data', '.tidemark'],
  state: ['--state <store>', 'working store of keyed state: rocksdb (larger than memory) or heap', 'rocksdb'],
  memory: ['--memory <size>', 'memory of the whole process; its page caches get what is left of it', undefined],
  cache: ['--cache <size>', 'memory for the page caches of keyed state, where --memory is not given', '256MB'],
  fromSavepoint: ['--from-savepoint <url>', 'start from this savepoint, when the job has no checkpoint yet', undefined],
  restart: [
    '--restart <strategy>',
    'after a failure: exponential-delay, fixed-delay, failure-rate or none',
    'exponential-delay',
  ],
  logLevel: ['--log-level <level>', 'debug, info, warn, error or silent', 'info'],
} as const;

/** The command of one job: the common options, then the job's own parameters. */
export function createRunCommand(job: JobDefinition, jobPath: string): Command {
  const command = new Command('tidemark')
    .usage(`${jobPath} [options]`)
    .description(job.description ?? `Runs the job '${job.name}'.`)
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .argument('[extra...]')
    .optionsGroup('Options:');
  for (const [name, [flags, description, defaultText]] of Object.entries(OPTIONS)) {
    const shownDefault = jobDefault(job, name as keyof typeof OPTIONS) ?? defaultText;
    const shown = shownDefault === undefined ? description : `${description} (default: ${shownDefault})`;
    command.addOption(new Option(flags, `${shown} [${variableName(name)}]`));
  }
  command.addOption(new Option('--allow-non-restored-state', 'drop state of operators that the job no longer has'));
  command.addOption(new Option('--json', 'log and summary as JSON lines'));
  command.addOption(new Option('--no-status', 'show no status line'));
  addParamOptions(command, job);
  command.addHelpText(
    'after',
    '\nEach option can also be given as the environment variable in brackets; a flag wins.\n' +
      'SIGINT and SIGTERM stop the job cleanly with a last checkpoint; the next run goes on there. A second one interrupts.\n' +
      'Exit codes: 0 done, 1 the job failed, 2 wrong usage or job definition, 3 another instance took over, 130 interrupted.',
  );
  return command;
}

/** @throws UserError CONFIGURATION naming the flag, what was expected and what was found. */
export function parseRunOptions(
  job: JobDefinition,
  values: Readonly<Record<string, unknown>>,
  variables: Readonly<Record<string, string | undefined>>,
): RunOptions {
  const text = (name: keyof typeof OPTIONS): string | undefined =>
    (values[name] as string | undefined) ?? variables[variableName(name)] ?? jobDefault(job, name) ?? OPTIONS[name][2];
  const data = resolve(text('data')!);
  const parallelism = positiveInteger(text('parallelism')!, '--parallelism');
  const workers = workersOf(text('workers'), parallelism);
  return {
    parallelism,
    maxParallelism:
      text('maxParallelism') === undefined ? undefined : positiveInteger(text('maxParallelism')!, '--max-parallelism'),
    workers,
    checkpointIntervalMs: duration(text('checkpointInterval')!, '--checkpoint-interval'),
    checkpointTimeoutMs: duration(text('checkpointTimeout')!, '--checkpoint-timeout'),
    checkpoints: text('checkpoints') ?? `${data}/checkpoints`,
    dataDirectory: data,
    stateStore: choice(text('state')!, ['rocksdb', 'heap'], '--state'),
    memory: memoryOf(text('memory'), text('cache')!, Math.max(1, workers)),
    fromSavepoint: text('fromSavepoint'),
    allowNonRestoredState: values['allowNonRestoredState'] === true,
    restart: restartOf(job, text('restart')!),
    logLevel: choice(text('logLevel')!, ['debug', 'info', 'warn', 'error', 'silent'], '--log-level'),
    isJson: values['json'] === true,
    isStatusShown: values['status'] !== false,
    params: parseParams(job.params, values, variables),
  };
}

/** What the job's own options say; flags and variables override it. */
function jobDefault({ options }: JobDefinition, name: keyof typeof OPTIONS): string | undefined {
  switch (name) {
    case 'parallelism':
      return options?.parallelism?.toString();
    case 'checkpointInterval':
      return durationText(options?.checkpointInterval);
    case 'checkpointTimeout':
      return durationText(options?.checkpointTimeout);
    case 'restart':
      return options?.restart?.kind;
    default:
      return undefined;
  }
}

/** A kind of strategy that the job itself names comes with the job's numbers. */
function restartOf({ options }: JobDefinition, text: string): RestartStrategyOptions {
  const kind = choice(text, ['exponential-delay', 'fixed-delay', 'failure-rate', 'none'], '--restart');
  return options?.restart?.kind === kind ? options.restart : { kind };
}

function durationText(duration: Duration | undefined): string | undefined {
  return typeof duration === 'number' ? `${duration}ms` : duration;
}

/** More threads than the largest parallelism are not started. */
function workersOf(text: string | undefined, parallelism: number): number {
  if (text === undefined) return parallelism > 1 ? parallelism : 0;
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= 0) return value;
  throw new UserError('CONFIGURATION', `--workers: expected an integer from 0, found '${text}'`);
}

function memoryOf(memory: string | undefined, cache: string, threads: number): MemoryPlan {
  if (memory === undefined) return planOfCache(parseByteSize(cache, '--cache'), threads);
  return planMemory(parseByteSize(memory, '--memory'), threads);
}

function positiveInteger(text: string, flag: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new UserError('CONFIGURATION', `${flag}: expected a positive integer, found '${text}'`);
}

function duration(text: string, flag: string): number {
  try {
    return durationMs(text);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError('CONFIGURATION', `${flag}: ${error.message}`, { hint: error.hint });
  }
}

function choice<T extends string>(text: string, choices: readonly T[], flag: string): T {
  const found = choices.find((candidate) => candidate === text);
  if (found !== undefined) return found;
  throw new UserError('CONFIGURATION', `${flag}: expected one of ${choices.join(', ')}, found '${text}'`);
}
