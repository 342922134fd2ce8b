import fc from 'fast-check';
import { decimalToBytes } from '../../../state/schema/avro-binary.ts';
import { array, map } from '../../../state/schema/collections.ts';
import { decimal } from '../../../state/schema/decimal.ts';
import { enumeration } from '../../../state/schema/enumeration.ts';
import { optional } from '../../../state/schema/optional.ts';
import { record, type RecordFields, type RecordSchema } from '../../../state/schema/record.ts';
import { boolean, bytes, float64, int, long, string, timestampMs } from '../../../state/schema/scalars.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { union } from '../../../state/schema/union.ts';

/** A schema with values for it, and the same values as the library avsc wants them. */
export interface SchemaCase {
  readonly schema: Schema<unknown>;
  readonly value: fc.Arbitrary<unknown>;
  readonly toAvsc: (value: never) => unknown;
}

const identity = (value: unknown): unknown => value;

const texts = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 90 }),
  fc.string({ unit: fc.constantFrom('0', '1', 'a', 'f'), minLength: 32, maxLength: 32 }),
  fc.constantFrom(
    '',
    'é'.repeat(32),
    'x'.repeat(63),
    'x'.repeat(64),
    'ü'.repeat(40),
    'y'.repeat(5000),
    '語'.repeat(3000),
    'z'.repeat(8192),
  ),
);

// Within 2^52: beyond it avsc itself writes odd negative numbers wrong; avro-binary.test.ts covers the rest.
const longs = fc.oneof(
  fc.integer({ min: -(2 ** 52), max: 2 ** 52 }),
  fc.integer(),
  fc.constantFrom(0, 63, 64, -64, -65, 2 ** 27, 2 ** 28, -(2 ** 28), 2 ** 30, -(2 ** 30) - 1, 2 ** 34),
);

const SCALARS: readonly SchemaCase[] = [
  { schema: string(), value: texts, toAvsc: identity },
  { schema: int(), value: fc.integer(), toAvsc: identity },
  { schema: long(), value: longs, toAvsc: identity },
  { schema: timestampMs(), value: fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 }), toAvsc: identity },
  { schema: float64(), value: fc.double({ noNaN: true }), toAvsc: identity },
  { schema: boolean(), value: fc.boolean(), toAvsc: identity },
  { schema: bytes(), value: fc.uint8Array({ maxLength: 100 }).map((value) => Buffer.from(value)), toAvsc: identity },
  {
    schema: decimal(30, 5),
    value: fc.bigInt({ min: -(10n ** 30n) + 1n, max: 10n ** 30n - 1n }),
    toAvsc: decimalToBytes,
  },
  { schema: enumeration(['a', 'b', 'c']), value: fc.constantFrom('a', 'b', 'c'), toAvsc: identity },
  {
    schema: enumeration(Array.from({ length: 100 }, (_, i) => `symbol_${i}`)),
    value: fc.nat(99).map((i) => `symbol_${i}`),
    toAvsc: identity,
  },
];

let recordCount = 0;

/** Random schemas, records at the top, `depth` levels of nesting. */
export function arbitraryRecord(depth: number): fc.Arbitrary<SchemaCase> {
  return fc.array(arbitraryField(depth), { minLength: 0, maxLength: 6 }).map((fields) => recordCase(fields));
}

function arbitraryField(depth: number): fc.Arbitrary<SchemaCase> {
  const scalar = fc.constantFrom(...SCALARS);
  if (depth === 0) return fc.oneof(scalar, scalar.map(optionalCase));
  const inner = fc.oneof(
    { weight: 2, arbitrary: scalar },
    { weight: 1, arbitrary: fc.constant(depth - 1).chain(arbitraryField) },
  );
  return fc.oneof(
    { weight: 4, arbitrary: scalar },
    { weight: 3, arbitrary: inner.map(optionalCase) },
    { weight: 1, arbitrary: inner.map(arrayCase) },
    { weight: 1, arbitrary: inner.map(mapCase) },
    { weight: 2, arbitrary: fc.constant(depth - 1).chain(arbitraryRecord) },
    { weight: 1, arbitrary: fc.array(arbitraryRecord(depth - 1), { minLength: 2, maxLength: 3 }).map(unionCase) },
  );
}

function optionalCase(inner: SchemaCase): SchemaCase {
  if (inner.schema.isOptional) return inner;
  return {
    schema: optional(inner.schema),
    value: fc.option(inner.value, { nil: undefined }),
    toAvsc: (value: unknown) => (value === undefined ? null : inner.toAvsc(value as never)),
  };
}

function arrayCase(inner: SchemaCase): SchemaCase {
  return {
    schema: array(inner.schema),
    value: fc.array(inner.value, { maxLength: 5 }),
    toAvsc: (value: unknown[]) => value.map((item) => inner.toAvsc(item as never)),
  };
}

function mapCase(inner: SchemaCase): SchemaCase {
  return {
    schema: map(inner.schema),
    value: fc.dictionary(texts, inner.value, { maxKeys: 4, noNullPrototype: true }),
    toAvsc: (value: Record<string, unknown>) =>
      Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inner.toAvsc(item as never)])),
  };
}

function recordCase(fields: readonly SchemaCase[]): SchemaCase {
  const named = fields.map((field, i) => [`f${i}`, field] as const);
  const schema = record(
    `R${recordCount++}`,
    Object.fromEntries(named.map(([name, field]) => [name, field.schema])) as RecordFields,
  );
  return {
    schema,
    value: fc
      .record(Object.fromEntries(named.map(([name, field]) => [name, field.value])))
      .map((value) => ({ ...value })),
    toAvsc: (value: Record<string, unknown>) =>
      Object.fromEntries(named.map(([name, field]) => [name, field.toAvsc(value[name] as never)])),
  };
}

function unionCase(records: readonly SchemaCase[]): SchemaCase {
  const labelled = records.map((branch, i) => [`branch ${i}`, branch] as const);
  const branches = Object.fromEntries(
    labelled.map(([label, branch]) => [label, branch.schema as RecordSchema<RecordFields>]),
  );
  return {
    schema: union('tag', branches),
    value: fc.oneof(
      ...labelled.map(([label, branch]) => branch.value.map((value) => ({ tag: label, ...(value as object) }))),
    ),
    toAvsc: (value: { tag: string }) => {
      const [, branch] = labelled.find(([label]) => label === value.tag)!;
      return { [(branch.schema as RecordSchema<RecordFields>).name]: branch.toAvsc(value as never) };
    },
  };
}
