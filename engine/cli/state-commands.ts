import { Command } from 'commander';
import { createNodeEnvironment } from '../base/environment-node.ts';
import { UserError } from '../base/errors.ts';
import type { StateDescriptor } from '../../state/keyed/state.ts';
import type { StoredKeyedEntry } from '../../state/offline/keyed-entry.ts';
import { descriptorOfFormat } from '../../state/offline/keyed-state-reader.ts';
import { parseAvroSchema } from '../../state/schema/parse-avro-schema.ts';
import { contentsToJson, valueToJson } from '../runtime/state-json.ts';
import { openSavepoint, type Savepoint, type SavepointOperator } from '../savepoint/savepoint.ts';
import type { Json } from '../task/source.ts';
import { formatBytes } from './byte-size.ts';
import { keysOf } from './key-text.ts';
import { table } from './table.ts';

interface Options {
  readonly job?: string;
  readonly json?: boolean;
}

/** `tidemark state list | show | export`: looks into a savepoint or checkpoint without its job. */
export function createStateCommand(): Command {
  const state = new Command('state').description('Looks into a savepoint or checkpoint, without its job.');
  const withOptions = (command: Command): Command =>
    command
      .option('--job <name>', 'the address is a checkpoint folder: take the newest checkpoint of this job')
      .option('--json', 'print JSON');
  const list = withOptions(
    new Command('list').description('Lists its operators and their states.').argument('<savepoint>', ADDRESS),
  );
  list.action(async (url: string, options: Options) => await listOperators(await open(url, options), options));
  const show = withOptions(
    new Command('show')
      .description('Shows the schemas of an operator’s states; with --key, what they hold for it.')
      .argument('<savepoint>', ADDRESS)
      .argument('<operator>', 'uid of the operator'),
  )
    .option('--key <key>', 'the key, as text')
    .option('--key-type <type>', 'string, number, bigint or boolean (default: string, else what the text reads as)');
  show.action(async (url: string, uid: string, options: Options & { key?: string; keyType?: string }) => {
    const savepoint = await open(url, options);
    if (options.key === undefined) await showOperator(savepoint, uid, options);
    else await showKey(savepoint, uid, keysOf(options.key, options.keyType));
  });
  const dump = withOptions(
    new Command('export')
      .description('Writes the state of an operator as JSON lines: one per key, or per element of an operator state.')
      .argument('<savepoint>', ADDRESS)
      .argument('<operator>', 'uid of the operator'),
  ).option('--state <name>', 'only this state; of an operator state its elements');
  dump.action(
    async (url: string, uid: string, options: Options & { state?: string }) =>
      await exportState(await open(url, options), uid, options.state),
  );
  for (const command of [list, show, dump])
    state.addCommand(command.exitOverride().configureOutput({ outputError: () => {} }));
  return state;
}

const ADDRESS = 'folder or s3://bucket/prefix of a savepoint, or the manifest of a checkpoint (…/chk-7-1.json)';

async function open(url: string, { job }: Options): Promise<Savepoint> {
  return await openSavepoint(url, { environment: createNodeEnvironment(), jobName: job });
}

async function listOperators(savepoint: Savepoint, { json }: Options): Promise<void> {
  const { kind, jobName, checkpointId, completedAtMs } = savepoint.manifest;
  const operators = await savepoint.operators();
  const completedAt = new Date(completedAtMs).toISOString();
  if (json === true) {
    print(JSON.stringify({ kind, job: jobName, checkpointId, completedAt, operators }));
    return;
  }
  print(`${kind} ${checkpointId} of job '${jobName}', ${completedAt} (${savepoint.found.where})`, '');
  const rows = operators.map((operator) => [
    operator.uid,
    operator.kind ?? '-',
    String(operator.parallelism),
    operator.pageCount === 0 ? '-' : formatBytes(operator.keyedBytes),
    statesText(operator),
  ]);
  print(...table([['OPERATOR', 'KIND', 'PARALLELISM', 'KEYED STATE', 'STATES'], ...rows]));
}

function statesText({ keyedStates, operatorStates, splitCount }: SavepointOperator): string {
  const texts = keyedStates.map(
    ({ name, kind, isNamespaced }) => `${name} (${kind}${isNamespaced ? ' per namespace' : ''})`,
  );
  for (const { name, mode, elementCount } of operatorStates) texts.push(`${name} (operator ${mode}, ${elementCount})`);
  if (splitCount > 0) texts.push(`${splitCount} splits`);
  return texts.join(', ') || '-';
}

async function showOperator(savepoint: Savepoint, uid: string, { json }: Options): Promise<void> {
  const operator = await savepoint.operator(uid);
  if (json === true) {
    print(JSON.stringify(operator));
    return;
  }
  print(`${operator.uid} (${operator.name}), max parallelism ${operator.maxParallelism}`);
  for (const { name, kind, isNamespaced, hasTtl, keySchema, schema } of operator.keyedStates) {
    print(`  ${name}: ${kind}${isNamespaced ? ' per namespace' : ''}${hasTtl ? ', with time-to-live' : ''}`);
    if (keySchema !== undefined) print(`    keys:   ${JSON.stringify(keySchema)}`);
    print(`    values: ${JSON.stringify(schema)}`);
  }
  for (const { name, mode, keySchema, schema, elementCount } of operator.operatorStates) {
    print(`  ${name}: operator ${mode}, ${elementCount} elements`);
    if (keySchema !== undefined) print(`    keys:   ${JSON.stringify(keySchema)}`);
    print(`    values: ${JSON.stringify(schema)}`);
  }
}

async function showKey(savepoint: Savepoint, uid: string, keys: ReturnType<typeof keysOf>): Promise<void> {
  const descriptors = (await savepoint.operator(uid)).keyedStates.map(descriptorOfFormat);
  for (const key of keys) {
    const entry = await savepoint.readKey(uid, key);
    if (entry === undefined) continue;
    print(JSON.stringify(entryToJson(entry, descriptors), undefined, 2));
    return;
  }
  throw new UserError('NOT_FOUND', `operator '${uid}' keeps nothing for the key ${JSON.stringify(String(keys[0]))}`);
}

async function exportState(savepoint: Savepoint, uid: string, name: string | undefined): Promise<void> {
  const operator = await savepoint.operator(uid);
  const operatorState = operator.operatorStates.find((state) => state.name === name);
  if (operatorState !== undefined) {
    exportOperatorState(savepoint, uid, operatorState);
    return;
  }
  const formats = operator.keyedStates.filter((format) => name === undefined || format.name === name);
  if (name !== undefined && formats.length === 0) {
    const known = [...operator.keyedStates, ...operator.operatorStates].map((state) => `'${state.name}'`).join(', ');
    throw new UserError('NOT_FOUND', `operator '${uid}' has no state '${name}'`, {
      hint: `It has ${known || 'none'}.`,
    });
  }
  const descriptors = formats.map(descriptorOfFormat);
  const state = Object.fromEntries(
    descriptors.map((descriptor) => [descriptor.name, { toDescriptor: () => descriptor }]),
  );
  for await (const entry of savepoint.readKeyedState(uid, { state })) {
    const json = entryToJson(entry, descriptors);
    if (name === undefined || Object.keys(json.state).length > 0) await printDrained(JSON.stringify(json));
  }
}

function exportOperatorState(
  savepoint: Savepoint,
  uid: string,
  { name, mode, keySchema, schema }: SavepointOperator['operatorStates'][number],
): void {
  const valueSchema = parseAvroSchema(schema);
  if (mode !== 'broadcast') {
    for (const value of savepoint.readOperatorState(uid, name))
      print(JSON.stringify({ value: valueToJson(valueSchema, value) }));
    return;
  }
  const keys = parseAvroSchema(keySchema!);
  for (const [key, value] of savepoint.readBroadcastState(uid, name))
    print(JSON.stringify({ key: valueToJson(keys, key), value: valueToJson(valueSchema, value) }));
}

interface EntryJson {
  readonly key: string | number | boolean;
  readonly keyGroup: number;
  readonly state: Readonly<Record<string, Json>>;
  readonly timers: StoredKeyedEntry['timers'];
}

function entryToJson(entry: StoredKeyedEntry, descriptors: readonly StateDescriptor[]): EntryJson {
  const { key, keyGroup, timers } = entry;
  const contents = entry.state as Readonly<Record<string, unknown>>;
  const state: Record<string, Json> = {};
  for (const descriptor of descriptors)
    if (contents[descriptor.name] !== undefined)
      state[descriptor.name] = contentsToJson(descriptor, contents[descriptor.name]);
  return { key: typeof key === 'bigint' ? String(key) : key, keyGroup, state, timers };
}

function print(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** A reader that is slower than the savepoint is waited for. */
async function printDrained(line: string): Promise<void> {
  if (process.stdout.write(`${line}\n`)) return;
  await new Promise<void>((resolve) => void process.stdout.once('drain', resolve));
}
