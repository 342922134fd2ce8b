/*
 * Replays a file of vectors against the engine's own operators (README.md).
 *
 * Run: npm run conformance -- run FILE [--type TYPE] [--name TEXT] [--json] [--strict]
 */
import { parseArgs } from 'node:util';
import { runVector, type VectorResult } from './run-vector.ts';
import { readVectors } from './vector.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    type: { type: 'string' },
    name: { type: 'string' },
    json: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
  },
});
const [verb, ...files] = positionals;
if (verb !== 'run' || files.length === 0) {
  process.stderr.write('usage: npm run conformance -- run FILE... [--type TYPE] [--name TEXT] [--json] [--strict]\n');
  process.exit(2);
}

const results: VectorResult[] = [];
for (const vector of files.flatMap((file) => readVectors(file))) {
  if (values.type !== undefined && vector.operator.type !== values.type) continue;
  if (values.name !== undefined && !vector.name.includes(values.name)) continue;
  const result = await runVector(vector);
  results.push(result);
  if (!values.json) print(lineOf(result));
}

const countOf = (result: VectorResult['result']): number => results.filter((it) => it.result === result).length;
if (values.json) print(JSON.stringify(results));
else print(`${countOf('ok')} passed, ${countOf('fail')} failed, ${countOf('skip')} skipped`);
process.exitCode = countOf('fail') > 0 || (values.strict && countOf('skip') > 0) ? 1 : 0;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function lineOf({ name, result, detail }: VectorResult): string {
  if (result === 'ok') return `ok ${name}`;
  return result === 'fail' ? `FAIL ${name} ${detail}` : `skip ${name} (${detail})`;
}
