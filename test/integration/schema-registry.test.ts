import { beforeAll, expect, test } from 'vitest';
import { ByteWriter } from '../../engine/base/bytes.ts';
import { confluentAvro, confluentAvroEncoder } from '../../operators/format/avro/confluent-avro.ts';
import { HttpSchemaRegistry } from '../../operators/format/avro/http-schema-registry.ts';
import { CollectOutput } from '../../operators/format/collect-output.ts';
import { optional } from '../../state/schema/optional.ts';
import { record } from '../../state/schema/record.ts';
import { long, string } from '../../state/schema/scalars.ts';
import { sharedServices, uniqueName } from '../harness/services/shared.ts';

let registry: HttpSchemaRegistry;

beforeAll(async () => {
  registry = new HttpSchemaRegistry({ url: (await sharedServices('registry')).registry.url });
});

test('messages written under two versions of a schema are read as the newest', async () => {
  const subject = `${uniqueName('bids')}-value`;
  const First = record('Bid', { auction: string(), price: long() });
  const Second = record('Bid', { auction: string(), price: long(), url: optional(string()) });
  const firstId = await registry.register(subject, First.avro);
  expect(await registry.register(subject, First.avro)).toBe(firstId);
  const secondId = await registry.register(subject, Second.avro);
  const writer = new ByteWriter();
  confluentAvroEncoder(First, firstId).encode(writer, { auction: 'a', price: 1 });
  const length = writer.length;
  confluentAvroEncoder(Second, secondId).encode(writer, { auction: 'b', price: 2, url: 'u' });
  const bytes = writer.copy();
  const decoder = confluentAvro(Second, registry).createDecoder('message');
  const output = new CollectOutput<unknown>();
  for (const [start, end] of [
    [0, length],
    [length, bytes.length],
  ] as const) {
    await decoder.prepare!(bytes, start, end);
    decoder.decode(bytes, start, end, true, output);
  }
  expect(output.rejects).toEqual([]);
  expect(output.records).toEqual([
    { auction: 'a', price: 1, url: undefined },
    { auction: 'b', price: 2, url: 'u' },
  ]);
});

test('an incompatible schema is refused and an unknown id is not there', async () => {
  const subject = `${uniqueName('orders')}-value`;
  await registry.register(subject, record('Order', { id: string() }).avro);
  await expect(registry.register(subject, record('Order', { id: string(), added: string() }).avro)).rejects.toThrow(
    'refuses the schema',
  );
  expect(await registry.getById(987_654)).toBeUndefined();
});
