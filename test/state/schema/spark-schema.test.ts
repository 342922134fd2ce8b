import { expect, test } from 'vitest';
import { withDoc } from '../../../state/schema/attributes.ts';
import { array, map } from '../../../state/schema/collections.ts';
import { decimal } from '../../../state/schema/decimal.ts';
import { optional } from '../../../state/schema/optional.ts';
import { record } from '../../../state/schema/record.ts';
import { bytes, int, long, string, timestampMs } from '../../../state/schema/scalars.ts';
import { sparkSchema } from '../../../state/schema/spark-schema.ts';
import { union } from '../../../state/schema/union.ts';

test('a record schema gives the JSON of a StructType', () => {
  const Inner = record('Inner', { x: int() });
  const Row = record('Row', {
    id: withDoc(string(), 'the id'),
    at: optional(timestampMs()),
    cost: decimal(18, 4),
    raw: bytes(),
    list: array(optional(long())),
    counts: map(Inner),
  });
  const field = (name: string, type: unknown, nullable = false, metadata = {}): object => ({
    name,
    type,
    nullable,
    metadata,
  });
  const inner = { type: 'struct', fields: [field('x', 'integer')] };
  expect(sparkSchema(Row)).toEqual({
    type: 'struct',
    fields: [
      field('id', 'string', false, { comment: 'the id' }),
      field('at', 'timestamp', true),
      field('cost', 'decimal(18,4)'),
      field('raw', 'binary'),
      field('list', { type: 'array', elementType: 'long', containsNull: true }),
      field('counts', { type: 'map', keyType: 'string', valueType: inner, valueContainsNull: false }),
    ],
  });
  expect(() => sparkSchema(union('k', { a: Inner }))).toThrow('expected a record schema');
  expect(() => sparkSchema(record('R', { u: union('k', { a: Inner }) }))).toThrow('there is no type for union of a');
});
