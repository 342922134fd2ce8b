import { inspect, isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../../../../engine/base/errors.ts';
import { BatchDecoder } from '../../../../engine/exchange/codec/batch-decoder.ts';
import { BatchEncoder } from '../../../../engine/exchange/codec/batch-encoder.ts';
import type { ControlElement } from '../../../../engine/exchange/control-element.ts';
import { RecordBatch } from '../../../../engine/task/record-batch.ts';
import {
  arbitraryKeys,
  arbitraryRow,
  arbitraryRows,
  arbitraryValue,
  type Row,
  testCreateBatch,
} from './arbitrary-records.ts';

const text = (value: unknown): string =>
  inspect(value, { depth: null, maxStringLength: null, maxArrayLength: null, breakLength: Infinity });

/** Equal in every respect, the order of keys too. */
function expectSame(found: unknown, expected: unknown): void {
  if (isDeepStrictEqual(found, expected) && text(found) === text(expected)) return;
  expect(text(found)).toBe(text(expected));
  throw new Error(`not equal: ${text(found)}`);
}

function encode(encoder: BatchEncoder, batch: RecordBatch): Buffer[] {
  const messages: Buffer[] = [];
  for (let from = 0; from < batch.length;) {
    encoder.writer.begin();
    from = encoder.records(batch, from);
    const { buffer, start, at } = encoder.writer;
    messages.push(Buffer.from(buffer.subarray(start, at)));
  }
  return messages;
}

function decode(decoder: BatchDecoder, messages: readonly Buffer[]): RecordBatch {
  const batch = new RecordBatch(64);
  for (const [i, message] of messages.entries()) {
    decoder.open(message, new DataView(message.buffer, message.byteOffset), 0);
    decoder.records(batch);
    expect(decoder.isLastOfBatch).toBe(i === messages.length - 1);
  }
  return batch;
}

function expectSameBatch(found: RecordBatch, expected: RecordBatch): void {
  const { length } = expected;
  expect(found.length).toBe(length);
  for (const column of ['values', 'timestamps', 'kinds', 'keys'] as const) {
    expectSame(found[column].slice(0, length), expected[column].slice(0, length));
  }
}

test.each([
  ['any values', arbitraryValue, 150],
  ['records of few shapes', arbitraryRow, 400],
] as const)('%s come out as they went in, with generated code and without, in the same bytes', (_, values, numRuns) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(arbitraryRows(values), arbitraryKeys), { minLength: 1, maxLength: 6 }),
      fc.constantFrom(1, 200, 32_768),
      (batches, messageBytes) => {
        const generated = new BatchEncoder({ messageBytes, usesBeforeCode: 1 });
        const interpreted = new BatchEncoder({ messageBytes, usesBeforeCode: Infinity });
        const decoders = [new BatchDecoder(1), new BatchDecoder(Infinity)];
        for (const [rows, keys] of batches) {
          const batch = testCreateBatch(rows, keys);
          const messages = encode(generated, batch);
          expect(encode(interpreted, batch)).toEqual(messages);
          for (const decoder of decoders) expectSameBatch(decode(decoder, messages), batch);
        }
      },
    ),
    { numRuns },
  );
});

/** What structured cloning keeps. Of what differs on purpose: Buffer, objects without prototype. */
test('values arrive as structured cloning gives them', () => {
  const value = {
    a: Object.assign(new Array<number>(3), { 0: 1, 2: 3 }),
    m: new Map<unknown, unknown>([[{ k: 1 }, new Set([1n])]]),
    d: new Date(Number.NaN),
    z: [-0, Number.NaN, undefined, null],
    s: '\ud800',
    f: new Float64Array([1, -0]),
  };
  const batch = new RecordBatch(64);
  for (let i = 0; i < 40; i++) batch.push(value, 0);
  const found = decode(new BatchDecoder(), encode(new BatchEncoder(), batch));
  for (let i = 0; i < 40; i++) expectSame(found.values[i], structuredClone(value));
});

test('memory that is lent is used as far as it goes', () => {
  fc.assert(
    fc.property(arbitraryRows(arbitraryRow), arbitraryKeys, fc.nat(4000), (rows, keys, lentBytes) => {
      const memory = Buffer.alloc(8192);
      const view = new DataView(memory.buffer, memory.byteOffset);
      const lent = new BatchEncoder({ messageBytes: 2000 });
      const own = new BatchEncoder({ messageBytes: 2000 });
      const batch = testCreateBatch(rows, keys);
      for (let from = 0; from < batch.length;) {
        own.writer.begin();
        own.records(batch, from);
        lent.writer.beginIn(memory, view, 8, 8 + lentBytes);
        from = lent.records(batch, from);
        const { buffer, start, at, isLent } = lent.writer;
        expect(isLent).toBe(buffer === memory);
        if (isLent) expect(at).toBeLessThanOrEqual(8 + lentBytes);
        const { writer } = own;
        expect(buffer.subarray(start, at)).toEqual(writer.buffer.subarray(writer.start, writer.at));
      }
    }),
  );
});

test('more shapes than are kept, and objects of very many keys, come through', () => {
  const encoder = new BatchEncoder();
  const decoder = new BatchDecoder();
  for (let round = 0; round < 100; round++) {
    const rows: Row[] = [];
    for (let i = 0; i < 40; i++) {
      const wide =
        round % 50 === 0 && i === 0 ? Object.fromEntries(Array.from({ length: 300 }, (_, k) => [`k${k}`, k])) : 1;
      rows.push({ value: { [`f${round * 40 + i}`]: i, wide, g: 'text' }, timestampMs: i, kind: 0 });
    }
    const batch = testCreateBatch([...rows], 'none');
    for (let again = 0; again < 2; again++) expectSameBatch(decode(decoder, encode(encoder, batch)), batch);
  }
});

test('control elements keep all of their fields', () => {
  const elements: readonly ControlElement[] = [
    { tag: 'watermark', watermarkMs: -5.5 },
    { tag: 'status', isIdle: true },
    { tag: 'status', isIdle: false },
    { tag: 'barrier', checkpointId: 2 ** 40, isFull: true, isLast: false },
    { tag: 'barrier', checkpointId: 1, isFull: false, isLast: true },
    { tag: 'end' },
  ];
  const encoder = new BatchEncoder();
  const decoder = new BatchDecoder();
  for (const element of elements) {
    encoder.writer.begin();
    encoder.control(element);
    decoder.open(encoder.writer.buffer, encoder.writer.view, 0);
    expect(decoder.recordCount).toBe(0);
    expect(decoder.control()).toEqual(element);
  }
});

class Money {
  readonly cents: number;

  constructor(cents: number) {
    this.cents = cents;
  }
}

const cyclic: { self?: unknown } = {};
cyclic.self = [{ cyclic }];
let deep: unknown = 1;
for (let i = 0; i < 1000; i++) deep = [deep];

test.each<readonly [string, unknown]>([
  ['its field price.amount is an instance of Money', { price: { amount: new Money(5) } }],
  ['it is an instance of Money', new Money(5)],
  ['its field handlers[1] is a function (onClick)', { handlers: [1, function onClick() {}] }],
  ['it is a symbol', Symbol('x')],
  ['its field seen.get("k").values()[0] is an instance of RegExp', { seen: new Map([['k', new Set([/x/])]]) }],
  ['its field self[0].cyclic is an object that contains itself', cyclic],
  ['its [0][0][0] is nested more than 500 deep', deep],
  ['its field e is an instance of TypeError', { e: new TypeError('x') }],
  ['its field c is an object with a prototype of its own', { c: Object.create({ inherited: 1 }) as object }],
])('what cannot be sent is named: %s', (expected, value) => {
  for (const before of [0, 40]) {
    const encoder = new BatchEncoder({ target: 'count' });
    const batch = new RecordBatch(64);
    for (let i = 0; i < before; i++) batch.push({ price: { amount: i } }, 0);
    batch.push(value, 0);
    const run = (): unknown => encode(encoder, batch);
    expect(run).toThrow(UserError);
    expect(run).toThrow(`a record for 'count' cannot be sent to another thread: ${expected}, expected plain data`);
  }
});

test('a value that is in a record twice arrives as two', () => {
  const shared = { n: 1 };
  const batch = testCreateBatch([{ value: { a: shared, b: shared }, timestampMs: 0, kind: 0 }], 'none');
  const { a, b } = decode(new BatchDecoder(), encode(new BatchEncoder(), batch)).values[0] as {
    readonly a: unknown;
    readonly b: unknown;
  };
  expect(a).toEqual(b);
  expect(a).not.toBe(b);
});
