import { Command, CommanderError, Option } from 'commander';
import { createNodeEnvironment } from '../base/environment-node.ts';
import type { Environment } from '../base/environment.ts';
import { UserError } from '../base/errors.ts';
import type { Compatibility } from '../checkpoint/compatibility.ts';
import { findCheckpoint } from '../checkpoint/find-checkpoint.ts';
import type { FoundCheckpoint } from '../checkpoint/manifest.ts';
import type { JobDefinition } from '../graph/job-definition.ts';
import { createJobGraph } from '../graph/job-graph.ts';
import { checkJobStates } from '../runtime/check-job-states.ts';
import { compatibilityText } from './compatibility-text.ts';
import { EXIT_CODES } from './exit-code.ts';
import { addParamOptions, parseParams, variableName } from './job-params.ts';
import { loadJob } from './load-job.ts';

interface CheckFlags {
  readonly from?: string;
  readonly checkpoints?: string;
  readonly data?: string;
  readonly maxParallelism?: string;
  readonly allowNonRestoredState?: boolean;
  readonly json?: boolean;
}

/**
 * `tidemark check JOB`: whether a job could go on from a checkpoint or savepoint, without starting it. Returns the exit
 * code: 0 when it could, 1 when it would be refused.
 *
 * @throws UserError (exit code 2) when that cannot be told: no such job, no such checkpoint, wrong parameters.
 */
export async function checkCommand(argv: readonly string[]): Promise<number> {
  const [jobPath, ...rest] = argv;
  if (jobPath === undefined || jobPath.startsWith('-')) {
    throw new UserError('CONFIGURATION', 'tidemark check needs the path of a job module', {
      hint: 'For example: tidemark check jobs/attribution/job.ts --from s3://bucket/savepoint',
    });
  }
  const job = await loadJob(jobPath);
  const command = createCheckCommand(job, jobPath);
  try {
    command.parse([...rest], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_CODES.OK; // --help
    throw new UserError('CONFIGURATION', (error as Error).message.replace(/^error: /, '').replaceAll('\n', ' '), {
      hint: `tidemark check ${jobPath} --help`,
    });
  }
  const environment = createNodeEnvironment();
  return await check(job, command.opts(), environment);
}

async function check(job: JobDefinition, flags: CheckFlags, environment: Environment): Promise<number> {
  const { variables } = environment;
  const params = parseParams(job.params, flags as Readonly<Record<string, unknown>>, variables);
  const graph = createJobGraph(job.createGraph(params, environment), {
    ...job.options,
    maxParallelism: maxParallelismOf(flags, variables) ?? job.options?.maxParallelism,
  });
  const data = flags.data ?? variables[variableName('data')] ?? '.tidemark';
  const checkpoints = flags.checkpoints ?? variables[variableName('checkpoints')] ?? `${data}/checkpoints`;
  const found = await findCheckpoint(environment, { from: flags.from, checkpoints, jobName: job.name });
  if (found === undefined) {
    print(flags, { job: job.name, isCompatible: true, checkpoint: null }, () => [
      `${job.name}: there is no checkpoint in ${checkpoints}; the job would start anew`,
    ]);
    return EXIT_CODES.OK;
  }
  const allowNonRestoredState = flags.allowNonRestoredState === true;
  const options = { environment, jobName: job.name, where: found.where, allowNonRestoredState, isComplete: true };
  const compatibility = await checkJobStates(found.manifest, found.storage, graph, options);
  print(flags, report(job.name, found, compatibility), () => compatibilityText(job.name, found, compatibility));
  return compatibility.problems.length === 0 ? EXIT_CODES.OK : EXIT_CODES.FAILED;
}

function report(job: string, { manifest, where }: FoundCheckpoint, compatibility: Compatibility): object {
  const { kind, checkpointId, completedAtMs } = manifest;
  const { operators, problems, warnings } = compatibility;
  return {
    job,
    isCompatible: problems.length === 0,
    checkpoint: { kind, checkpointId, where, completedAt: new Date(completedAtMs).toISOString() },
    operators,
    problems,
    warnings,
  };
}

function print(flags: CheckFlags, value: object, text: () => readonly string[]): void {
  process.stdout.write(flags.json === true ? `${JSON.stringify(value)}\n` : `${text().join('\n')}\n`);
}

function createCheckCommand(job: JobDefinition, jobPath: string): Command {
  const command = new Command('tidemark')
    .usage(`check ${jobPath} [options]`)
    .description(`Tells whether the job '${job.name}' could go on from a checkpoint or savepoint, without starting it.`)
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .optionsGroup('Options:')
    .option('--from <url>', 'a savepoint folder, the manifest of a checkpoint (…/chk-7-1.json), or a checkpoint folder')
    .option(
      '--checkpoints <url>',
      `checkpoint folder whose newest checkpoint is taken without --from (default: DATA/checkpoints) [${variableName('checkpoints')}]`,
    )
    .option('--data <folder>', `folder for local data (default: .tidemark) [${variableName('data')}]`)
    .option('--max-parallelism <n>', `as it will be given to run [${variableName('maxParallelism')}]`)
    .addOption(new Option('--allow-non-restored-state', 'state of operators that the job no longer has may be dropped'))
    .option('--json', 'print JSON');
  addParamOptions(command, job);
  return command.addHelpText(
    'after',
    '\nExit codes: 0 the job could go on from there, 1 it would be refused, 2 that cannot be told (wrong usage, no such checkpoint).',
  );
}

function maxParallelismOf(
  flags: CheckFlags,
  variables: Readonly<Record<string, string | undefined>>,
): number | undefined {
  const text = flags.maxParallelism ?? variables[variableName('maxParallelism')];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new UserError('CONFIGURATION', `--max-parallelism: expected a positive integer, found '${text}'`);
}
