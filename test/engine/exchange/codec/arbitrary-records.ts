import fc from 'fast-check';
import type { Key } from '../../../../state/keyed/key.ts';
import { RecordBatch } from '../../../../engine/task/record-batch.ts';
import type { RowKind } from '../../../../engine/task/row-kind.ts';

const arbitraryText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary', maxLength: 12 }),
  // Lone surrogates, and Latin-1 beyond ASCII.
  fc.string({ unit: fc.constantFrom('\ud800', '\udfff', 'é', 'ÿ', 'Ā', 'a', '\0'), maxLength: 6 }),
  fc.string({ minLength: 250, maxLength: 600 }),
  fc.nat(3000).map((length) => 'long '.repeat(length)),
);

const arbitraryNumber = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, Number.NaN, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, Infinity, -Infinity),
);

const arbitraryBigint = fc.oneof(
  fc.bigInt(),
  fc.constantFrom(0n, 2n ** 63n, 2n ** 63n - 1n, -(2n ** 63n), -(2n ** 63n) - 1n),
);

const arbitraryBytes = fc
  .uint8Array({ maxLength: 16 })
  .chain((bytes) =>
    fc.constantFrom<unknown>(
      bytes,
      Buffer.from(bytes),
      bytes.buffer,
      new Uint8Array([1, ...bytes]).subarray(1),
      new DataView(bytes.buffer),
      new Int8Array(bytes),
      new Uint8ClampedArray(bytes),
      new Int16Array(bytes),
      new Uint16Array(bytes),
      new Int32Array(bytes),
      new Uint32Array(bytes),
      new Float32Array(bytes),
      new Float64Array(bytes),
      new BigInt64Array([...bytes].map(BigInt)),
      new BigUint64Array([...bytes].map(BigInt)),
    ),
  );

const arbitraryScalar = fc.oneof(
  arbitraryText,
  arbitraryNumber,
  arbitraryBigint,
  fc.boolean(),
  fc.constantFrom(null, undefined),
  fc.date({ noInvalidDate: false }),
  arbitraryBytes,
);

/** Few of them, so that shapes come again, also in another order. */
const arbitraryName = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'c',
    'id',
    'user',
    'at',
    '__proto__',
    '7',
    '',
    'naïve',
    '名前',
    'with "quotes"',
    'toString',
  ),
  fc.string({ maxLength: 3 }),
);

function withoutPrototype(object: object): object {
  return Object.defineProperties(Object.create(null) as object, Object.getOwnPropertyDescriptors(object));
}

/** Values that can be sent, of every kind. */
export const arbitraryValue: fc.Arbitrary<unknown> = fc.letrec<{ readonly value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
    arbitraryScalar,
    fc.dictionary(arbitraryName, tie('value'), { maxKeys: 5, noNullPrototype: true }),
    fc.dictionary(arbitraryName, tie('value'), { maxKeys: 3, noNullPrototype: true }).map(withoutPrototype),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => {
      const sparse = [...items];
      sparse.length += 2;
      sparse.push(1);
      return sparse;
    }),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => new Set(items)),
  ),
})).value;

/** Records as jobs have them: few shapes, the types of most fields stay. */
export const arbitraryRow: fc.Arbitrary<unknown> = fc.oneof(
  fc.record({
    auction: fc.nat(),
    bidder: fc.nat(),
    price: arbitraryNumber,
    at: fc.maxSafeInteger(),
    extra: fc.oneof(fc.string({ maxLength: 100 }), arbitraryText),
  }),
  fc.record({
    kind: fc.nat(3),
    bid: fc.option(fc.record({ id: arbitraryScalar, tags: fc.array(fc.string(), { maxLength: 2 }) })),
    isLate: fc.boolean(),
  }),
);

export const arbitraryKeys: fc.Arbitrary<readonly Key[] | 'user' | 'none'> = fc.oneof(
  fc.constant('none' as const),
  fc.constant('user' as const),
  ...[
    fc.constantFrom('x', 'y'),
    fc.integer(),
    arbitraryNumber,
    arbitraryBigint,
    fc.boolean(),
    fc.oneof<fc.Arbitrary<Key>[]>(arbitraryText, arbitraryNumber, fc.boolean()),
  ].map((key) => fc.array<Key>(key, { minLength: 1, maxLength: 5 })),
);

export interface Row {
  readonly value: unknown;
  readonly timestampMs: number;
  readonly kind: RowKind;
}

export const arbitraryRows = (value: fc.Arbitrary<unknown>): fc.Arbitrary<readonly Row[]> =>
  fc.oneof(fc.constant(fc.constant(0 as RowKind)), fc.constant(fc.constantFrom<RowKind>(0, 1, 2, 3))).chain((kind) =>
    fc.array(fc.record<Row>({ value, timestampMs: fc.oneof(fc.constant(Number.NaN), fc.maxSafeInteger()), kind }), {
      minLength: 1,
      maxLength: 40,
    }),
  );

/** A batch of rows; with 'user', each has a field of that name that is its key. */
export function testCreateBatch(rows: readonly Row[], keys: readonly Key[] | 'user' | 'none'): RecordBatch {
  const batch = new RecordBatch(64);
  for (const [i, row] of rows.entries()) {
    const user = `user-${i % 3}`;
    if (keys !== 'none') batch.keys[i] = keys === 'user' ? user : keys[i % keys.length]!;
    batch.push(keys === 'user' ? { first: i, user, value: row.value } : row.value, row.timestampMs, row.kind);
  }
  return batch;
}
