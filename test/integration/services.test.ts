import { GetObjectCommand, PutObjectCommand, S3ServiceException, type S3Client } from '@aws-sdk/client-s3';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { beforeAll, describe, expect, test } from 'vitest';
import { createS3Client } from '../harness/services/s3.ts';
import { sharedServices, uniqueName } from '../harness/services/shared.ts';

describe('kafka', () => {
  let kafka: Kafka;

  beforeAll(async () => {
    const { kafka: service } = await sharedServices('kafka');
    kafka = new Kafka({ brokers: [service.brokers], logLevel: logLevel.NOTHING });
  });

  test('a consumer reads what a transaction committed and nothing of one that was aborted', async () => {
    const topic = uniqueName('transactions');
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    const producer = kafka.producer({
      transactionalId: uniqueName('writer'),
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: { initialRetryTime: 20, retries: 10 },
    });
    await producer.connect();
    for (const [value, isCommitted] of [
      ['first', true],
      ['lost', false],
      ['second', true],
    ] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value, timestamp: '1000' }] });
      if (isCommitted) await transaction.commit();
      else await transaction.abort();
    }
    await producer.disconnect();

    const consumer = kafka.consumer({ groupId: uniqueName('readers'), readUncommitted: false });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const values: string[] = [];
    const { promise: isDone, resolve } = Promise.withResolvers<void>();
    await consumer.run({
      eachMessage: ({ message }) => {
        values.push(String(message.value));
        if (values.length === 2) resolve();
        return Promise.resolve();
      },
    });
    await isDone;
    await consumer.disconnect();
    await admin.disconnect();
    expect(values).toEqual(['first', 'second']);
  });

  test('offsets can be committed in the first transaction of a new broker', async () => {
    const topic = uniqueName('offsets');
    const groupId = uniqueName('group');
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
    const producer = kafka.producer({
      transactionalId: uniqueName('writer'),
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.sendOffsets({
      consumerGroupId: groupId,
      topics: [{ topic, partitions: [{ partition: 0, offset: '7' }] }],
    });
    await transaction.commit();
    await producer.disconnect();
    // The broker answers a commit before the offsets show.
    let offset: string | undefined;
    do offset = (await admin.fetchOffsets({ groupId, topics: [topic] }))[0]?.partitions[0]?.offset;
    while (offset === '-1');
    await admin.disconnect();
    expect(offset).toBe('7');
  });
});

describe('s3', () => {
  let client: S3Client;
  let bucket: string;

  beforeAll(async () => {
    const { s3 } = await sharedServices('s3');
    client = createS3Client(s3);
    bucket = s3.bucket;
    return () => client.destroy();
  });

  test('of several writers that put a key only if it is absent exactly one wins', async () => {
    const Key = uniqueName('manifest');
    const attempts = Array.from({ length: 8 }, (_, index) =>
      client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: `writer ${index}`, IfNoneMatch: '*' })),
    );
    const results = await Promise.allSettled(attempts);
    const winners = results.flatMap((result, index) => (result.status === 'fulfilled' ? [index] : []));
    expect(winners).toHaveLength(1);
    const object = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
    expect(await object.Body?.transformToString()).toBe(`writer ${winners[0]}`);
  });

  test('a swap with an outdated tag is refused with status 412', async () => {
    const Key = uniqueName('latest');
    const first = await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: '1' }));
    const IfMatch = first.ETag;
    await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: '2', IfMatch }));
    const error: unknown = await client
      .send(new PutObjectCommand({ Bucket: bucket, Key, Body: '3', IfMatch }))
      .catch((refusal: unknown) => refusal);
    expect(error).toBeInstanceOf(S3ServiceException);
    expect((error as S3ServiceException).$metadata.httpStatusCode).toBe(412);
  });
});

describe('postgres', () => {
  test('COPY loads rows from a stream', async () => {
    const { postgres } = await sharedServices('postgres');
    const client = new pg.Client(postgres);
    await client.connect();
    const table = uniqueName('copied');
    await client.query(`CREATE TABLE ${table} (id integer, name text)`);
    const stream = client.query(copyFrom(`COPY ${table} FROM STDIN (FORMAT csv)`));
    await pipeline(Readable.from(['1,one\n', '2,"two, quoted"\n']), stream);
    const { rows } = await client.query<{ id: number; name: string }>(`SELECT * FROM ${table} ORDER BY id`);
    await client.end();
    expect(rows).toEqual([
      { id: 1, name: 'one' },
      { id: 2, name: 'two, quoted' },
    ]);
  });
});

describe('registry', () => {
  test('a schema that old readers cannot resolve is refused with status 409', async () => {
    const { registry } = await sharedServices('registry');
    const url = `${registry.url}/subjects/${uniqueName('clicks')}-value/versions`;
    const register = (fields: readonly object[]) =>
      fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
        body: JSON.stringify({ schema: JSON.stringify({ type: 'record', name: 'Click', fields }) }),
      });
    const first = await register([{ name: 'id', type: 'string' }]);
    expect(first.status).toBe(200);
    expect(await first.json()).toEqual({ id: expect.any(Number) as number });
    const incompatible = await register([
      { name: 'id', type: 'string' },
      { name: 'cost', type: 'long' },
    ]);
    expect(incompatible.status).toBe(409);
    await incompatible.text();
  });
});
