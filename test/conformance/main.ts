/*
 * Replays files of vectors (README.md) against the engine's own operators, one vector after the other.
 *
 * Run: npm run conformance -- FILE... [--type TYPE] [--name TEXT] [--json] [--strict]
 *      FILE: JSON, may be gzip'ed; relative to where the command is given
 * Exit status: 0 when nothing failed, 1 when something did (with --strict: or was skipped), 2 when nothing could be run
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import { runIsolated } from './run-isolated.ts';
import type { VectorResult } from './run-vector.ts';
import { readVectors, type Vector } from './vector.ts';

const USAGE = 'usage: npm run conformance -- FILE... [--type TYPE] [--name TEXT] [--json] [--strict]';

interface Arguments {
  readonly files: readonly string[];
  readonly type: string | undefined;
  readonly name: string | undefined;
  readonly isJson: boolean;
  readonly isStrict: boolean;
}

try {
  process.exitCode = await main(readArguments());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}

async function main({ files, type, name, isJson, isStrict }: Arguments): Promise<number> {
  const vectors = files
    .flatMap(readFile)
    .filter((vector) => type === undefined || vector?.operator?.type === type)
    .filter((vector) => name === undefined || String(vector?.name).includes(name));
  const results: VectorResult[] = [];
  await runIsolated(vectors, (result) => {
    results.push(result);
    if (!isJson) print(lineOf(result));
  });
  const countOf = (kind: VectorResult['result']): number => results.filter(({ result }) => result === kind).length;
  if (isJson) print(JSON.stringify(results));
  else print(`${countOf('ok')} passed, ${countOf('fail')} failed, ${countOf('skip')} skipped`);
  return countOf('fail') > 0 || (isStrict && countOf('skip') > 0) ? 1 : 0;
}

function readArguments(): Arguments {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      type: { type: 'string' },
      name: { type: 'string' },
      json: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
    },
  });
  // The verb may be said or left out.
  const files = positionals[0] === 'run' ? positionals.slice(1) : positionals;
  if (files.length === 0) throw new Error(USAGE);
  return { files, type: values.type, name: values.name, isJson: values.json, isStrict: values.strict };
}

function readFile(file: string): Vector[] {
  // npm changes into the package's folder and keeps in INIT_CWD where it was called.
  const places = [createNodeEnvironment().variables['INIT_CWD'], process.cwd()].flatMap((from) =>
    from === undefined ? [] : resolve(from, file),
  );
  const path = places.find((place) => existsSync(place));
  if (path === undefined) throw new Error(`there is no file ${[...new Set(places)].join(' or ')}`);
  try {
    return readVectors(path);
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function lineOf({ name, result, detail }: VectorResult): string {
  if (result === 'ok') return `ok ${name}`;
  return result === 'fail' ? `FAIL ${name} ${detail}` : `skip ${name} (${detail})`;
}
