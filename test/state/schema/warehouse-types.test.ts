import { expect, test } from 'vitest';
import { withDoc } from '../../../state/schema/attributes.ts';
import { array } from '../../../state/schema/collections.ts';
import { decimal } from '../../../state/schema/decimal.ts';
import { enumeration } from '../../../state/schema/enumeration.ts';
import { optional } from '../../../state/schema/optional.ts';
import { record } from '../../../state/schema/record.ts';
import { boolean, bytes, float64, int, long, string, timestampMs } from '../../../state/schema/scalars.ts';
import {
  postgresType,
  redshiftType,
  tableColumnsDdl,
  warehouseColumns,
} from '../../../state/schema/warehouse-types.ts';

const Fact = record('Fact', {
  id: withDoc(string(), 'deterministic id'),
  at: timestampMs(),
  clicks: optional(long()),
  rank: int(),
  share: float64(),
  cost: decimal(18, 4),
  isTest: boolean(),
  raw: optional(bytes()),
  kind: enumeration(['a', 'b']),
  tags: array(string()),
});

test('a record schema gives the columns of its table', () => {
  expect(tableColumnsDdl(Fact, 'postgres')).toBe(
    [
      '  "id" text NOT NULL',
      '  "at" timestamp with time zone NOT NULL',
      '  "clicks" bigint',
      '  "rank" integer NOT NULL',
      '  "share" double precision NOT NULL',
      '  "cost" numeric(18, 4) NOT NULL',
      '  "isTest" boolean NOT NULL',
      '  "raw" bytea',
      '  "kind" text NOT NULL',
      '  "tags" jsonb NOT NULL',
    ].join(',\n'),
  );
  const redshift = warehouseColumns(Fact, 'redshift');
  expect(redshift.map(({ type }) => type)).toEqual([
    'varchar(65535)',
    'timestamp with time zone',
    'bigint',
    'integer',
    'double precision',
    'numeric(18, 4)',
    'boolean',
    'varbyte(65535)',
    'varchar(65535)',
    'super',
  ]);
  expect(redshift[0]!.doc).toBe('deterministic id');
  expect([postgresType(optional(long())), redshiftType(string())]).toEqual(['bigint', 'varchar(65535)']);
  expect(() => warehouseColumns(string(), 'postgres')).toThrow('expected a record schema');
});
