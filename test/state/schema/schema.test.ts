import { describe, expect, expectTypeOf, test } from 'vitest';
import { ByteReader, ByteWriter } from '../../../engine/base/bytes.ts';
import { RecordError, UserError } from '../../../engine/base/errors.ts';
import { withAliases, withDefault, withDoc } from '../../../state/schema/attributes.ts';
import { array, map } from '../../../state/schema/collections.ts';
import { decimal, formatDecimal, parseDecimal } from '../../../state/schema/decimal.ts';
import { enumeration } from '../../../state/schema/enumeration.ts';
import { optional } from '../../../state/schema/optional.ts';
import { pick, record } from '../../../state/schema/record.ts';
import { boolean, bytes, float64, int, long, string, timestampMs } from '../../../state/schema/scalars.ts';
import type { Infer, Schema } from '../../../state/schema/schema.ts';
import { union } from '../../../state/schema/union.ts';

const Click = record('ads.Click', {
  clickId: string(),
  at: timestampMs(),
  kind: enumeration(['click', 'view']),
  costMicros: optional(long()),
  tags: array(string()),
});

const View = record('ads.View', { viewId: string(), seconds: float64() });

const Event = union('type', { click: Click, view: View });

function roundTrip<T>(schema: Schema<T>, value: T): T {
  const writer = new ByteWriter(8);
  writer.u8(7); // codecs start anywhere
  schema.encode(writer, value);
  const reader = new ByteReader(writer.copy(), 1);
  const decoded = schema.decode(reader);
  expect(reader.remaining).toBe(0);
  return decoded;
}

describe('types', () => {
  test('a record schema gives its object type, with optional properties for optional fields', () => {
    expectTypeOf<Infer<typeof Click>>().toEqualTypeOf<{
      clickId: string;
      at: number;
      kind: 'click' | 'view';
      costMicros?: number | undefined;
      tags: string[];
    }>();
    expectTypeOf<Infer<typeof View>>().toEqualTypeOf<{ viewId: string; seconds: number }>();
    expectTypeOf(Click).toExtend<Schema<Infer<typeof Click>>>();
    expectTypeOf(Click).toExtend<Schema<unknown>>();
  });

  test('a union schema gives a discriminated union', () => {
    type Event = Infer<typeof Event>;
    expectTypeOf<Event>().toEqualTypeOf<
      | {
          type: 'click';
          clickId: string;
          at: number;
          kind: 'click' | 'view';
          costMicros?: number | undefined;
          tags: string[];
        }
      | { type: 'view'; viewId: string; seconds: number }
    >();
    const narrow = (event: Event): string => (event.type === 'click' ? event.clickId : event.viewId);
    expect(narrow({ type: 'view', viewId: 'v', seconds: 1 })).toBe('v');
  });

  test('the other constructors give what they hold', () => {
    expectTypeOf(bytes()).toEqualTypeOf<Schema<Uint8Array>>();
    expectTypeOf(boolean()).toEqualTypeOf<Schema<boolean>>();
    const Everything = record('Everything', {
      money: decimal(18, 4),
      counts: map(long()),
      nested: optional(View),
      list: array(View),
      size: withDefault(int(), 3),
      named: withDoc(withAliases(string(), ['old']), 'a name'),
      sparse: array(optional(string())),
    });
    expectTypeOf<Infer<typeof Everything>>().toEqualTypeOf<{
      money: bigint;
      counts: Record<string, number>;
      nested?: { viewId: string; seconds: number } | undefined;
      list: { viewId: string; seconds: number }[];
      size: number;
      named: string;
      sparse: (string | undefined)[];
    }>();
    expectTypeOf<Infer<typeof Partial>>().toEqualTypeOf<{ clickId: string; costMicros?: number | undefined }>();
    const Partial = pick(Click, ['clickId', 'costMicros']);
    // @ts-expect-error a default must fit
    expect(() => withDefault(int(), 'x')).toThrow(UserError);
    // @ts-expect-error there is no such field
    expect(() => pick(Click, ['nothing'])).toThrow(UserError);
  });
});

describe('values', () => {
  test('a decoded record has all properties, absent ones as undefined', () => {
    const decoded = roundTrip(Click, { clickId: 'c', at: 1, kind: 'view', tags: [] });
    expect(Object.keys(decoded)).toEqual(['clickId', 'at', 'kind', 'costMicros', 'tags']);
    expect(decoded.costMicros).toBeUndefined();
    expect(
      roundTrip(Click, { clickId: 'c', at: 1, kind: 'view', costMicros: null as never, tags: [] }).costMicros,
    ).toBeUndefined();
  });

  test('a union value comes back with its tag', () => {
    expect(roundTrip(Event, { type: 'view', viewId: 'v', seconds: 1.5 })).toEqual({
      type: 'view',
      viewId: 'v',
      seconds: 1.5,
    });
    const maybe = optional(Event);
    expect(roundTrip(maybe, undefined)).toBeUndefined();
    expect(roundTrip(maybe, { type: 'view', viewId: 'v', seconds: 2 })).toEqual({
      type: 'view',
      viewId: 'v',
      seconds: 2,
    });
  });

  test.each([
    0,
    1,
    -1,
    63,
    64,
    -64,
    -65,
    2 ** 30,
    -(2 ** 30),
    2 ** 30 - 1,
    2 ** 31,
    1_767_225_600_000,
    2 ** 53 - 1,
    -(2 ** 53) + 1,
  ])('the long %d comes back', (value) => {
    expect(roundTrip(long(), value)).toBe(value);
  });

  test('numbers that a long or int cannot hold exactly are errors', () => {
    for (const value of [2 ** 53, 0.5, Number.NaN, Infinity, '1', undefined]) {
      expect(() => roundTrip(long(), value as number)).toThrow(RecordError);
    }
    expect(() => roundTrip(int(), 2 ** 31)).toThrow('expected int, found number 2147483648');
  });

  test('a map may have any key', () => {
    const value = JSON.parse('{"__proto__": 1, "a b": 2, "": 3}') as Record<string, number>;
    expect(Object.entries(roundTrip(map(long()), value))).toEqual(Object.entries(value));
  });

  test('decimals are exact', () => {
    for (const units of [0n, 1n, -1n, 127n, 128n, -128n, -129n, 10n ** 37n, -(10n ** 38n) + 1n])
      expect(roundTrip(decimal(38, 4), units)).toBe(units);
    expect(() => roundTrip(decimal(3, 0), 1000n)).toThrow('expected decimal(3, 0), found bigint 1000');
    expect(parseDecimal('12.5', 4)).toBe(125_000n);
    expect(parseDecimal('-.5', 1)).toBe(-5n);
    expect(parseDecimal('1e3', 0)).toBe(1000n);
    expect(parseDecimal('1.25e1', 1)).toBe(125n);
    for (const bad of ['', '.', 'x', '1.234', '1,5', '--1', '1e-3']) expect(parseDecimal(bad, 2)).toBeUndefined();
    expect(formatDecimal(-125n, 4)).toBe('-0.0125');
    expect(formatDecimal(42n, 0)).toBe('42');
  });
});

describe('what does not fit', () => {
  const good = { clickId: 'c', at: 1, kind: 'click', tags: ['a'] };
  test.each([
    [{ ...good, clickId: 5 }, 'Click.clickId: expected string, found number 5'],
    [{ ...good, at: '2026' }, 'Click.at: expected timestamp, found string "2026"'],
    [{ ...good, kind: 'other' }, 'Click.kind: expected one of click, view, found string "other"'],
    [{ ...good, costMicros: 0.5 }, 'Click.costMicros: expected long, found number 0.5'],
    [{ ...good, tags: ['a', null] }, 'Click.tags[1]: expected string, found null'],
    [{ ...good, tags: undefined }, 'Click.tags: expected array of string, found nothing'],
    [undefined, 'Click: expected record Click, found nothing'],
    [[1, 2], 'Click: expected record Click, found an array of 2'],
  ])('%j is reported with path, expected and found', (value, problem) => {
    expect(Click.validate(value)).toBe(problem);
    const writer = new ByteWriter();
    expect(() => Click.encode(writer, value as never)).toThrow(new RecordError(problem));
    expect(writer.length).toBe(0);
  });

  test('an unknown tag is named', () => {
    expect(Event.validate({ type: 'other' })).toBe('type: expected one of click, view, found string "other"');
  });

  test('unknown properties are ignored', () => {
    expect(View.validate({ viewId: 'v', seconds: 1, more: 2 })).toBeUndefined();
    expect(roundTrip(View, { viewId: 'v', seconds: 1, more: 2 } as never)).toEqual({ viewId: 'v', seconds: 1 });
  });

  test('bytes that end early or cannot be are RecordErrors naming the field', () => {
    const writer = new ByteWriter();
    Click.encode(writer, { clickId: 'click', at: 1, kind: 'view', tags: ['a'] });
    const whole = writer.copy();
    for (let length = 0; length < whole.length; length++) {
      expect(() => Click.decode(new ByteReader(whole, 0, length))).toThrow(RecordError);
      expect(() => Click.decode(new ByteReader(whole.subarray(0, length)))).toThrow(RecordError);
    }
    expect(() => Click.decode(new ByteReader(whole.subarray(0, 3)))).toThrow(
      /Click\.clickId: .*expected 5 bytes, found 2/,
    );
  });

  test.each([
    () => record('1a', {}),
    () => record('a', { 'b-c': int() }),
    () => record('a', { ['__proto__']: int() }),
    () => enumeration(['sign-up']),
    () => enumeration(['a', 'a']),
    () => decimal(40, 2),
    () => union('viewId', { view: View }),
    () => withDefault(optional(int()), 1),
  ])('a schema that Avro has no room for is refused: %s', (make) => {
    expect(make).toThrow(UserError);
  });
});
