import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CollectOutput } from '../../../operators/format/collect-output.ts';
import { PLAIN_JSON } from '../../../operators/format/json/from-json.ts';
import { createFromJson } from '../../../operators/format/json/generate-from-json.ts';
import { createScanner } from '../../../operators/format/json/generate-scan.ts';
import { createLearningScanner } from '../../../operators/format/json/learned-scan.ts';
import { JsonLinesDecoder } from '../../../operators/format/json/json-lines-decoder.ts';
import { JsonMessageDecoder } from '../../../operators/format/json/json-message-decoder.ts';
import { toJson } from '../../../state/schema/to-json.ts';
import { optional } from '../../../state/schema/optional.ts';
import { record } from '../../../state/schema/record.ts';
import { boolean, float64, int, long, string, timestampMs } from '../../../state/schema/scalars.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import type { RecordShape } from '../../../state/schema/shape.ts';
import { arbitraryRecord } from '../../state/schema/arbitrary-schema.ts';

/** `learning`: the order of the keys is learned from the first two lines that are read. */
const SCANNERS = {
  'any order': (shape: RecordShape) => createScanner<unknown>(shape, PLAIN_JSON)!,
  learning: (shape: RecordShape) => createLearningScanner<unknown>(shape, PLAIN_JSON, { sampleLines: 1, samples: 2 })!,
};

/** What a decoder makes of bytes, with a scanner or without. */
function outcome(
  schema: Schema<unknown>,
  bytes: Buffer,
  scanner: keyof typeof SCANNERS | undefined,
): { readonly output: CollectOutput<unknown>; readonly scanned: number } {
  const shape = shapeOf(schema) as RecordShape;
  const scan = SCANNERS[scanner ?? 'any order'](shape);
  let scanned = 0;
  const counting: typeof scan = (reader) => {
    const result = scan(reader);
    if (typeof result === 'object') scanned++;
    return result;
  };
  const output = new CollectOutput<unknown>();
  const decoder = new JsonLinesDecoder(createFromJson(shape, PLAIN_JSON), scanner === undefined ? undefined : counting);
  decoder.decode(bytes, 0, bytes.length, true, output);
  return { output, scanned };
}

function expectSame(schema: Schema<unknown>, bytes: Buffer): number {
  const plain = outcome(schema, bytes, undefined).output;
  let scannedMin = Infinity;
  for (const scanner of ['any order', 'learning'] as const) {
    const { output, scanned } = outcome(schema, bytes, scanner);
    expect(output.records).toEqual(plain.records);
    expect(output.ends).toEqual(plain.ends);
    expect(output.rejects.map(({ error, start, end }) => [error.message, start, end])).toEqual(
      plain.rejects.map(({ error, start, end }) => [error.message, start, end]),
    );
    scannedMin = Math.min(scannedMin, scanned);
  }
  return scannedMin;
}

/** How an object is written: order, unknown keys, spaces, escapes. */
interface Style {
  readonly order: number;
  readonly unknown: unknown;
  readonly space: string;
  readonly isEscaped: boolean;
}

const styles: fc.Arbitrary<Style> = fc.record({
  order: fc.nat(5),
  unknown: fc.option(fc.jsonValue({ maxDepth: 2 }), { nil: undefined }),
  space: fc.constantFrom('', '', ' ', '\t '),
  isEscaped: fc.boolean(),
});

function write(value: unknown, style: Style): string {
  const { space } = style;
  if (typeof value === 'string') return style.isEscaped ? escaped(value) : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => space + write(item, style)).join(`${space},`)}${space}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value);
  for (let i = 0; i < style.order; i++) entries.push(...entries.splice(0, 1));
  if (style.unknown !== undefined)
    entries.splice(style.order % (entries.length + 1), 0, [`unknown ${style.order}`, style.unknown]);
  return `{${entries.map(([key, item]) => `${space}${JSON.stringify(key)}:${space}${write(item, key.startsWith('unknown ') ? { ...style, unknown: undefined } : style)}${space}`).join(',')}}`;
}

function escaped(text: string): string {
  return `"${[...text].map((c) => (/[a-z]/.test(c) ? c : [...Array(c.length).keys()].map((i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''))).join('')}"`;
}

const cases = arbitraryRecord(2).chain((schemaCase) =>
  fc.record({
    schema: fc.constant(schemaCase.schema),
    rows: fc.array(fc.tuple(schemaCase.value, styles), { minLength: 1, maxLength: 6 }),
  }),
);

test('with and without the scanner the same records come out, however the lines are written', () => {
  let lineCount = 0;
  let scannedCount = 0;
  fc.assert(
    fc.property(cases, fc.constantFrom('\n', '\r\n'), ({ schema, rows }, lineEnd) => {
      const shape = shapeOf(schema);
      const text = rows.map(([value, style]) => write(toJson(shape, value, false, {}), style)).join(lineEnd);
      lineCount += rows.length;
      scannedCount += expectSame(schema, Buffer.from(text));
    }),
    { numRuns: 300 },
  );
  expect(scannedCount).toBeGreaterThan(lineCount / 2);
});

/** Lines of one writer: the same order, spaces and unknown keys in each. */
const oneWriterCases = arbitraryRecord(2).chain((schemaCase) =>
  fc.record({
    schema: fc.constant(schemaCase.schema),
    values: fc.array(schemaCase.value, { minLength: 3, maxLength: 8 }),
    style: styles,
    isPython: fc.boolean(),
  }),
);

function writeAll({
  schema,
  values,
  style,
  isPython,
}: typeof oneWriterCases extends fc.Arbitrary<infer C> ? C : never) {
  const shape = shapeOf(schema);
  const compact = { ...style, space: '', isEscaped: false };
  const lines = values.map((value) => write(toJson(shape, value, false, {}), compact));
  // Python writes a blank behind colons and commas.
  if (!isPython) return lines;
  return lines.map((line) =>
    line.replaceAll(/("(?:[^"\\]|\\.)*")|([:,])/g, (_, text: string | undefined, mark: string) => text ?? `${mark} `),
  );
}

test('lines of one writer are read the same way once the order of the keys is known', () => {
  fc.assert(
    fc.property(oneWriterCases, (lines) => {
      expectSame(lines.schema, Buffer.from(writeAll(lines).join('\n')));
    }),
    { numRuns: 300 },
  );
});

test('what is damaged in lines of one writer is read or rejected the same way', () => {
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[]",:\\0-.eEtfn \n')));
  fc.assert(
    fc.property(
      oneWriterCases,
      fc.array(fc.tuple(fc.nat(), byte, fc.boolean()), { minLength: 1, maxLength: 3 }),
      (lines, damages) => {
        const [first, second, ...others] = writeAll(lines);
        let bytes = Buffer.from(others.join('\n'));
        for (const [position, damage, isInserted] of damages) {
          const at = position % bytes.length;
          bytes = Buffer.concat([
            bytes.subarray(0, at),
            Buffer.from([damage]),
            bytes.subarray(isInserted ? at : at + 1),
          ]);
        }
        expectSame(lines.schema, Buffer.concat([Buffer.from(`${first}\n${second}\n`), bytes]));
      },
    ),
    { numRuns: 400 },
  );
});

test('an order that is not kept any more is given up, and the next one learned', () => {
  const a = '{"a":"x","b":1,"i":2}\n';
  const b = '{"i":2,"zzz":{"n":[1,{}],"m":null},"b":1,"a":"x"}\n';
  const text = a.repeat(3000) + b.repeat(3000) + a.repeat(10) + b.repeat(70_000);
  expectSame(Flat, Buffer.from(text));
});

test('damaged lines are read or rejected the same way', () => {
  const damage = fc.tuple(
    fc.nat(),
    fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[]",:\\0-.eEtfn \n'))),
    fc.boolean(),
  );
  fc.assert(
    fc.property(cases, fc.array(damage, { minLength: 1, maxLength: 3 }), ({ schema, rows }, damages) => {
      const shape = shapeOf(schema);
      let bytes = Buffer.from(rows.map(([value, style]) => write(toJson(shape, value, false, {}), style)).join('\n'));
      for (const [position, byte, isInserted] of damages) {
        const at = position % bytes.length;
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([byte]), bytes.subarray(isInserted ? at : at + 1)]);
      }
      expectSame(schema, bytes);
    }),
    { numRuns: 400 },
  );
});

const Flat = record('Flat', {
  a: optional(string()),
  b: optional(long()),
  at: optional(timestampMs()),
  d: optional(float64()),
  i: optional(int()),
  t: optional(boolean()),
});

test.each([
  '{"b":01}',
  '{"b":-0}',
  '{"d":-0}',
  '{"d":1.}',
  '{"d":.5}',
  '{"d":1e}',
  '{"d":1e400}',
  '{"d":-12.5e-3}',
  '{"b":1.0}',
  '{"b":1e2}',
  '{"b":123456789012345678}',
  '{"b":9007199254740991}',
  '{"b":"77"}',
  '{"i":2147483648}',
  '{"i":-2147483648}',
  '{"at":"2026-01-01T00:00:00Z"}',
  '{"at":"1767225600"}',
  '{"at":1767225600.5}',
  '{"at":"2026-01-01 00:00:00"}',
  '{"t":true,"t":false}',
  '{"t":truex}',
  '{"t":fals}',
  '{"t":tru}',
  '{"a":null,"b":nul}',
  '{"a":"x","a":"y"}',
  '{"a":"\\x"}',
  '{"a":"\\u12g4"}',
  '{"a":"tab\there"}',
  '{"a":"é\u{1f600}ü"}',
  `{"a":"${'long '.repeat(300)}"}`,
  '{"a":"x",}',
  '{,"a":"x"}',
  '{"a" :"x"}',
  '{"a":"x"} x',
  '{"a":"x"}{"a":"y"}',
  '{ }',
  '{}',
  '{"":1,"a":"x"}',
  '{"unknown":[1,[2,{"x":[]}],{}],"a":"x"}',
  '{"unknown":[1,],"a":"x"}',
  '{"unknown":{"x"},"a":"x"}',
  '{"unknown":"\\"}","a":"x"}',
  '{"unknown":-,"a":"x"}',
  `{"unknown":${'['.repeat(100)}${']'.repeat(100)},"a":"x"}`,
  '{"\\u0061":"x"}',
  '{"constructor":1,"__proto__":2,"a":"x"}',
  '  {"a":"x"}',
  '\ufeff{"a":"x"}',
  '{"a":"x"',
  '{"a":"x',
  '{"a":',
  '{"a"',
  '{',
])('%s', (line) => {
  expectSame(Flat, Buffer.from(line));
  expectSame(Flat, Buffer.from(`{"a":"before"}\n${line}\n{"a":"after"}\n`));
  expectSame(Flat, Buffer.from(`${line}\n${line}\n${line}`));
  expectSame(Flat, Buffer.from(`{"a":"x"}\n{"a":"y","b":1,"at":1,"d":0.5,"i":2,"t":true}\n${line}\n${line}`));
  // In the middle of a larger buffer, where other bytes follow.
  const input = Buffer.from(`xxx${line}"}]}\n`);
  const [plain, scanned] = [undefined, createScanner<unknown>(shapeOf(Flat) as RecordShape, PLAIN_JSON)].map((scan) => {
    const output = new CollectOutput<unknown>();
    new JsonMessageDecoder(createFromJson<unknown>(shapeOf(Flat), PLAIN_JSON), scan, false).decode(
      input,
      3,
      input.length - 5 + 0,
      true,
      output,
    );
    return { records: output.records, messages: output.rejects.map(({ error }) => error.message) };
  });
  expect(scanned).toEqual(plain);
});

test('more unknown keys than are remembered do no harm', () => {
  const lines = Array.from({ length: 300 }, (_, i) =>
    JSON.stringify({ [`k${i}`]: i, a: `${i}`, [`l${i}`]: [i], b: i }),
  );
  expect(expectSame(Flat, Buffer.from(lines.join('\n')))).toBe(300);
});
