/*
 * Both engines on the same bytes, in turn, each run in a fresh process; medians and ratios at the end.
 *
 * Run: npm run bench:versus -- --opponent PATH_TO_ITS_RUNNER [options]; --help lists them
 *
 * Every finished run is a line of the results file: a call with the same file goes on where the last one was cut off.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Engine, QUERIES, type RunResult, type Setting, type Store, settingKey } from './run-result.ts';
import { ratioTable } from './ratio-table.ts';

const HELP = `npm run bench:versus -- --opponent PATH [options]

  --opponent PATH      the opponent's runner (nexmark QUERY --events N --backend NAME --parallelism P …)
  --results FILE       JSON lines of all runs; default .bench/versus.jsonl
  --queries LIST       default ${QUERIES.join(',')}
  --stores LIST        rocksdb,heap
  --parallelism LIST   1,2
  --runs N             runs of each engine; default 5
  --warmup N           runs before them in the same process; default 0
  --scale FACTOR       of the number of events per query; default 1
  --interval DURATION  between checkpoints; default 10s
  --table              only print the table of what the results file holds
`;

/** Events per query, so that each engine runs for some seconds. */
const EVENTS: Readonly<Record<string, number>> = {
  ...Object.fromEntries(['q0', 'q1', 'q2', 'q13'].map((query) => [query, 10_000_000])),
  ...Object.fromEntries(['q3', 'q8'].map((query) => [query, 5_000_000])),
};
const EVENTS_DEFAULT = 2_000_000;

const { values } = parseArgs({
  options: {
    opponent: { type: 'string' },
    results: { type: 'string', default: fileURLToPath(new URL('../../../.bench/versus.jsonl', import.meta.url)) },
    queries: { type: 'string', default: QUERIES.join(',') },
    stores: { type: 'string', default: 'rocksdb,heap' },
    parallelism: { type: 'string', default: '1,2' },
    runs: { type: 'string', default: '5' },
    warmup: { type: 'string', default: '0' },
    scale: { type: 'string', default: '1' },
    interval: { type: 'string', default: '10s' },
    table: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
} else {
  if (!values.table) measure();
  console.log(ratioTable(readResults()));
}

function measure(): void {
  const { opponent } = values;
  if (opponent === undefined) {
    console.error(HELP);
    process.exit(2);
  }
  const done = new Set(readResults().map((result) => `${settingKey(result)} ${result.engine} ${result.run}`));
  for (let run = 0; run < Number(values.runs); run++) {
    for (const setting of settings()) {
      // Who is first changes, so that a drift of the machine meets both.
      const engines: readonly Engine[] = run % 2 === 0 ? ['tidemark', 'flink'] : ['flink', 'tidemark'];
      for (const engine of engines) {
        if (done.has(`${settingKey(setting)} ${engine} ${run}`)) continue;
        const line = engine === 'flink' ? runOpponent(opponent, setting) : runOurs(opponent, setting);
        const result: RunResult = { engine, run, ...setting, ...line };
        appendFileSync(values.results, `${JSON.stringify(result)}\n`);
        const { query, store, parallelism, events, eventsPerCpuSecond, seconds, outputRows } = result;
        console.log(
          `${query} ${store} p${parallelism} ${engine}: ${Math.round(eventsPerCpuSecond / 1000)} K/CPU s, ${seconds} s, ${events} events, ${outputRows} rows`,
        );
      }
    }
  }
}

function* settings(): Generator<Setting> {
  for (const query of values.queries.split(','))
    for (const store of values.stores.split(',') as Store[])
      for (const parallelism of values.parallelism.split(',').map(Number))
        yield { query, store, parallelism, events: (EVENTS[query] ?? EVENTS_DEFAULT) * Number(values.scale) };
}

type Line = Omit<RunResult, 'engine' | 'run' | keyof Setting>;

function runOpponent(opponent: string, { query, store, parallelism, events }: Setting): Line {
  const backend = store === 'heap' ? 'hashmap' : 'rocksdb';
  return lastJson(opponent, [
    ...['nexmark', query, '--events', `${events}`, '--backend', backend, '--parallelism', `${parallelism}`],
    ...['--warmup', values.warmup, '--conf', `execution.checkpointing.interval=${values.interval}`],
  ]);
}

function runOurs(opponent: string, { query, store, parallelism, events }: Setting): Line {
  const folder = output(opponent, ['generate', 'nexmark', '--events', `${events}`])
    .trim()
    .split('\n')
    .at(-1)!;
  const bench = fileURLToPath(new URL('../main.ts', import.meta.url));
  return lastJson(process.execPath, [
    ...[bench, 'nexmark', query, '--input', `${folder}/events.avro`, '--events', `${events}`, '--store', store],
    ...['--parallelism', `${parallelism}`, '--checkpoint-interval', values.interval, '--warmup', values.warmup],
  ]);
}

function lastJson(command: string, options: readonly string[]): Line {
  const line = output(command, options)
    .trim()
    .split('\n')
    .findLast((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`${command} ${options.join(' ')} printed no JSON line`);
  return JSON.parse(line) as Line;
}

function output(command: string, options: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, options, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${command} ${options.join(' ')} failed:\n${stderr.slice(-2000)}`);
  return stdout;
}

function readResults(): RunResult[] {
  if (!existsSync(values.results)) return [];
  return readFileSync(values.results, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RunResult);
}
