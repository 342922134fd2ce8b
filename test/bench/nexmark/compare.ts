import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { QueryName } from '../../../jobs/nexmark/queries/queries.ts';
import type { EventInput } from './event-input.ts';

/** The queries that both the opponent and the checker know. */
const COMPARED: readonly QueryName[] = [
  ...(['q0', 'q1', 'q2', 'q3', 'q4', 'q5', 'q7', 'q8', 'q9', 'q11', 'q13', 'q15', 'q18', 'q19', 'q20'] as const),
];
/** Columns that do not depend on a choice among ties. */
const FREE_OF_TIES: Readonly<Partial<Record<QueryName, readonly number[]>>> = {
  q9: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13],
  q18: [0, 1, 5],
  q19: [0, 2, 7],
};
const SHOWN_ROWS = 3;

export interface CompareOptions {
  /** None: all. */
  readonly queries: readonly QueryName[];
  readonly input: EventInput;
  /** The events as JSON lines, for the checker. */
  readonly linesFile: string;
  readonly checker: string;
  readonly opponent: string | undefined;
  /** Which events the opponent is to make or find: those of the input. */
  readonly dataOptions: readonly string[];
  /** Runs a query and writes its rows. */
  readonly run: (query: QueryName, print: string) => Promise<void>;
}

/** Runs queries, and says whether the checker (and the opponent) come to the same rows. Returns the exit code. */
export async function compareQueries(options: CompareOptions): Promise<number> {
  const queries = options.queries.length > 0 ? options.queries : COMPARED;
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-nexmark-compare-'));
  const fileOf = (query: QueryName): string => join(folder, `${query}.txt`);
  try {
    for (const query of queries) await options.run(query, fileOf(query));
    const equal = check(options, new Map(queries.map((query) => [query, fileOf(query)])));
    if (options.opponent !== undefined) {
      for (const query of queries)
        if (!compareOpponent(options.opponent, options, query, fileOf(query), folder)) equal.delete(query);
    }
    console.log(`${equal.size} of ${queries.length} queries equal`);
    return equal.size === queries.length ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The queries whose rows the checker finds right. It reads the events once, and says so in a line per query. */
function check({ checker, linesFile }: CompareOptions, files: ReadonlyMap<QueryName, string>): Set<QueryName> {
  const { status, stdout, stderr, error } = spawnSync(
    checker,
    [linesFile, ...[...files].map(([query, file]) => `${query}=${file}`)],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  if (error !== undefined) throw error;
  console.log(stdout.trimEnd());
  const equal = new Set([...files.keys()].filter((query) => new RegExp(`^${query}: equal`, 'm').test(stdout)));
  if (status !== 0 && equal.size === files.size) equal.clear();
  if (status !== 0 && status !== 1) console.log(stderr.trimEnd());
  return equal;
}

function compareOpponent(
  opponent: string,
  { dataOptions }: CompareOptions,
  query: QueryName,
  ours: string,
  folder: string,
): boolean {
  const theirs = join(folder, `${query}-opponent.txt`);
  const { status, stderr } = spawnSync(opponent, ['nexmark', query, ...dataOptions, '--print', theirs], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) {
    console.log(`${query}: the opponent failed\n${stderr.slice(-2000)}`);
    return false;
  }
  const counts = new Map<string, number>();
  for (const row of rowsOf(ours, query)) counts.set(row, (counts.get(row) ?? 0) + 1);
  for (const row of rowsOf(theirs, query)) counts.set(row, (counts.get(row) ?? 0) - 1);
  const different = [...counts].filter(([, count]) => count !== 0);
  console.log(`${query}: ${different.length === 0 ? 'equal to' : 'DIFFERENT from'} the opponent`);
  for (const [row, count] of different.slice(0, 2 * SHOWN_ROWS))
    console.log(`  ${count > 0 ? 'only ours' : 'only the opponent’s'}: ${row}`);
  return different.length === 0;
}

function rowsOf(file: string, query: QueryName): string[] {
  const rows = readFileSync(file, 'latin1').split('\n');
  rows.pop();
  const columns = FREE_OF_TIES[query];
  if (columns === undefined) return rows;
  return rows.map((row) => {
    const fields = row.split('|');
    return columns.map((column) => fields[column]).join('|');
  });
}
