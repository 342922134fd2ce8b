import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { beforeAll, expect, test } from 'vitest';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import type { ExternalError } from '../../engine/base/errors.ts';
import { openStorage, type StorageOptions } from '../../state/storage/storage-url.ts';
import { objectStorageSuite } from '../conformance/object-storage/object-storage-suite.ts';
import { createS3Client, type S3Service } from '../harness/services/s3.ts';
import { sharedServices, uniqueName } from '../harness/services/shared.ts';

let service: S3Service;
let options: StorageOptions;

beforeAll(async () => {
  service = (await sharedServices('s3')).s3;
  options = {
    endpoint: service.endpoint,
    region: service.region,
    accessKeyId: service.accessKeyId,
    secretAccessKey: service.secretAccessKey,
  };
});

const environment = createNodeEnvironment();

objectStorageSuite('S3', {
  create: () => openStorage(environment, `s3://${service.bucket}/${uniqueName('storage')}`, options),
  reopen: (storage) => openStorage(environment, storage.description, options),
});

test('a missing bucket and wrong keys are told apart, with what to do', async () => {
  const missing = await openStorage(environment, 's3://no-such-bucket-here/x', options);
  const notFound = (await missing.put('a', Buffer.from('x')).catch((error: unknown) => error)) as ExternalError;
  expect([notFound.code, notFound.retryable]).toEqual(['NOT_FOUND', false]);
  expect(notFound.message).toContain('no-such-bucket-here');

  const stranger = await openStorage(environment, `s3://${service.bucket}/x`, { ...options, secretAccessKey: 'wrong' });
  const denied = (await stranger.get('a').catch((error: unknown) => error)) as ExternalError;
  expect([denied.code, denied.retryable]).toEqual(['STORAGE', false]);
  expect(denied.hint).toContain('AWS_ACCESS_KEY_ID');
});

test('credentials and endpoint come from the environment variables when no options are given', async () => {
  const client = createS3Client(service);
  const bucket = uniqueName('bucket').replaceAll('_', '-');
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  const variables = {
    AWS_ENDPOINT_URL_S3: service.endpoint,
    AWS_ACCESS_KEY_ID: service.accessKeyId,
    AWS_SECRET_ACCESS_KEY: service.secretAccessKey,
  };
  const storage = await openStorage({ ...environment, variables }, `s3://${bucket}`);
  await storage.put('a', Buffer.from('x'));
  expect((await storage.list('')).map((entry) => entry.key)).toEqual(['a']);
  client.destroy();
});
