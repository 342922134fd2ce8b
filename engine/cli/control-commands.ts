import { readdirSync, readFileSync, existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { ExternalError, UserError } from '../base/errors.ts';
import {
  controlFile,
  type ControlAddress,
  type ControlFailure,
  type ControlStatus,
  type ControlRequest,
} from './control-server.ts';
import { statusText } from './status-text.ts';

/** The commands that give orders to jobs running on this machine. */
export function createControlCommands(print: (value: unknown, isJson: boolean) => void): Command[] {
  const withData = (command: Command): Command =>
    command
      .option('--data <folder>', 'folder for local data that the job was started with', '.tidemark')
      .option('--json', 'print JSON');
  const list = withData(new Command('list').description('Lists the jobs that run with the data folder.')).action(
    (options: Options) => {
      print(listJobs(options.data), options.json === true);
    },
  );
  const info = withData(
    new Command('info').description('Shows the status of a running job.').argument('<job>', 'name of the job'),
  );
  info.action(async (job: string, options: Options) => {
    const status = (await order(job, options, { verb: 'status' })) as ControlStatus;
    print(options.json === true ? status : statusText(job, status), options.json === true);
  });
  const checkpoint = withData(
    new Command('checkpoint').description('Takes a checkpoint now.').argument('<job>', 'name of the job'),
  );
  checkpoint.action(async (job: string, options: Options) =>
    print(await order(job, options, { verb: 'checkpoint' }), options.json === true),
  );
  const savepoint = withData(
    new Command('savepoint')
      .description('Writes a self-contained savepoint; the job goes on.')
      .argument('<job>', 'name of the job')
      .argument('<url>', 'empty folder or s3://bucket/prefix'),
  );
  savepoint.action(async (job: string, url: string, options: Options) =>
    print(await order(job, options, { verb: 'savepoint', target: absolute(url) }), options.json === true),
  );
  const stop = withData(
    new Command('stop').description('Stops a job with a last checkpoint.').argument('<job>', 'name of the job'),
  )
    .option('--drain', 'end all sources first, so that every window fires')
    .option('--savepoint <url>', 'copy the last checkpoint to this empty folder or s3://bucket/prefix, as a savepoint');
  stop.action(async (job: string, options: Options & { drain?: boolean; savepoint?: string }) => {
    const savepointUrl = options.savepoint === undefined ? undefined : absolute(options.savepoint);
    print(
      await order(job, options, { verb: 'stop', drain: options.drain === true, savepoint: savepointUrl }),
      options.json === true,
    );
  });
  const cancel = withData(
    new Command('cancel')
      .description('Ends a job at once, without a last checkpoint.')
      .argument('<job>', 'name of the job'),
  );
  cancel.action(async (job: string, options: Options) =>
    print(await order(job, options, { verb: 'cancel' }), options.json === true),
  );
  return [list, info, checkpoint, savepoint, stop, cancel, createQueryCommand(withData, print)];
}

interface QueryOptions extends Options {
  readonly operator?: string;
  readonly state?: string;
  readonly key?: string;
  readonly keyType?: string;
  readonly namespace?: string;
  readonly consistency: string;
}

function createQueryCommand(
  withData: (command: Command) => Command,
  print: (value: unknown, isJson: boolean) => void,
): Command {
  const query = withData(
    new Command('query')
      .description('Looks up what a running job keeps for a key; without --operator, what can be asked for.')
      .argument('<job>', 'name of the job'),
  )
    .option('--operator <uid>', 'uid of the operator')
    .option('--state <name>', 'name of the state')
    .option('--key <key>', 'the key, as text')
    .option('--key-type <type>', 'string, number, bigint or boolean (default: string, else what the text reads as)')
    .option('--namespace <namespace>', 'only this window: its start in milliseconds, or start:end of a session')
    .option('--consistency <which>', 'live (as it is now, uncommitted) or checkpoint (the last complete one)', 'live');
  return query.action(async (job: string, options: QueryOptions) => {
    print(await call(job, options, { method: 'GET', path: queryPath(options) }), options.json === true);
  });
}

function queryPath(options: QueryOptions): string {
  const { operator, state, key, keyType, namespace, consistency } = options;
  if (operator === undefined) return '/state';
  if (state === undefined || key === undefined)
    throw new UserError('CONFIGURATION', '--operator needs --state and --key beside it');
  const parameters = new URLSearchParams({ key, consistency });
  if (keyType !== undefined) parameters.set('keyType', keyType);
  if (namespace !== undefined) parameters.set('namespace', namespace);
  return `/state/${encodeURIComponent(operator)}/${encodeURIComponent(state)}?${parameters.toString()}`;
}

interface Options {
  readonly data: string;
  readonly json?: boolean;
}

function listJobs(dataDirectory: string): readonly { readonly job: string; readonly pid: number }[] {
  const directory = resolve(dataDirectory);
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith('.control.json'))
    .map((name) => readAddress(`${directory}/${name}`))
    .filter(({ pid }) => isAlive(pid))
    .map(({ job, pid }) => ({ job, pid }));
}

function order(job: string, options: Options, request: ControlRequest): Promise<unknown> {
  return call(job, options, { method: 'POST', path: '/', body: JSON.stringify(request) });
}

async function call(
  job: string,
  options: Options,
  request: { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: string },
): Promise<unknown> {
  const file = controlFile(resolve(options.data), job);
  const address = existsSync(file) ? readAddress(file) : undefined;
  if (address === undefined || !isAlive(address.pid)) {
    throw new UserError('NOT_FOUND', `no job '${job}' is running with the data folder ${options.data}`, {
      hint: /[/\\]|\.[cm]?[jt]s$/.test(job)
        ? 'Give the name of the job, as defineJob has it, not its file.'
        : 'tidemark list shows what runs; --data, there too, must be the folder the job was started with.',
    });
  }
  let response: Response;
  try {
    response = await fetch(`http://127.0.0.1:${address.port}${request.path}`, {
      method: request.method,
      headers: { authorization: `Bearer ${address.token}` },
      body: request.body ?? null,
    });
  } catch (error) {
    throw new ExternalError('CONNECTION', `the job '${job}' (process ${address.pid}) does not answer`, {
      cause: error,
    });
  }
  const body = (await response.json()) as object;
  if (!response.ok) throw errorOf(body as Partial<ControlFailure>, response.status);
  return body;
}

/** The error as the job has it, as far as it can be told. */
function errorOf({ error, message, code, hint }: Partial<ControlFailure>, status: number): Error {
  if (code === undefined || message === undefined)
    return new ExternalError('CONNECTION', error ?? `the job answered ${status}`);
  return new ExternalError(code, message, { hint });
}

function readAddress(file: string): ControlAddress {
  return JSON.parse(readFileSync(file, 'utf8')) as ControlAddress;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The job's process may have another working directory: folders are sent as absolute paths. */
function absolute(url: string): string {
  return /^[a-z0-9]+:/i.test(url) ? url : resolve(url);
}
