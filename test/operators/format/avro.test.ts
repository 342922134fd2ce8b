import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../../../engine/base/bytes.ts';
import { UserError } from '../../../engine/base/errors.ts';
import { avroBinary, avroBinaryEncoder } from '../../../operators/format/avro/avro-binary.ts';
import { avroContainer } from '../../../operators/format/avro/avro-container.ts';
import { AvroContainerWriter } from '../../../operators/format/avro/avro-container-writer.ts';
import { confluentAvro, confluentAvroEncoder } from '../../../operators/format/avro/confluent-avro.ts';
import { lengthPrefixedAvro, lengthPrefixedAvroEncoder } from '../../../operators/format/avro/length-prefixed-avro.ts';
import { MemorySchemaRegistry } from '../../../operators/format/avro/schema-registry.ts';
import { CollectOutput, createValueDecoder } from '../../../operators/format/collect-output.ts';
import type { DecodeError } from '../../../operators/format/decode-error.ts';
import type { DecodeFormat } from '../../../operators/format/decode-format.ts';
import type { EncodeFormat } from '../../../operators/format/encode-format.ts';
import { optional } from '../../../state/schema/optional.ts';
import { pick, record } from '../../../state/schema/record.ts';
import { int, long, string } from '../../../state/schema/scalars.ts';
import { union } from '../../../state/schema/union.ts';
import { arbitraryRecord } from '../../state/schema/arbitrary-schema.ts';

const Bid = record('Bid', { auction: long(), price: long(), url: string() });
const Person = record('Person', { id: long(), name: string(), url: string() });
const Event = union('kind', { person: Person, bid: Bid });

function encodeAll<T>(format: EncodeFormat<T>, values: readonly T[]): Buffer {
  const writer = new ByteWriter(4);
  format.writeHead?.(writer);
  for (const value of values) {
    format.encode(writer, value);
    writer.bytes(Buffer.from(format.separator));
  }
  return writer.copy();
}

function decodeMessage<T>(format: DecodeFormat<T>, message: Buffer): CollectOutput<T> {
  const output = new CollectOutput<T>();
  format.createDecoder('message').decode(message, 0, message.length, true, output);
  return output;
}

/** A file in pieces of `pieceBytes`, from `start`. */
function decodeFile<T>(
  format: DecodeFormat<T>,
  input: Buffer,
  pieceBytes: number = Infinity,
  start: number = 0,
): CollectOutput<T> {
  const output = new CollectOutput<T>();
  const decoder = format.createDecoder('stream');
  let end = Math.min(input.length, pieceBytes);
  let at = 0;
  for (
    let head: number | undefined;
    decoder.readHead !== undefined && head === undefined;
    end = Math.min(input.length, end + pieceBytes)
  ) {
    head = decoder.readHead(input, end, end === input.length);
    at = head ?? 0;
  }
  at = Math.max(at, start);
  end = Math.max(end, at);
  for (;;) {
    at = decoder.decode(input, at, end, end === input.length, output);
    if (end === input.length) break;
    end = Math.min(input.length, end + pieceBytes);
  }
  expect(at).toBe(input.length);
  return output;
}

const bids = Array.from({ length: 50 }, (_, i) => ({ auction: i, price: i * 1000, url: `https://x/${i}` }));

describe('messages', () => {
  test('bare Avro is read with the schema it was written with', () => {
    const message = encodeAll(avroBinaryEncoder(Bid), [bids[7]!]);
    expect(decodeMessage(avroBinary(Bid), message).records).toEqual([bids[7]]);
    expect(createValueDecoder(avroBinary(pick(Bid, ['price']), { writer: Bid.avro }))(message)).toEqual({
      price: 7000,
    });
  });

  test('a torn or overlong message is rejected', () => {
    const message = encodeAll(avroBinaryEncoder(Bid), [bids[7]!]);
    for (let length = 0; length < message.length; length++) {
      expect(
        (decodeMessage(avroBinary(Bid), message.subarray(0, length)).rejects[0]!.error as DecodeError).reason,
      ).toBe('PARSE');
    }
    const output = decodeMessage(avroBinary(Bid), Buffer.concat([message, Buffer.from([0])]));
    expect(output.rejects[0]?.error.message).toContain('found 1 more bytes');
  });

  test('it cannot be read from a file', () => {
    expect(() => avroBinary(Bid).createDecoder('stream')).toThrow(UserError);
    expect(() => confluentAvro(Bid, new MemorySchemaRegistry()).createDecoder('stream')).toThrow(
      'cannot be read from a file',
    );
  });
});

describe('confluent messages', () => {
  test('the schema of the message is looked up once and resolved', async () => {
    const registry = new MemorySchemaRegistry();
    const Old = record('Bid', { auction: int(), price: int() });
    const New = record('Bid', { price: long(), auction: long(), note: optional(string()) });
    const oldId = await registry.register('bids-value', Old.avro);
    const newId = await registry.register('bids-value', New.avro);
    expect([oldId, newId, await registry.register('other', Old.avro)]).toEqual([1, 2, 1]);
    const messages = [
      encodeAll(confluentAvroEncoder(Old, oldId), [{ auction: 1, price: 2 }]),
      encodeAll(confluentAvroEncoder(New, newId), [{ auction: 3, price: 4, note: 'x' }]),
      encodeAll(confluentAvroEncoder(Old, oldId), [{ auction: 5, price: 6 }]),
    ];
    const decoder = confluentAvro(New, registry).createDecoder('message');
    const output = new CollectOutput<unknown>();
    for (const message of messages) {
      await decoder.prepare!(message, 0, message.length);
      expect(decoder.prepare!(message, 0, message.length)).toBeUndefined();
      decoder.decode(message, 0, message.length, true, output);
    }
    expect(output.records).toEqual([
      { price: 2, auction: 1, note: undefined },
      { price: 4, auction: 3, note: 'x' },
      { price: 6, auction: 5, note: undefined },
    ]);
  });

  test('unknown, unresolvable and headerless messages are rejected, each with its reason', async () => {
    const registry = new MemorySchemaRegistry();
    const id = await registry.register('x', Person.avro);
    const decoder = confluentAvro(Bid, registry).createDecoder('message');
    const output = new CollectOutput<unknown>();
    const messages = [
      encodeAll(confluentAvroEncoder(Bid, 999), [bids[0]!]),
      encodeAll(confluentAvroEncoder(Person, id), [{ id: 1, name: 'n', url: 'u' }]),
      Buffer.from('{"json": true}'),
      Buffer.alloc(0),
      encodeAll(confluentAvroEncoder(Bid, 0xffff_ffff), [bids[0]!]),
      encodeAll(confluentAvroEncoder(Bid, 0), [bids[0]!]),
      encodeAll(confluentAvroEncoder(Person, id), [{ id: 1, name: 'n', url: 'u' }]).subarray(0, 6),
    ];
    for (const message of messages) {
      await decoder.prepare!(message, 0, message.length);
      decoder.decode(message, 0, message.length, true, output);
    }
    expect(output.rejects.map(({ error }) => (error as DecodeError).reason)).toEqual([
      'SCHEMA_UNKNOWN',
      'SCHEMA',
      'SCHEMA',
      'SCHEMA',
      'SCHEMA_UNKNOWN',
      'SCHEMA_UNKNOWN',
      'SCHEMA',
    ]);
    expect(output.rejects[0]!.error.message).toBe(
      'confluent avro: unknown schema 999: registry in memory does not have it',
    );
  });

  test('an unknown id is asked for again, less and less often, and found once it is registered', async () => {
    let requests = 0;
    let isRegistered = false;
    const registry = {
      description: 'registry',
      register: () => Promise.resolve(1),
      getById: () => {
        requests++;
        return Promise.resolve(isRegistered ? Bid.avro : undefined);
      },
    };
    const decoder = confluentAvro(Bid, registry).createDecoder('message');
    const message = encodeAll(confluentAvroEncoder(Bid, 1), [bids[0]!]);
    const output = new CollectOutput<unknown>();
    for (let i = 0; i < 200; i++) {
      await decoder.prepare!(message, 0, message.length);
      decoder.decode(message, 0, message.length, true, output);
    }
    expect(requests).toBeLessThan(12);
    expect(output.rejects).toHaveLength(200);
    isRegistered = true;
    for (let i = 0; i < 200; i++) {
      await decoder.prepare!(message, 0, message.length);
      decoder.decode(message, 0, message.length, true, output);
    }
    expect(output.records.length).toBeGreaterThan(0);
  });

  test('a registry refuses a schema that cannot read the one before', async () => {
    const registry = new MemorySchemaRegistry();
    await registry.register('x', Bid.avro);
    await expect(registry.register('x', record('Bid', { more: string() }).avro)).rejects.toThrow('registry refuses');
  });
});

describe('length-prefixed records', () => {
  const values = bids.map((bid, i) =>
    i % 3 === 0 ? { kind: 'person' as const, id: i, name: `n${i}`, url: 'u' } : { kind: 'bid' as const, ...bid },
  );
  const file = encodeAll(lengthPrefixedAvroEncoder(Event), values);

  test('a file may come in pieces of any size', () => {
    const whole = decodeFile(lengthPrefixedAvro(Event), file);
    expect(whole.records).toEqual(values);
    for (const size of [1, 2, 3, 7, 100]) {
      const output = decodeFile(lengthPrefixedAvro(Event), file, size);
      expect(output.records).toEqual(values);
      expect(output.ends).toEqual(whole.ends);
    }
  });

  test('a reader of one branch skips or rejects the others, by name', () => {
    const Projected = pick(Bid, ['url']); // a person has one too
    const options = { writer: Event.avro };
    const skipped = decodeFile(lengthPrefixedAvro(Projected, { ...options, otherBranches: 'skip' }), file);
    expect(skipped.records).toEqual(values.filter((value) => value.kind === 'bid').map(({ url }) => ({ url })));
    expect(skipped.rejects).toEqual([]);
    expect(() => lengthPrefixedAvro(Projected, options)).toThrow('written as record Person, read as record Bid');
    const tagged = lengthPrefixedAvro(union('kind', { bid: Projected }), { ...options, otherBranches: 'skip' });
    expect(decodeFile(tagged, file).records[0]).toEqual({ kind: 'bid', url: 'https://x/1' });
  });

  test('a torn end is rejected, a broken length ends the reading', () => {
    const torn = decodeFile(lengthPrefixedAvro(Event), file.subarray(0, file.length - 1));
    expect(torn.records).toHaveLength(values.length - 1);
    expect(torn.rejects[0]?.error.message).toContain('expected a whole record at the end');
    expect(() => decodeFile(lengthPrefixedAvro(Event), Buffer.alloc(8, 0xff))).toThrow('found the length 4294967295');
  });
});

describe('container files', () => {
  function container(codec: 'null' | 'deflate' | 'snappy' | 'zstandard', values = bids): Buffer {
    const writer = new AvroContainerWriter(Bid, { codec, blockBytes: 200 });
    const parts: Buffer[] = [];
    for (const value of values) {
      writer.append(value);
      parts.push(writer.take());
    }
    writer.flush();
    parts.push(writer.take());
    return Buffer.concat(parts);
  }

  test.each(['null', 'deflate', 'snappy', 'zstandard'] as const)(
    'codec %s comes back, in pieces of any size',
    (codec) => {
      const file = container(codec);
      const whole = decodeFile(avroContainer(Bid), file);
      expect(whole.records).toEqual(bids);
      for (const size of [1, 13, 64, 500]) expect(decodeFile(avroContainer(Bid), file, size).records).toEqual(bids);
    },
  );

  test.each(['null', 'deflate'] as const)(
    'what avsc writes is read, and what we write is read by avsc: %s',
    async (codec) => {
      const encoder = new avsc.streams.BlockEncoder(avsc.Type.forSchema(Bid.avro as avsc.Schema), { codec });
      const chunks: Buffer[] = [];
      encoder.on('data', (chunk: Buffer) => chunks.push(chunk));
      for (const bid of bids) encoder.write(bid);
      encoder.end();
      await new Promise((resolve) => encoder.on('end', resolve));
      expect(decodeFile(avroContainer(Bid), Buffer.concat(chunks)).records).toEqual(bids);

      const decoder = new avsc.streams.BlockDecoder();
      const values: object[] = [];
      decoder.on('data', (value: object) => values.push({ ...value }));
      decoder.end(container(codec));
      await new Promise((resolve) => decoder.on('end', resolve));
      expect(values).toEqual(bids);
    },
  );

  test('reading goes on behind any block, and inside of one by passing over records', () => {
    const file = container('zstandard');
    const whole = decodeFile(avroContainer(Bid), file);
    expect(new Set(whole.ends).size).toBeGreaterThan(5);
    let resumeAt = 0;
    let passedOver = 0;
    whole.ends.forEach((end, i) => {
      if (end >= 0) {
        resumeAt = end;
        passedOver = 0;
      } else passedOver++;
      expect(decodeFile(avroContainer(Bid), file, Infinity, resumeAt).records.slice(passedOver)).toEqual(
        bids.slice(i + 1),
      );
    });
  });

  test('splits share the blocks among them', () => {
    const file = container('deflate');
    const head = avroContainer(Bid).createDecoder('stream').readHead!(file, file.length, true)!;
    for (const size of [50, 100, 333]) {
      const records: unknown[] = [];
      for (let from = head; from < file.length; from += size) {
        const decoder = avroContainer(Bid).createDecoder('stream');
        decoder.readHead!(file, file.length, true);
        const start = decoder.findStart!(file, from, file.length);
        const next = decoder.findStart!(file, from + size, file.length);
        const output = new CollectOutput<unknown>();
        if (start >= 0 && start < from + size) decoder.decode(file, start, next < 0 ? file.length : next, true, output);
        records.push(...output.records);
      }
      expect(records).toEqual(bids);
    }
  });

  test('a damaged block costs itself only', () => {
    const file = container('null');
    const whole = decodeFile(avroContainer(Bid), file);
    const blockEnds = [...new Set(whole.ends.filter((end) => end >= 0))];
    const damaged = Buffer.from(file);
    damaged[blockEnds[1]! - 3]! ^= 0xff; // in the sync marker behind the second block
    const output = decodeFile(avroContainer(Bid), damaged);
    expect(output.rejects).toHaveLength(1);
    expect(output.rejects[0]).toMatchObject({ start: blockEnds[0], end: blockEnds[2] });
    expect(output.records.length).toBeGreaterThan(20);
    const torn = decodeFile(avroContainer(Bid), file.subarray(0, file.length - 5));
    expect(torn.rejects[0]?.error.message).toContain('torn');
    expect(() => decodeFile(avroContainer(Bid), Buffer.from('PAR1'))).toThrow('expected it to start with "Obj"');
    expect(() => decodeFile(avroContainer(record('Bid', { x: string() })), file)).toThrow('do not resolve');
  });

  test('random damage never crashes and never invents a good file', () => {
    const file = container('snappy');
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(file.length), (at, flip, cut) => {
        const damaged = Buffer.from(file.subarray(0, file.length - (cut % 50)));
        if (at < damaged.length) damaged[at]! ^= flip;
        try {
          const output = decodeFile(avroContainer(Bid), damaged, 100);
          expect(output.records.length + output.rejects.length).toBeGreaterThan(0);
        } catch (error) {
          expect((error as DecodeError).code).toBe('RECORD');
        }
      }),
      { numRuns: 500 },
    );
  });

  test('any records come back', () => {
    const cases = arbitraryRecord(2).chain((schemaCase) =>
      fc.record({ schema: fc.constant(schemaCase.schema), values: fc.array(schemaCase.value, { maxLength: 8 }) }),
    );
    fc.assert(
      fc.property(
        cases,
        fc.constantFrom('null' as const, 'zstandard' as const),
        fc.nat(300),
        ({ schema, values }, codec, blockBytes) => {
          const writer = new AvroContainerWriter(schema, { codec, blockBytes });
          for (const value of values) writer.append(value);
          writer.flush();
          expect(decodeFile(avroContainer(schema), writer.take()).records).toEqual(values);
        },
      ),
      { numRuns: 100 },
    );
  });
});
