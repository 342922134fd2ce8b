import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import { runIsolated } from './run-isolated.ts';
import { runVector, type VectorResult } from './run-vector.ts';
import { readVectors, type Vector } from './vector.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A valve of one channel that is told of watermark 7, and is expected to forward `expected`. */
const valve = (name: string, expected: number | string): unknown => ({
  name,
  operator: { type: 'watermarkValve', channels: 1 },
  order: 'exact',
  input: [{ t: 'wm', channel: 0, ts: 7 }],
  expect: [{ wm: expected, by: 1 }],
});

/** Fires for every millisecond until close to the end of time. */
const ENDLESS = {
  name: 'endless',
  operator: {
    type: 'window',
    assigner: { kind: 'global' },
    trigger: { kind: 'continuousEventTime', interval: 1 },
    fn: 'empty: nothing',
  },
  order: 'exact',
  input: [
    { t: 'rec', key: 'a', value: ['a', 1], ts: 1 },
    { t: 'wm', ts: 'MAX-5' },
  ],
  expect: [],
};

const UNKNOWN = { name: 'unknown', operator: { type: 'toString' }, order: 'exact', input: [], expect: [] };

function file(name: string, content: unknown): string {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  writeFileSync(join(folder, name), name.endsWith('.gz') ? gzipSync(text) : text);
  return name;
}

/** Runs the command in the folder of the files, as npm does: in another folder, INIT_CWD telling of the first. */
function run(...args: string[]): { readonly status: number | null; readonly lines: string[]; readonly error: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...createNodeEnvironment().variables, INIT_CWD: folder },
    encoding: 'utf8',
  });
  return { status, lines: stdout.trimEnd().split('\n'), error: stderr };
}

test('the command prints a line per vector and a last line of counts, and its exit status says whether one failed', () => {
  const good = file('good.json', [valve('a', 7), UNKNOWN]);
  const bad = file('bad.json.gz', [valve('b', 8), null, { name: 'c' }]);
  expect(run(good)).toEqual({
    status: 0,
    lines: ['ok a', 'skip unknown (type toString is not covered)', '1 passed, 0 failed, 1 skipped'],
    error: '',
  });
  expect(run(good, '--strict').status).toBe(1);
  expect(run('run', good, bad)).toEqual({
    status: 1,
    lines: [
      'ok a',
      'skip unknown (type toString is not covered)',
      'FAIL b output 1, step 1: expected {"wm":8,"by":1}, found {"wm":7}',
      'FAIL (without name) malformed vector: expected an object, found null',
      'FAIL c malformed vector: operator: expected an object with a type, found undefined',
      '1 passed, 3 failed, 1 skipped',
    ],
    error: '',
  });
  expect(run(good, bad, '--type', 'watermarkValve', '--name', 'a').lines).toEqual([
    'ok a',
    '1 passed, 0 failed, 0 skipped',
  ]);
  expect(JSON.parse(run(bad, '--name', 'b', '--json').lines[0]!)).toEqual([
    {
      name: 'b',
      type: 'watermarkValve',
      result: 'fail',
      detail: 'output 1, step 1: expected {"wm":8,"by":1}, found {"wm":7}',
    },
  ]);
});

test('what cannot be run is said with the file, and ends with status 2', () => {
  expect(run().status).toBe(2);
  expect(run('none.json')).toMatchObject({ status: 2, error: expect.stringContaining('none.json') });
  expect(run(file('no.json', 'no'))).toMatchObject({ status: 2, error: expect.stringContaining('no.json') });
  expect(run(file('object.json', '{}')).error).toContain('expected a JSON array of vectors');
});

test('the npm script runs the command', () => {
  file('good.json', [valve('a', 7)]);
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const stdout = execFileSync('npm', ['--prefix', cwd, 'run', '-s', 'conformance', '--', 'good.json'], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('1 passed, 0 failed, 0 skipped');
});

test('a vector that never ends has failed, and those after it are run', async () => {
  const results: VectorResult[] = [];
  const vectors = [valve('a', 7), ENDLESS, valve('b', 7)] as Vector[];
  await runIsolated(vectors, (result) => void results.push(result), { vectorMsMax: 3000 });
  expect(results.map(({ name, result, detail }) => [name, result, detail])).toEqual([
    ['a', 'ok', ''],
    ['endless', 'fail', 'not done after 3000 ms'],
    ['b', 'ok', ''],
  ]);
});

test('times beside the limits of 64 bits keep all their digits', async () => {
  const text = JSON.stringify([valve('low', 'X'), valve('high', 'Y')])
    .replaceAll('7', '-9223372036854775463')
    .replace('"X"', '-9223372036854775463')
    .replace('"Y"', '"MIN+345"');
  const vectors = readVectors(join(folder, file('limits.json', text)));
  expect(vectors[0]!.input[0]!.ts).toBe('MIN+345');
  for (const vector of vectors) expect(await runVector(vector)).toMatchObject({ result: 'ok' });
});
