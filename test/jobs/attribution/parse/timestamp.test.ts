import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTimestamp } from '../../../../jobs/attribution/parse/timestamp.ts';

const AT = Date.UTC(2026, 1, 28, 23, 59, 59, 123);

test.each([
  ['ISO in UTC', '2026-02-28T23:59:59.123Z', AT],
  ['ISO with an offset', '2026-03-01T01:59:59.123+02:00', AT],
  ['ISO with an offset without colon', '2026-02-28T18:29:59.123-0530', AT],
  ['a blank for the T', '2026-02-28 23:59:59.123Z', AT],
  ['no fraction', '2026-02-28T23:59:59Z', AT - 123],
  ['no seconds', '2026-02-28T23:59Z', AT - 59_123],
  ['microseconds, cut', '2026-02-28T23:59:59.123999Z', AT],
  ['epoch milliseconds', AT, AT],
  ['epoch milliseconds as text', String(AT), AT],
  ['epoch seconds', Math.floor(AT / 1000), AT - 123],
  ['epoch seconds as text', String(Math.floor(AT / 1000)), AT - 123],
  ['epoch seconds with a fraction', AT / 1000, AT],
])('reads %s', (_form, value, expected) => {
  expect(parseTimestamp(value)).toBe(expected);
});

test.each([
  '',
  'yesterday',
  '2026-02-28T23:59:59.123',
  '2026-02-29T00:00:00.000Z',
  '2026-13-01T00:00:00.000Z',
  '2026-01-01T24:00:00.000Z',
  '2026-01-01T00:60:00Z',
  '2026-01-01T00:00:00+25:00',
  '12:30',
  'NaN',
  '1e12',
  '-5',
  -5,
  Number.NaN,
  1e18,
  true,
  {},
  null,
])('refuses %j', (value) => {
  expect(parseTimestamp(value)).toBeNaN();
});

test('a local time is read in the zone of its source, if that has one', () => {
  expect(parseTimestamp('2026-02-28T23:59:59.123', 0)).toBe(AT);
  expect(parseTimestamp('2026-03-01T00:59:59.123', 60)).toBe(AT);
});

test('law: every moment is read back from its ISO form', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (ms) => {
      const text = new Date(ms).toISOString();
      expect(parseTimestamp(text)).toBe(ms);
      expect(parseTimestamp(text.replace('Z', '+00:00'))).toBe(ms);
    }),
  );
});
