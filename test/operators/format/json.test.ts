import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../../../engine/base/bytes.ts';
import { CollectOutput } from '../../../operators/format/collect-output.ts';
import type { DecodeError } from '../../../operators/format/decode-error.ts';
import type { DecodeFormat, Framing } from '../../../operators/format/decode-format.ts';
import { fromJson, PLAIN_JSON } from '../../../operators/format/json/from-json.ts';
import { createFromJson } from '../../../operators/format/json/generate-from-json.ts';
import { json, jsonLines } from '../../../operators/format/json/json.ts';
import { jsonEncoder } from '../../../operators/format/json/json-encode.ts';
import { withDefault } from '../../../state/schema/attributes.ts';
import { array, map } from '../../../state/schema/collections.ts';
import { decimal } from '../../../state/schema/decimal.ts';
import { enumeration } from '../../../state/schema/enumeration.ts';
import { optional } from '../../../state/schema/optional.ts';
import { record } from '../../../state/schema/record.ts';
import { boolean, bytes, float64, int, long, string, timestampMs } from '../../../state/schema/scalars.ts';
import { union } from '../../../state/schema/union.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import { toJson } from '../../../state/schema/to-json.ts';
import { arbitraryRecord } from '../../state/schema/arbitrary-schema.ts';

const Geo = record('Geo', { country: string(), city: optional(string()) });

const Impression = record('Impression', {
  id: string(),
  at: timestampMs(),
  cost: optional(long()),
  width: withDefault(int(), 300),
  share: optional(float64()),
  isTest: optional(boolean()),
  kind: optional(enumeration(['display', 'video'])),
  price: optional(decimal(12, 4)),
  geo: optional(Geo),
  tags: optional(array(string())),
  extra: optional(map(long())),
  raw: optional(bytes()),
});

function decodeAll<T>(format: DecodeFormat<T>, text: string, framing: Framing = 'stream'): CollectOutput<T> {
  const output = new CollectOutput<T>();
  const input = Buffer.from(text);
  expect(format.createDecoder(framing).decode(input, 0, input.length, true, output)).toBe(input.length);
  return output;
}

function one(value: object): unknown {
  const output = decodeAll(jsonLines(Impression), JSON.stringify({ id: 'i', at: 1_767_225_600_000, ...value }));
  if (output.rejects.length > 0) throw output.rejects[0]!.error;
  return output.records[0];
}

test('a line becomes a record with all properties in the order of the schema', () => {
  const line = {
    geo: { city: null, country: 'DEU', unknown: [1, { a: 2 }] },
    at: 1_767_225_600_000,
    id: 'é\n"x"',
    extra: { a: 1 },
    tags: ['x', 'y'],
    price: '12.5',
    raw: 'AQI=',
    unknown: { deep: [1, 2, { x: 'y' }] },
    isTest: true,
  };
  const record = one(line) as Record<string, unknown>;
  expect(Object.keys(record)).toEqual(Object.keys(Impression.fields));
  expect(record).toEqual({
    id: 'é\n"x"',
    at: 1_767_225_600_000,
    cost: undefined,
    width: 300,
    share: undefined,
    isTest: true,
    kind: undefined,
    price: 125_000n,
    geo: { country: 'DEU', city: undefined },
    tags: ['x', 'y'],
    extra: { a: 1 },
    raw: Buffer.from([1, 2]),
  });
});

test.each<[unknown, number]>([
  [1_767_225_600_000, 1_767_225_600_000],
  [1_767_225_600, 1_767_225_600_000],
  [1_767_225_600.25, 1_767_225_600_250],
  ['1767225600', 1_767_225_600_000],
  ['1767225600000', 1_767_225_600_000],
  ['2026-01-01T00:00:00Z', 1_767_225_600_000],
  ['2026-01-01 01:00:00.250+01:00', 1_767_225_600_250],
  ['2026-01-01T00:00:00.123456789Z', 1_767_225_600_123],
  ['2025-12-31T19:00-0500', 1_767_225_600_000],
])('a timestamp may be written %j', (value, ms) => {
  expect(one({ at: value })).toMatchObject({ at: ms });
});

test('a time without offset is an error, or taken in the default zone', () => {
  expect(() => one({ at: '2026-01-01T00:00:00' })).toThrow('Impression.at: expected a time');
  const read = (text: string, zone: string): unknown =>
    decodeAll(jsonLines(Impression, { defaultZone: zone }), JSON.stringify({ id: 'i', at: text })).records[0]?.at;
  expect(read('2026-01-01T00:00:00', 'UTC')).toBe(1_767_225_600_000);
  expect(read('2026-01-01T02:00:00', '+02:00')).toBe(1_767_225_600_000);
  expect(read('2026-01-01T01:00:00', 'Europe/Berlin')).toBe(1_767_225_600_000);
  expect(read('2026-07-01T02:00:00', 'Europe/Berlin')).toBe(Date.UTC(2026, 6, 1));
  expect(read('2026-03-29T02:30:00', 'Europe/Berlin')).toBeUndefined(); // the clock jumped over it
  expect(read('2026-10-25T02:30:00', 'Europe/Berlin')).toBeUndefined(); // the clock showed it twice
  expect(read('2026-10-25T03:30:00', 'Europe/Berlin')).toBe(Date.UTC(2026, 9, 25, 2, 30));
  expect(() => jsonLines(Impression, { defaultZone: 'Mars/Base' })).toThrow('default zone');
});

test.each<[object, string, string]>([
  [{ id: 5 }, 'SCHEMA', 'Impression.id: expected string, found number 5'],
  [{ id: null }, 'REQUIRED_MISSING', 'Impression.id: expected string, found null'],
  [{ id: undefined }, 'REQUIRED_MISSING', 'Impression.id: expected string, found nothing'],
  [
    { at: 'yesterday' },
    'TS_UNPARSEABLE',
    'Impression.at: expected a time as epoch number or ISO-8601 with offset, found string "yesterday"',
  ],
  [{ at: '2026-02-30T00:00:00Z' }, 'TS_UNPARSEABLE', 'Impression.at'],
  [{ cost: 2 ** 53 }, 'RANGE', 'Impression.cost: expected long, found number 9007199254740992'],
  [{ cost: 1.5 }, 'SCHEMA', 'Impression.cost'],
  [{ width: 3e9 }, 'RANGE', 'Impression.width'],
  [{ kind: 'audio' }, 'SCHEMA', 'Impression.kind: expected one of display, video, found string "audio"'],
  [{ price: '1.23456' }, 'SCHEMA', 'Impression.price'],
  [{ price: 123_456_789 }, 'RANGE', 'Impression.price'],
  [{ geo: { city: 'x' } }, 'REQUIRED_MISSING', 'Impression.geo.country'],
  [{ tags: ['a', 1] }, 'SCHEMA', 'Impression.tags[1]'],
  [{ raw: '!' }, 'SCHEMA', 'Impression.raw'],
])('%j is rejected as %s', (value, reason, message) => {
  const attempt = (): unknown => one(value);
  expect(attempt).toThrow(message);
  try {
    attempt();
  } catch (error) {
    expect((error as DecodeError).reason).toBe(reason);
  }
});

describe('a stream of lines', () => {
  const lines = [
    '{"id":"a","at":1767225600000}',
    '',
    '{"id":"b","at":"?"}',
    'no json',
    '  \r',
    '{"id":"c","at":1767225600000}\r',
    '{"id":"ü","at":1767225600000}',
  ];
  const text = lines.join('\n');

  test('bad lines are rejected with their bytes, the others are read', () => {
    const output = decodeAll(jsonLines(Impression), text);
    expect(output.records.map((record) => record.id)).toEqual(['a', 'c', 'ü']);
    const input = Buffer.from(text);
    expect(output.rejects.map(({ start, end }) => input.toString('utf8', start, end))).toEqual([
      '{"id":"b","at":"?"}',
      'no json',
    ]);
    expect(output.rejects.map(({ error }) => (error as DecodeError).reason)).toEqual(['TS_UNPARSEABLE', 'PARSE']);
  });

  test('it may come in pieces of any size, and go on behind any record', () => {
    const input = Buffer.from(text);
    const whole = decodeAll(jsonLines(Impression), text);
    for (let size = 1; size < 60; size++) {
      const output = new CollectOutput<unknown>();
      const decoder = jsonLines(Impression).createDecoder('stream');
      let at = 0;
      for (let end = size; at < input.length; end = Math.min(input.length, end + size))
        at = decoder.decode(input, at, end, end === input.length, output);
      expect(output.records).toEqual(whole.records);
      expect(output.ends).toEqual(whole.ends);
    }
    for (let i = 0; i < whole.records.length; i++) {
      const output = new CollectOutput<unknown>();
      jsonLines(Impression).createDecoder('stream').decode(input, whole.ends[i]!, input.length, true, output);
      expect(output.records).toEqual(whole.records.slice(i + 1));
    }
  });

  test('splits that start where a line does share the lines among them', () => {
    const input = Buffer.from(text);
    const decoder = jsonLines(Impression).createDecoder('stream');
    const starts = new Set<number>();
    for (let from = 0; from < input.length; from++) starts.add(decoder.findStart!(input, from, input.length));
    const expected = [
      0,
      ...[...input.keys()].filter((i) => input[i] === 10 && i + 1 < input.length).map((i) => i + 1),
      -1,
    ];
    expect([...starts].sort((a, b) => a - b)).toEqual(expected.sort((a, b) => a - b));
  });
});

test('a message is one value over several lines, or an array of them', () => {
  const text = '[{"id":"a",\n"at":1767225600000}, {"id":"b"}, {"id":"c","at":1767225600000}]';
  const output = decodeAll(json(Impression), text, 'message');
  expect(output.records.map((record) => record.id)).toEqual(['a', 'c']);
  expect(output.ends).toEqual([-1, text.length]);
  expect(output.rejects).toHaveLength(1);
  expect(decodeAll(json(Impression), '', 'message').rejects[0]?.error.message).toBe(
    'expected JSON, found nothing: Unexpected end of JSON input',
  );
  expect(decodeAll(json(Impression), '\ufeff{"id":"a","at":1767225600000}', 'message').records).toHaveLength(1);
});

test('fields may have other names in JSON, at the outer level only', () => {
  const format = jsonLines(record('R', { userId: string(), inner: record('I', { userId: string() }) }), {
    names: { userId: 'user_id' },
  });
  expect(decodeAll(format, '{"user_id":"u","inner":{"userId":"v"}}').records).toEqual([
    { userId: 'u', inner: { userId: 'v' } },
  ]);
});

test('a union is told apart by its tag', () => {
  const Event = union('type', { geo: Geo, other: record('Other', { x: int() }) });
  const output = decodeAll(
    jsonLines(Event),
    '{"x":1,"type":"other"}\n{"type":"geo","country":"DEU"}\n{"type":"?"}\n{}',
  );
  expect(output.records).toEqual([
    { type: 'other', x: 1 },
    { type: 'geo', country: 'DEU', city: undefined },
  ]);
  expect(output.rejects.map(({ error }) => (error as DecodeError).reason)).toEqual(['SCHEMA', 'REQUIRED_MISSING']);
});

test('what the encoder writes is read back, for any schema and value', () => {
  const cases = arbitraryRecord(2).chain((schemaCase) =>
    fc.record({
      schema: fc.constant(schemaCase.schema),
      values: fc.array(schemaCase.value, { minLength: 1, maxLength: 5 }),
    }),
  );
  fc.assert(
    fc.property(cases, fc.constantFrom('epochMs' as const, 'iso' as const), ({ schema, values }, timestamps) => {
      const writer = new ByteWriter();
      const encoder = jsonEncoder(schema, { timestamps });
      for (const value of values) {
        encoder.encode(writer, value);
        writer.bytes(Buffer.from(encoder.separator));
      }
      const output = decodeAll(jsonLines(schema), writer.copy().toString());
      expect(output.rejects).toEqual([]);
      expect(output.records).toEqual(values.map(wellFormed));
    }),
    { numRuns: 300 },
  );
});

test('the generated encoder writes what JSON.stringify writes', () => {
  const cases = arbitraryRecord(2).chain((schemaCase) =>
    fc.record({ schema: fc.constant(schemaCase.schema), value: schemaCase.value, isIso: fc.boolean() }),
  );
  fc.assert(
    fc.property(cases, ({ schema, value, isIso }) => {
      const writer = new ByteWriter(1);
      jsonEncoder(schema, { timestamps: isIso ? 'iso' : 'epochMs' }).encode(writer, value);
      const plain = JSON.stringify(toJson(shapeOf(schema), value, isIso, {}));
      expect(writer.copy().toString()).toBe(plain.toWellFormed());
      // In a buffer with other things behind.
      const large = new ByteWriter(100_000);
      large.buffer.fill(0x2c);
      jsonEncoder(schema, { timestamps: isIso ? 'iso' : 'epochMs' }).encode(large, value);
      expect(large.copy()).toEqual(writer.copy());
    }),
    { numRuns: 300 },
  );
});

test('the generated converter and its interpreted twin agree on any JSON', () => {
  const cases = arbitraryRecord(2).chain((schemaCase) =>
    fc.record({
      schema: fc.constant(schemaCase.schema),
      value: schemaCase.value,
      wrong: fc.jsonValue({ maxDepth: 1 }),
      at: fc.nat(7),
    }),
  );
  fc.assert(
    fc.property(cases, ({ schema, value, wrong, at }) => {
      const shape = shapeOf(schema);
      const parsed = JSON.parse(JSON.stringify(toJson(shape, value, false, {}))) as Record<string, unknown>;
      const field = Object.keys(parsed)[at];
      if (field !== undefined) parsed[field] = wrong;
      const outcomes = [
        createFromJson<unknown>(shape, PLAIN_JSON),
        (json: unknown) => fromJson(shape, json, PLAIN_JSON),
      ].map((convert) => {
        try {
          return convert(parsed);
        } catch (error) {
          return (error as Error).message;
        }
      });
      expect(outcomes[0]).toEqual(outcomes[1]);
    }),
    { numRuns: 300 },
  );
});

test('a value that does not fit is named, and nothing is written', () => {
  const writer = new ByteWriter();
  writer.u8(1);
  for (const wrong of [
    { id: 1, at: 1 },
    { id: 'x', at: 0.5 },
    { id: 'x', at: 1, geo: { country: 5 } },
    null,
    { id: 'x', at: 1, price: 1 },
  ]) {
    expect(() => jsonEncoder(Impression).encode(writer, wrong as never)).toThrow(/Impression.*: expected/);
  }
  expect(writer.length).toBe(1);
});

test.each([
  0,
  -1,
  9,
  10,
  99,
  123_456_789,
  999_999_999,
  1e9,
  1_767_225_600_000,
  2 ** 53 - 1,
  -(2 ** 53) + 1,
  100_000_000_005,
])('the integer %d', (value) => {
  const writer = new ByteWriter();
  jsonEncoder(long()).encode(writer, value);
  expect(writer.copy().toString()).toBe(String(value));
});

/** JSON keeps no lone surrogates as UTF-8 and no negative zero. */
function wellFormed(value: unknown): unknown {
  if (Object.is(value, -0)) return 0;
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
  if (Array.isArray(value)) return value.map(wellFormed);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, wellFormed(item)]));
}
