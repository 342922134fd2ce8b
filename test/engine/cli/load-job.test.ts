import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ExternalError, OwnershipLostError, UserError } from '../../../engine/base/errors.ts';
import { EXIT_CODES, exitCodeOf } from '../../../engine/cli/exit-code.ts';
import { loadJob } from '../../../engine/cli/load-job.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-load-job-'));
afterAll(() => rmSync(folder, { recursive: true }));

function moduleOf(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test('a job is what a module exports by default', async () => {
  const path = moduleOf('good.mjs', 'export default { name: "good", params: {}, createGraph() { return {}; } };');
  expect((await loadJob(path)).name).toBe('good');
});

test.each([
  ['nothing.mjs', 'export const job = 1;', 'does not export a job by default'],
  ['other.mjs', 'export default { name: "x" };', 'does not export a job by default'],
  ['broken.mjs', 'export default {;', 'does not load: '],
  ['throws.mjs', 'throw new Error("no licence");', 'does not load: no licence'],
])('%s is refused', async (name, text, message) => {
  const loaded = loadJob(moduleOf(name, text));
  await expect(loaded).rejects.toMatchObject({ code: 'JOB_NOT_FOUND', domain: 'user' });
  await expect(loaded).rejects.toThrow(message);
});

test('a module that is not there is named', async () => {
  await expect(loadJob(join(folder, 'missing.ts'))).rejects.toThrow(/there is no job module at .*missing\.ts/);
});

test('exit codes tell who has to act', () => {
  expect(exitCodeOf(new UserError('CONFIGURATION', 'x'))).toBe(EXIT_CODES.USAGE);
  expect(exitCodeOf(new UserError('USER_FUNCTION', 'x'))).toBe(EXIT_CODES.FAILED);
  expect(exitCodeOf(new OwnershipLostError('x'))).toBe(EXIT_CODES.OWNERSHIP_LOST);
  expect(exitCodeOf(new ExternalError('CONNECTION', 'x'))).toBe(EXIT_CODES.FAILED);
  expect(exitCodeOf(new TypeError('x'))).toBe(EXIT_CODES.FAILED);
});
