import fc from 'fast-check';
import { inferSchema, initParser } from 'udsv';
import { describe, expect, test } from 'vitest';
import { ByteReader, ByteWriter } from '../../../engine/base/bytes.ts';
import { CollectOutput } from '../../../operators/format/collect-output.ts';
import { csv } from '../../../operators/format/csv/csv.ts';
import { csvEncoder } from '../../../operators/format/csv/csv-encode.ts';
import { createFromRow, rowToRecord } from '../../../operators/format/csv/generate-from-row.ts';
import { RowScanner } from '../../../operators/format/csv/row-scanner.ts';
import type { DecodeError } from '../../../operators/format/decode-error.ts';
import type { DecodeFormat } from '../../../operators/format/decode-format.ts';
import { withDefault } from '../../../state/schema/attributes.ts';
import { array } from '../../../state/schema/collections.ts';
import { decimal } from '../../../state/schema/decimal.ts';
import { enumeration } from '../../../state/schema/enumeration.ts';
import { optional } from '../../../state/schema/optional.ts';
import { record } from '../../../state/schema/record.ts';
import { boolean, float64, int, long, string, timestampMs } from '../../../state/schema/scalars.ts';
import { PLAIN_JSON } from '../../../operators/format/json/from-json.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import type { RecordShape } from '../../../state/schema/shape.ts';
import { arbitraryRecord } from '../../state/schema/arbitrary-schema.ts';

const Click = record('Click', {
  event_timestamp: timestampMs(),
  user_id: string(),
  ad_campaign_id: string(),
  conversion_type: optional(string()),
  value: optional(decimal(12, 2)),
});

/** A whole file, in pieces of `pieceBytes`. */
function decodeFile<T>(format: DecodeFormat<T>, text: string, pieceBytes: number = Infinity): CollectOutput<T> {
  const input = Buffer.from(text);
  const output = new CollectOutput<T>();
  const decoder = format.createDecoder('stream');
  let end = Math.min(input.length, pieceBytes);
  let at = 0;
  if (decoder.readHead !== undefined) {
    for (;;) {
      const head = decoder.readHead(input, end, end === input.length);
      if (head !== undefined) {
        at = head;
        break;
      }
      end = Math.min(input.length, end + pieceBytes);
    }
  }
  for (;;) {
    at = decoder.decode(input, at, end, end === input.length, output);
    if (end === input.length) break;
    end = Math.min(input.length, end + pieceBytes);
  }
  expect(at).toBe(input.length);
  return output;
}

const file = [
  'user_id,event_timestamp,extra,conversion_type,ad_campaign_id',
  'u1,2026-01-01T00:00:00Z,x,,c1',
  '"u,2",1767225600,"a ""quoted"" word",purchase,c2\r',
  '"u\n3",1767225600000,,"","c3"',
  '',
].join('\n');

test('columns are found by name; quotes, line breaks and both line ends are understood', () => {
  const output = decodeFile(csv(Click), file);
  expect(output.rejects).toEqual([]);
  const at = 1_767_225_600_000;
  expect(output.records).toEqual([
    { event_timestamp: at, user_id: 'u1', ad_campaign_id: 'c1', conversion_type: undefined, value: undefined },
    { event_timestamp: at, user_id: 'u,2', ad_campaign_id: 'c2', conversion_type: 'purchase', value: undefined },
    { event_timestamp: at, user_id: 'u\n3', ad_campaign_id: 'c3', conversion_type: '', value: undefined },
  ]);
  expect(Object.keys(output.records[0]!)).toEqual(Object.keys(Click.fields));
});

test('a file may come in pieces of any size', () => {
  const whole = decodeFile(csv(Click), file);
  for (let size = 1; size < 70; size++) {
    const output = decodeFile(csv(Click), file, size);
    expect(output.records).toEqual(whole.records);
    expect(output.ends).toEqual(whole.ends);
  }
});

describe('a row that is wrong', () => {
  const head = 'event_timestamp,user_id,ad_campaign_id,value';
  const good = '1767225600,u,c,1.5';
  test.each<[string, string, string]>([
    ['1767225600,u,c', 'SCHEMA', 'expected 4 columns, found 3'],
    ['1767225600,u,c,1,2', 'SCHEMA', 'expected 4 columns, found 5'],
    [',u,c,', 'REQUIRED_MISSING', 'Click.event_timestamp: expected timestamp, found nothing'],
    ['soon,u,c,', 'TS_UNPARSEABLE', 'Click.event_timestamp: expected a time'],
    ['2026-01-01 00:00:00,u,c,', 'TS_UNPARSEABLE', 'Click.event_timestamp'],
    ['1767225600,u,c,1.555', 'SCHEMA', 'Click.value: expected decimal(12, 2), found string "1.555"'],
    ['1767225600,u,c,99999999999', 'RANGE', 'Click.value'],
    ['1767225600,"u"x,c,', 'PARSE', 'expected a delimiter behind the closing quote'],
  ])('%j is rejected with its bytes: %s', (row, reason, message) => {
    const text = `${head}\n${good}\n${row}\r\n${good}`;
    const output = decodeFile(csv(Click), text);
    expect(output.records).toHaveLength(2);
    expect(output.rejects).toHaveLength(1);
    const { error, start, end } = output.rejects[0]!;
    expect(error.message).toContain(message);
    expect((error as DecodeError).reason).toBe(reason);
    expect(Buffer.from(text).toString('utf8', start, end)).toBe(row);
  });

  test('a quote that is never closed costs one line', () => {
    const output = decodeFile(csv(Click), `${head}\n1767225600,"u,c,1\n${good}\n${good}`);
    expect(output.records).toHaveLength(2);
    expect(output.rejects.map(({ error }) => error.message)).toEqual(['csv: expected a closing quote']);
  });
});

test('a required column that is not there is said at once, an optional one is absent', () => {
  const read = (): unknown => decodeFile(csv(Click), 'user_id,event_timestamp\nu,1');
  expect(read).toThrow('csv: expected a column ad_campaign_id, found only user_id, event_timestamp');
});

test('without header the columns are those of the schema, or as given; a message is a row', () => {
  const Small = record('Small', { a: int(), b: optional(boolean()), c: withDefault(string(), 'none') });
  expect(decodeFile(csv(Small, { header: false }), '1,yes,x\n2,,\n').records).toEqual([
    { a: 1, b: true, c: 'x' },
    { a: 2, b: undefined, c: 'none' },
  ]);
  const format = csv(Small, { columns: ['other', 'A'], names: { a: 'A' }, delimiter: ';' });
  expect(decodeFile(format, '\ufeffx;5').records).toEqual([{ a: 5, b: undefined, c: 'none' }]);
  const output = new CollectOutput<unknown>();
  const message = Buffer.from('..7,no,y');
  csv(Small).createDecoder('message').decode(message, 2, message.length, true, output);
  expect(output.records).toEqual([{ a: 7, b: false, c: 'y' }]);
});

test('an empty file has no rows', () => {
  expect(decodeFile(csv(Click), '').records).toEqual([]);
});

test('numbers are read as JavaScript reads their text', () => {
  const Numbers = record('Numbers', { l: optional(long()), d: optional(float64()) });
  const texts = fc.oneof(
    fc.maxSafeInteger().map(String),
    fc.integer().map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.constantFrom(
      '00',
      '-0',
      ' 7 ',
      '1e3',
      '1.0',
      '.5',
      '+5',
      '9007199254740993',
      '1_0',
      '0x10',
      '--1',
      '123456789012345',
      '-',
    ),
  );
  fc.assert(
    fc.property(texts, (text) => {
      const isNumber = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text);
      const value = Number(text);
      const output = decodeFile(csv(Numbers, { header: false }), `,${text}\n${text},\n`);
      const expected: unknown[] = [];
      if (isNumber) expected.push({ l: undefined, d: value });
      if (isNumber && Number.isSafeInteger(value)) expected.push({ l: value + 0, d: undefined });
      expect(output.records.map((row) => ({ ...row, d: row.d === undefined ? undefined : row.d }))).toEqual(expected);
    }),
    { numRuns: 1000 },
  );
});

test('times are read from bytes as by the careful way', () => {
  const Time = record('Time', { at: timestampMs() });
  const times = fc.date({
    min: new Date('0101-01-01T00:00:00Z'),
    max: new Date('9998-12-31T00:00:00Z'),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(times, fc.integer({ min: -1079, max: 1079 }), fc.boolean(), (date, offsetMinutes, hasSpace) => {
      const sign = offsetMinutes < 0 ? '-' : '+';
      const minutes = Math.abs(offsetMinutes);
      const local = new Date(date.getTime() + offsetMinutes * 60_000).toISOString().slice(0, -1);
      if (local.length > 23) return;
      const text = `${local}${sign}${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
      const output = decodeFile(csv(Time), `at\n${hasSpace ? text.replace('T', ' ') : text}\n${date.toISOString()}`);
      expect(output.records).toEqual([{ at: date.getTime() }, { at: date.getTime() }]);
    }),
    { numRuns: 500 },
  );
});

test('fields are those that uDSV finds', () => {
  const field = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', 'é', ' '), maxLength: 6 }),
    fc.string({ maxLength: 10 }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(field, field, field), { minLength: 1, maxLength: 10 }), (rows) => {
      const quote = (text: string): string =>
        /^[a-zA-Z0-9 é]*$/.test(text) ? text : `"${text.replaceAll('"', '""')}"`;
      const text = `x,y,z\n${rows.map((row) => row.map(quote).join(',')).join('\n')}\n`;
      const parser = initParser(inferSchema(text, { col: ',', row: '\n', encl: '"' }));
      const ours = decodeFile(csv(record('Row', { x: string(), y: string(), z: string() })), text);
      expect(ours.records.map(({ x, y, z }) => [x, y, z])).toEqual(parser.stringArrs(text));
      expect(ours.records.map(({ x, y, z }) => [x, y, z])).toEqual(
        rows.map((row) => row.map((cell) => cell.toWellFormed())),
      );
    }),
    { numRuns: 500 },
  );
});

test('what the encoder writes is read back, for any schema and value', () => {
  const cases = arbitraryRecord(1).chain((schemaCase) =>
    fc.record({
      schema: fc.constant(schemaCase.schema),
      values: fc.array(schemaCase.value, { minLength: 1, maxLength: 5 }),
    }),
  );
  fc.assert(
    fc.property(cases, ({ schema, values }) => {
      if (values.some((value) => Object.keys(value as object).length === 0)) return; // a row of no columns is a blank line
      const writer = new ByteWriter();
      const encoder = csvEncoder(schema, { timestamps: 'iso' });
      encoder.writeHead!(writer);
      for (const value of values) {
        encoder.encode(writer, value);
        writer.bytes(Buffer.from(encoder.separator));
      }
      const output = decodeFile(csv(schema), writer.copy().toString());
      expect(output.rejects).toEqual([]);
      expect(JSON.stringify(output.records, bigints)).toEqual(JSON.stringify(values, bigints));
    }),
    { numRuns: 300 },
  );
});

test('the generated converter and its interpreted twin agree on any row', () => {
  const Mixed = record('Mixed', {
    s: string(),
    o: optional(string()),
    i: int(),
    l: optional(long()),
    d: withDefault(float64(), 2.5),
    t: optional(timestampMs()),
    e: optional(enumeration(['a', 'b'])),
    b: optional(boolean()),
    m: optional(decimal(8, 2)),
    n: withDefault(string(), 'none'),
  });
  const shape = shapeOf(Mixed) as RecordShape;
  const columns = shape.fields.map((_, i) => (i === 9 ? undefined : i));
  const cell = fc.oneof(
    fc.constantFrom(
      '',
      '""',
      '1',
      '-7',
      ' 3',
      '12345678901234567',
      '1.5',
      '1e3',
      'a',
      'b',
      'yes',
      '2026-01-01T00:00:00Z',
      '2026-01-01',
      '1767225600',
      '"x""y"',
      'é',
    ),
    fc.integer().map(String),
    fc.string({ maxLength: 5 }).map((text) => `"${text.replaceAll('"', '""')}"`),
  );
  const convert = createFromRow<unknown>(shape, columns, PLAIN_JSON);
  fc.assert(
    fc.property(fc.array(cell, { minLength: 9, maxLength: 9 }), (cells) => {
      const reader = new ByteReader(Buffer.from(cells.join(',')));
      const row = new RowScanner(0x2c);
      row.scan(reader, 0, reader.end, true);
      if (row.count !== 9) return;
      const outcomes = [() => convert(row, reader), () => rowToRecord(shape, columns, PLAIN_JSON, row, reader)].map(
        (run) => {
          try {
            return run();
          } catch (error) {
            return (error as Error).message;
          }
        },
      );
      expect(outcomes[0]).toEqual(outcomes[1]);
    }),
    { numRuns: 2000 },
  );
});

test('what CSV cannot hold is refused when the job is built', () => {
  expect(() => csv(array(string()) as never)).toThrow('expected a record schema');
  expect(() => csv(Click, { delimiter: '::' })).toThrow('csv delimiter');
  expect(decodeFile(csv(record('E', { e: enumeration(['a', 'b']) })), 'e\nb\nc').rejects).toHaveLength(1);
});

function bigints(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}
