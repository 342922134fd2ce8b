import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { sharedServices, uniqueName } from '../../harness/services/shared.ts';
import { JobProcess } from './job-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-bad-input-'));
afterAll(() => rmSync(folder, { recursive: true }));

const COMMON = ['--no-status', '--warehouse', 'none', '--speed', '0', '--duration', '5s'];
let runCount = 0;

/** Runs the job to its end. */
async function run(
  flags: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<{ exitCode: number | null; output: string }> {
  const data = join(folder, String(runCount++));
  const job = new JobProcess([...COMMON, '--data', data, ...flags], variables);
  const exitCode = await job.exit();
  return { exitCode, output: job.output };
}

test('a topic that is missing is named, once, and not waited for', async () => {
  const { kafka } = await sharedServices('kafka');
  const prefix = `${uniqueName('missing')}-`;
  const { exitCode, output } = await run(['--kafka', kafka.brokers, '--topic-prefix', prefix]);
  expect(exitCode).toBe(2);
  expect(output.split(`topic ${prefix}impressions does not exist on Kafka at ${kafka.brokers}`)).toHaveLength(2);
  expect(output).toContain('hint: Create the topic, or correct its name');
  expect(output).not.toMatch(/attempt \d+ failed|\n\s+at /);
});

test.each([
  ['checkpoints', '--checkpoints', 'no such bucket: nowhere', 'hint: Create the bucket nowhere', {}],
  ['results', '--lake', 'no such bucket: nowhere', 'hint: Create the bucket nowhere', {}],
  ['checkpoints', '--checkpoints', 'SignatureDoesNotMatch', 'hint: Check the credentials', { secret: 'wrong' }],
  ['results', '--lake', 'SignatureDoesNotMatch', 'hint: Check the credentials', { secret: 'wrong' }],
])('%s that S3 does not take (%s): %s', async (_what, flag, message, hint, { secret }: { secret?: string }) => {
  const { s3 } = await sharedServices('s3');
  const url = secret === undefined ? 's3://nowhere/prefix' : `s3://${s3.bucket}/${uniqueName('denied')}`;
  const { exitCode, output } = await run([flag, url], {
    AWS_ENDPOINT_URL: s3.endpoint,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: secret ?? s3.secretAccessKey,
    AWS_REGION: s3.region,
  });
  expect(exitCode, output).toBe(1);
  expect(output.split(message)).toHaveLength(2);
  expect(output.split(hint)).toHaveLength(2);
  expect(output).not.toMatch(/attempt \d+ failed|\n\s+at /);
});
