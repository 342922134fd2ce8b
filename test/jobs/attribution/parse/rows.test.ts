import { expect, test } from 'vitest';
import { createCatalog } from '../../../../jobs/attribution/catalog.ts';
import { decimalToMicros } from '../../../../jobs/attribution/parse/money.ts';
import { parseBidRequest } from '../../../../jobs/attribution/parse/parse-bid-request.ts';
import { parseClickRow } from '../../../../jobs/attribution/parse/parse-click-row.ts';
import { parseImpression } from '../../../../jobs/attribution/parse/parse-impression.ts';
import { RawRecord } from '../../../../jobs/attribution/raw-record.ts';
import { attributionRules } from '../../../../jobs/attribution/rules.ts';

const AT = Date.UTC(2026, 0, 1);
const RULES = attributionRules();
const CATALOG = createCatalog({
  campaigns: [{ campaignId: 'cmp-1', advertiserId: 'adv-1', clickWindowMs: 1000 }],
  creatives: [{ creativeId: 'crt-1', campaignId: 'cmp-1' }],
});

const raw = (text: string): RawRecord => new RawRecord(Buffer.from(text), AT + 500, 3, 42);
const impression = (fields: Record<string, unknown>) =>
  parseImpression(
    raw(JSON.stringify({ user_id: 'u1', ad_creative_id: 'crt-1', website: 'a.example', timestamp: AT, ...fields })),
    CATALOG,
    RULES,
  );
const row = (text: string) => parseClickRow(raw(text), CATALOG, RULES);
const refusal = (parse: () => unknown): unknown => {
  try {
    parse();
  } catch (error) {
    return (error as { errorCode: string }).errorCode;
  }
  return 'accepted';
};

test('an impression of the case alone gets its campaign from the catalog and an id from its payload', () => {
  const first = impression({});
  expect(first).toMatchObject({
    at: AT,
    campaignId: 'cmp-1',
    advertiserId: 'adv-1',
    idOrigin: 'row',
    sourcePartition: 3,
    sourceOffset: 42,
  });
  expect(first.impressionId).toMatch(/^[0-9a-f]{32}$/);
  // The same moment in another form is the same row; another user is not.
  expect(impression({ timestamp: '2026-01-01T01:00:00+01:00' }).impressionId).toBe(first.impressionId);
  expect(impression({ user_id: 'u2' }).impressionId).not.toBe(first.impressionId);
});

test('an impression with an id keeps it', () => {
  const found = impression({ impression_id: 'i1', price_micros: 1500, currency: 'EUR', device: { type: 'ctv' } });
  expect(found).toMatchObject({
    impressionId: 'i1',
    idOrigin: 'source',
    priceMicros: 1500,
    currency: 'EUR',
    deviceType: 'ctv',
  });
});

test.each([
  ['PARSE', () => parseImpression(raw('{"user_id":"u1"'), CATALOG, RULES)],
  ['SCHEMA', () => parseImpression(raw('[]'), CATALOG, RULES)],
  ['SCHEMA', () => impression({ user_id: 7 })],
  ['REQUIRED_MISSING', () => impression({ user_id: undefined })],
  ['REQUIRED_MISSING', () => impression({ website: '' })],
  ['REQUIRED_MISSING', () => impression({ timestamp: null })],
  ['REQUIRED_MISSING', () => impression({ price_micros: 5 })],
  ['TS_UNPARSEABLE', () => impression({ timestamp: '2026-01-01T00:00:00' })],
  ['TS_FUTURE', () => impression({ timestamp: AT + 500 + RULES.futureToleranceMs + 1 })],
  ['accepted', () => impression({ timestamp: AT + 500 + RULES.futureToleranceMs })],
  ['UNKNOWN_REF', () => impression({ ad_creative_id: 'crt-2' })],
  ['RANGE', () => impression({ price_micros: -1, currency: 'EUR' })],
  ['RANGE', () => impression({ price_micros: 0.5, currency: 'EUR' })],
  ['RANGE', () => impression({ price_micros: 1, currency: 'EURO' })],
])('impressions: %s', (code, parse) => {
  expect(refusal(parse)).toBe(code);
});

test.each(['', 'click'])('conversion type %j is a click', (type) => {
  const found = row(`${AT},u1,cmp-1,${type},c1,i1,,,,,`);
  expect(found).toMatchObject({
    kind: 'click',
    event: { clickId: 'c1', impressionId: 'i1', at: AT, campaignId: 'cmp-1' },
  });
});

test('any other conversion type is a conversion, with exact money', () => {
  const found = row(`2026-01-01T00:00:00.000Z,u1,cmp-1,purchase,c1,,e1,"o,1",,19.99,EUR`);
  expect(found).toMatchObject({
    kind: 'conversion',
    event: {
      conversionId: 'e1',
      orderId: 'o,1',
      clickId: 'c1',
      valueMicros: 19_990_000,
      currency: 'EUR',
      advertiserId: 'adv-1',
    },
  });
});

test.each([
  ['PARSE', `${AT},u1,cmp-1,click`],
  ['PARSE', `${AT},"u1,cmp-1,click,c1,i1,,,,,`],
  ['REQUIRED_MISSING', `,u1,cmp-1,click,c1,i1,,,,,`],
  ['REQUIRED_MISSING', `${AT},,cmp-1,click,c1,i1,,,,,`],
  ['REQUIRED_MISSING', `${AT},u1,,click,c1,i1,,,,,`],
  ['REQUIRED_MISSING', `${AT},u1,cmp-1,purchase,,,e1,,,5,`],
  ['UNKNOWN_REF', `${AT},u1,cmp-2,click,c1,i1,,,,,`],
  ['RANGE', `${AT},u1,cmp-1,purchase,,,e1,,,-5,EUR`],
  ['RANGE', `${AT},u1,cmp-1,purchase,,,e1,,,5,EURO`],
  ['accepted', `${AT},u1,,purchase,,,e1,,,,`],
])('clicks and conversions: %s', (code, text) => {
  expect(refusal(() => row(text))).toBe(code);
});

test('bytes that are no bid request are refused', () => {
  expect(refusal(() => parseBidRequest(raw('not avro'), RULES))).toBe('PARSE');
});

test.each([
  ['0', 0],
  ['12', 12_000_000],
  ['12.3', 12_300_000],
  ['0.000001', 1],
  ['999999999.999999', 999_999_999_999_999],
])('%s units are %i micros', (text, micros) => {
  expect(decimalToMicros('value', text)).toBe(micros);
});

test.each(['', '.5', '5.', '1e3', '-1', '1,5', '0.0000001', ' 1'])('%j is no amount of money', (text) => {
  expect(() => decimalToMicros('value', text)).toThrow(/value: expected a decimal number/);
});
