import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { parseByteSize } from '../../../engine/cli/byte-size.ts';
import { UserError } from '../../../engine/base/errors.ts';
import { QUERY_NAMES, type QueryName } from '../../../jobs/nexmark/queries/queries.ts';
import { compareQueries } from './compare.ts';
import { type EventInput, openInput, preparedFolder } from './event-input.ts';
import { generateFiles } from './generate.ts';
import { isLoopQuery, LOOPS } from './loops/loops.ts';
import { runLoop } from './loops/run-loop.ts';
import { foldRows, writeRows } from './print-rows.ts';
import { reportLine, reportRun } from './report.ts';
import { type RunOptions, type RunReading, runQuery } from './run-query.ts';

const HELP = `npm run bench -- nexmark QUERY… [options]
npm run bench -- nexmark generate --events N --tps T --seed S --out FOLDER [--disorder-group N] [--container]
npm run bench -- nexmark compare [QUERY…] --input FOLDER --check CHECKER [--opponent RUNNER] [options]

QUERY  ${QUERY_NAMES.join(' ')}

data
  --input PATH             events.avro or events.jsonl with its index beside it, or the folder of both;
                           default: generated once in the temporary folder
  --format avro|json       of a folder or of generated events; default avro
  --events N               default 1000000, or all of the input
  --tps N                  generated: events per second of event time; default 100000
  --seed N                 generated: default 1
run
  --engine tidemark|loop   loop: one hand-written loop without state store and checkpoints; default tidemark
  --store rocksdb|heap     default rocksdb
  --parallelism N          default 1
  --workers N              worker threads; default 0: everything on one thread
  --checkpoint-interval D  default 10s
  --cache SIZE             for pages of keyed state; default 1GB
  --emit changelog|upsert  whether the sink asks for the rows before an update; default upsert, with --print changelog
  --warmup N               runs before the measured ones; default 0
  --runs N                 measured runs; the figures are their medians; default 1
  --print FILE             writes the rows that stand at the end, in order
  --json                   only the JSON line
compare
  --check CHECKER          program that recomputes results: CHECKER EVENTS.jsonl QUERY=ROWS
  --opponent RUNNER        runs the opponent too: RUNNER nexmark QUERY --events N --tps N --seed N --print FILE
`;

const OPTIONS = {
  input: { type: 'string' },
  format: { type: 'string', default: 'avro' },
  events: { type: 'string' },
  tps: { type: 'string', default: '100000' },
  seed: { type: 'string', default: '1' },
  engine: { type: 'string', default: 'tidemark' },
  store: { type: 'string', default: 'rocksdb' },
  parallelism: { type: 'string', default: '1' },
  workers: { type: 'string', default: '0' },
  'checkpoint-interval': { type: 'string', default: '10s' },
  cache: { type: 'string', default: '1GB' },
  emit: { type: 'string' },
  warmup: { type: 'string', default: '0' },
  runs: { type: 'string', default: '1' },
  print: { type: 'string' },
  json: { type: 'boolean', default: false },
  out: { type: 'string' },
  'disorder-group': { type: 'string', default: '1' },
  container: { type: 'boolean', default: false },
  check: { type: 'string' },
  opponent: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const satisfies NonNullable<ParseArgsConfig['options']>;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>['values'];

/** Carries out a command line. Returns the exit code. @throws UserError for a wrong one. */
export async function runCommand(commandLine: readonly string[]): Promise<number> {
  const { values, positionals } = parsed(commandLine);
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const [first, ...rest] = positionals;
  if (first === 'generate') return generate(values);
  if (first === 'compare') return await compare(values, rest.map(queryCalled));
  const isTest = process.env['TIDEMARK_BENCH'] === 'test';
  const names = positionals.length > 0 ? positionals.map(queryCalled) : QUERY_NAMES;
  const input = inputOf(isTest && values.events === undefined ? { ...values, events: '2000' } : values);
  for (const query of names) await measure(query, input, values);
  return 0;
}

function parsed(commandLine: readonly string[]): { values: Values; positionals: string[] } {
  try {
    return parseArgs({ args: [...commandLine], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw wrong((error as Error).message);
  }
}

function generate(values: Values): number {
  if (values.out === undefined) throw wrong('generate: expected --out FOLDER');
  generateFiles({
    events: wholeNumber('events', values.events ?? '1000000', 0),
    tps: wholeNumber('tps', values.tps, 1),
    seed: wholeNumber('seed', values.seed, 0),
    disorderGroup: wholeNumber('disorder-group', values['disorder-group'], 1),
    container: values.container,
    out: values.out,
  });
  console.log(values.out);
  return 0;
}

async function compare(values: Values, queries: readonly QueryName[]): Promise<number> {
  if (values.input === undefined || values.check === undefined)
    throw wrong('compare: expected --input FOLDER and --check CHECKER');
  return await compareQueries({
    queries,
    input: inputOf(values),
    linesFile: openInput(values.input, 'json').path,
    checker: values.check,
    opponent: values.opponent,
    dataOptions: ['events', 'tps', 'seed'].flatMap((name) => {
      const value = values[name as 'events' | 'tps' | 'seed'];
      return value === undefined ? [] : [`--${name}`, value];
    }),
    run: (query, print) => printQuery(query, values, print),
  });
}

async function printQuery(query: QueryName, values: Values, file: string): Promise<void> {
  const options = runOptionsOf(query, inputOf(values), { ...values, print: file });
  await printed(options, file);
}

/** Runs a query, writes its rows, and adds their number to the reading. */
async function printed(options: RunOptions, file: string): Promise<RunReading> {
  const output = mkdtempSync(join(tmpdir(), 'tidemark-nexmark-rows-'));
  try {
    const reading = await runQuery({ ...options, output });
    const rows = await foldRows(options.query, output);
    writeRows(file, rows);
    return { ...reading, outputRows: rows.outputRows };
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}

async function measure(query: QueryName, input: EventInput, values: Values): Promise<void> {
  const options = runOptionsOf(query, input, values);
  const { engine, print } = values;
  if (engine === 'loop' && !isLoopQuery(query))
    throw wrong(`there is no loop for ${query}, only for ${Object.keys(LOOPS).join(' ')}`);
  const run = async (): Promise<RunReading> =>
    engine === 'loop' && isLoopQuery(query)
      ? runLoop(query, input)
      : print === undefined
        ? await runMeasured(options)
        : await printed(options, print);
  for (let i = wholeNumber('warmup', values.warmup, 0); i > 0; i--) await run();
  const readings: RunReading[] = [];
  for (let i = wholeNumber('runs', values.runs, 1); i > 0; i--) {
    const reading = await run();
    readings.push(reading);
    if (!values.json) console.error(reportRun(query, reading));
  }
  console.log(reportLine(options, engine, readings));
}

/** Files of rows, where a query is about writing them, are made and removed. */
async function runMeasured(options: RunOptions): Promise<RunReading> {
  if (options.query !== 'q10') return await runQuery(options);
  const output = mkdtempSync(join(tmpdir(), 'tidemark-nexmark-rows-'));
  try {
    const reading = await runQuery({ ...options, output });
    return reading;
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}

function runOptionsOf(query: QueryName, input: EventInput, values: Values): RunOptions {
  return {
    query,
    input,
    store: oneOf('store', values.store, ['rocksdb', 'heap']),
    parallelism: wholeNumber('parallelism', values.parallelism, 1),
    workers: wholeNumber('workers', values.workers, 0),
    checkpointInterval: values['checkpoint-interval'],
    cacheBytes: parseByteSize(values.cache, '--cache'),
    emit: oneOf('emit', values.emit ?? (values.print === undefined ? 'upsert' : 'changelog'), ['changelog', 'upsert']),
    output: undefined,
  };
}

function inputOf(values: Values): EventInput {
  const format = oneOf('format', values.format, ['avro', 'json']);
  const events = values.events === undefined ? undefined : wholeNumber('events', values.events, 0);
  const path =
    values.input ??
    preparedFolder({
      events: events ?? 1_000_000,
      tps: wholeNumber('tps', values.tps, 1),
      seed: wholeNumber('seed', values.seed, 0),
    });
  const input = openInput(path, format);
  if (events !== undefined && events !== input.eventCount)
    throw wrong(`expected ${events} events in ${input.path}, found ${input.eventCount}`);
  return input;
}

function queryCalled(name: string): QueryName {
  return oneOf('query', name, QUERY_NAMES);
}

function oneOf<const T extends string>(what: string, value: string, choices: readonly T[]): T {
  const chosen = choices.find((choice) => choice === value);
  if (chosen === undefined) throw wrong(`${what}: expected one of ${choices.join(', ')}, found ${value}`);
  return chosen;
}

function wholeNumber(name: string, text: string, min: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < min)
    throw wrong(`--${name}: expected a whole number of at least ${min}, found ${text}`);
  return value;
}

function wrong(message: string): UserError {
  return new UserError('CONFIGURATION', message, { hint: 'npm run bench -- nexmark --help lists all options.' });
}
