import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteReader, ByteWriter } from '../../../engine/base/bytes.ts';
import { RecordError, UserError } from '../../../engine/base/errors.ts';
import { withAliases, withDefault } from '../../../state/schema/attributes.ts';
import { array, map } from '../../../state/schema/collections.ts';
import { decimal } from '../../../state/schema/decimal.ts';
import { enumeration } from '../../../state/schema/enumeration.ts';
import { interpretRead } from '../../../state/schema/interpret-read.ts';
import { optional } from '../../../state/schema/optional.ts';
import { planRead } from '../../../state/schema/plan-read.ts';
import { parseAvroSchema } from '../../../state/schema/parse-avro-schema.ts';
import { pick, record, type RecordFields, type RecordSchema } from '../../../state/schema/record.ts';
import { canResolve, createResolver } from '../../../state/schema/resolver.ts';
import { bytes, float64, int, long, string, timestampMs } from '../../../state/schema/scalars.ts';
import type { AvroSchema, Schema } from '../../../state/schema/schema.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import { union } from '../../../state/schema/union.ts';
import { arbitraryRecord } from './arbitrary-schema.ts';

function encode<T>(schema: Schema<T>, value: T): Buffer {
  const writer = new ByteWriter();
  schema.encode(writer, value);
  return writer.copy();
}

/** Through the generated resolver and the interpreted one, which must agree. */
function resolve<W, R>(writer: Schema<W>, value: W, reader: Schema<R>): R {
  const encoded = encode(writer, value);
  const input = new ByteReader(encoded);
  const read = createResolver(writer.avro, reader)(input);
  expect(input.remaining).toBe(0);
  const plan = planRead(shapeOf(parseAvroSchema(writer.avro)), shapeOf(reader));
  expect(interpretRead(new ByteReader(encoded), plan)).toEqual(read);
  return read;
}

const Old = record('Click', { id: string(), cost: int(), tags: array(string()), site: optional(string()) });
const old = { id: 'c', cost: 5, tags: ['a', 'b'], site: 's' };

describe('a record changes', () => {
  test('fields in another order, one dropped, some added', () => {
    const New = record('Click', {
      site: optional(string()),
      added: withDefault(string(), 'none'),
      id: string(),
      maybe: optional(long()),
      list: withDefault(array(int()), [1, 2]),
      cost: long(),
    });
    const first = resolve(Old, old, New);
    expect(first).toEqual({ site: 's', added: 'none', id: 'c', maybe: undefined, list: [1, 2], cost: 5 });
    expect(Object.keys(first)).toEqual(['site', 'added', 'id', 'maybe', 'list', 'cost']);
    // A default is made anew: changing one record does not change the next.
    first.list.push(3);
    expect(resolve(Old, old, New).list).toEqual([1, 2]);
  });

  test('a renamed field is read under its former name', () => {
    expect(resolve(Old, old, record('Renamed', { key: withAliases(string(), ['id']) }))).toEqual({ key: 'c' });
  });

  test('a value becomes optional, and a number wider', () => {
    const New = record('Click', { cost: float64(), id: optional(string()), tags: array(optional(string())) });
    expect(resolve(Old, old, New)).toEqual({ cost: 5, id: 'c', tags: ['a', 'b'] });
    expect(resolve(long(), 7, timestampMs())).toBe(7);
    expect(resolve(string(), 'é', bytes())).toEqual(Buffer.from('é'));
    expect(resolve(bytes(), Buffer.from('é'), string())).toBe('é');
  });

  test('a union gains a branch', () => {
    const A = record('A', { a: int() });
    const B = record('B', { b: int() });
    const one = union('kind', { a: A });
    const two = union('kind', { b: B, a: record('A', { a: int(), more: optional(int()) }) });
    expect(resolve(one, { kind: 'a', a: 1 }, two)).toEqual({ kind: 'a', a: 1, more: undefined });
    expect(resolve(A, { a: 1 }, two)).toEqual({ kind: 'a', a: 1, more: undefined });
    expect(canResolve(two.avro, one)).toBe('value: written as record B, the reader knows only A');
    const lenient = createResolver(two.avro, one, { isLenient: true });
    expect(lenient(new ByteReader(encode(two, { kind: 'a', a: 2, more: 3 })))).toEqual({ kind: 'a', a: 2 });
    expect(() => lenient(new ByteReader(encode(two, { kind: 'b', b: 2 })))).toThrow(RecordError);
  });

  test('an enumeration gains and loses symbols', () => {
    const small = enumeration(['a', 'b'], { name: 'E' });
    const large = enumeration(['c', 'b', 'a'], { name: 'E' });
    expect(resolve(small, 'b', large)).toBe('b');
    expect(canResolve(large.avro, small)).toBe("value: the written symbol c is not among the reader's a, b");
  });
});

test.each<[Schema<unknown>, Schema<unknown>, string]>([
  [Old, record('Click', { id: long() }), 'Click.id: written as string, read as long'],
  [
    Old,
    record('Click', { id: string(), more: string() }),
    'Click.more: the reader expects string, the writer has no such field and there is no default',
  ],
  [Old, record('Click', { site: string() }), 'Click.site: written as null, read as string'],
  [Old, record('Click', { tags: map(string()) }), 'Click.tags: written as array of string, read as map of string'],
  [Old, record('Click', { tags: array(int()) }), 'Click.tags[]: written as string, read as int'],
  [decimal(10, 2), decimal(10, 3), 'value: written as decimal(10, 2), read as decimal(10, 3)'],
  [float64(), long(), 'value: written as double, read as long'],
])('what does not resolve is named (%#)', (writer, reader, reason) => {
  expect(canResolve(writer.avro, reader)).toBe(reason);
  const attempt = (): unknown =>
    createResolver(writer.avro, reader, { code: 'STATE_INCOMPATIBLE', subject: 'state seen' });
  expect(attempt).toThrow(UserError);
  expect(attempt).toThrow(`state seen: the schemas do not resolve: ${reason}`);
});

test('a projection of any record reads its fields and skips the rest', () => {
  const cases = arbitraryRecord(2).chain((schemaCase) =>
    fc.record({
      schema: fc.constant(schemaCase.schema as RecordSchema<RecordFields>),
      value: schemaCase.value,
      mask: fc.nat(63),
    }),
  );
  fc.assert(
    fc.property(cases, ({ schema, value, mask }) => {
      const names = Object.keys(schema.fields).filter((_, i) => (mask >> i) & 1);
      const expected = Object.fromEntries(names.map((name) => [name, (value as Record<string, unknown>)[name]]));
      expect(resolve(schema, value as never, pick(schema, names.toReversed()))).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});

describe('schemas of other programs', () => {
  test('nested, recursive and referenced types are read and written', () => {
    const avro = {
      type: 'record',
      name: 'Node',
      namespace: 'x',
      fields: [
        { name: 'id', type: { type: 'fixed', name: 'Id', size: 2 } },
        { name: 'other', type: 'Id' },
        { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['A', 'B'] } },
        { name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' } },
        { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 } },
        { name: 'weight', type: 'float' },
        { name: 'next', type: ['Node', 'null'] },
        { name: 'any', type: ['null', 'string', 'long', { type: 'array', items: 'x.Node' }] },
      ],
    } satisfies AvroSchema;
    const schema = parseAvroSchema(avro);
    const leaf = {
      id: Buffer.from('ab'),
      other: Buffer.from('cd'),
      kind: 'B',
      at: 1_500_000,
      price: -125n,
      weight: 0.5,
      next: undefined,
      any: null,
    };
    const value = { ...leaf, next: { ...leaf, any: 'text', next: { ...leaf, any: 7 } }, any: [leaf] };
    const encoded = encode(schema, value);
    expect(schema.decode(new ByteReader(encoded))).toEqual(value);
    expect(encode(parseAvroSchema(JSON.parse(JSON.stringify(schema.avro)) as AvroSchema), value)).toEqual(encoded);

    const Reader = record('Node', { at: timestampMs(), price: decimal(12, 2) });
    expect(createResolver(avro, Reader)(new ByteReader(encoded))).toEqual({ at: 1500, price: -125n });
    expect(canResolve(avro, Reader)).toBeUndefined();
  });

  test.each([
    ['nonsense', 'there is no type nonsense'],
    [{ type: 'record', name: 'R' }, 'record R has no list of fields'],
    [{ type: 'record', name: 'R', fields: [{ name: 'a', type: 'b.C' }] }, 'Avro schema at R.a: there is no type b.C'],
    [{ type: 'record', name: 'R', fields: [{ name: 'a', type: 'int', default: 'x' }] }, 'the default does not fit'],
    [{ type: 'record', name: 'a"b', fields: [] }, 'expected a name of letters'],
    [{ type: 'fixed', name: 'F' }, 'expected a size'],
  ])('a broken schema is refused: %j', (avro, message) => {
    expect(() => parseAvroSchema(avro as AvroSchema)).toThrow(message);
  });
});
