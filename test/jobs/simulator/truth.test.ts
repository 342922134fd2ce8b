import { expect, test } from 'vitest';
import type { SourceName } from '../../../jobs/attribution/schemas.ts';
import type { SimEvent } from '../../../jobs/simulator/log/log-model.ts';
import type { Trouble } from '../../../jobs/simulator/log/slot-plan.ts';
import { expectedOf } from '../../../jobs/simulator/truth/compute-truth.ts';
import type { PlacedEntry } from '../../../jobs/simulator/truth/log-range.ts';
import type { TruthRules } from '../../../jobs/simulator/truth/truth.ts';
import type { SimClick } from '../../../jobs/simulator/world/clicks.ts';
import type { SimConversion } from '../../../jobs/simulator/world/conversions.ts';
import type { SimImpression } from '../../../jobs/simulator/world/impressions.ts';

/*
 * Small cases, worked out by hand. Times are milliseconds; impressions join for 100, clicks count for 1000.
 */
const RULES: TruthRules = { joinWindowMs: 100, userJoin: 'rows' };

const impression = (
  impressionId: string | undefined,
  timeMs: number,
  fields: Partial<SimImpression> = {},
): SimImpression => ({
  kind: 'impression',
  index: 0,
  timeMs,
  timeForm: 'millis',
  impressionId,
  user: 1,
  campaign: 1,
  creative: 10,
  publisher: 1,
  device: 0,
  country: 0,
  priceMicros: 1000,
  currency: 'USD',
  isReferenceUnknown: false,
  ...fields,
});

const click = (
  clickId: string | undefined,
  impressionId: string | undefined,
  timeMs: number,
  fields: Partial<SimClick> = {},
): SimClick => ({
  kind: 'click',
  index: 0,
  timeMs,
  timeForm: 'millis',
  clickId,
  impressionId,
  user: 1,
  campaign: 1,
  isReferenceUnknown: false,
  cause: undefined,
  ...fields,
});

const conversion = (conversionId: string, timeMs: number, fields: Partial<SimConversion> = {}): SimConversion => ({
  kind: 'conversion',
  index: 0,
  timeMs,
  timeForm: 'millis',
  conversionId,
  conversionType: 'purchase',
  orderId: undefined,
  clickId: undefined,
  user: 1,
  campaign: 1,
  advertiser: undefined,
  valueCents: undefined,
  currency: undefined,
  isReferenceUnknown: false,
  cause: undefined,
  ...fields,
});

function truthOf(events: readonly (SimEvent | [SimEvent, Trouble])[], rules: Partial<TruthRules> = {}) {
  const entries = events.map((item, offset): PlacedEntry => {
    const [event, trouble] = Array.isArray(item) ? item : [item, 'good' as const];
    const source: SourceName = event.kind === 'impression' ? 'impressions' : 'clicks_conversions';
    return { event, trouble, receivedAtMs: event.timeMs, source, partition: 0, offset };
  });
  const world = {
    clickWindowMs: 1000,
    advertisers: 10,
    impressionAt: (index: number) => impression(`world-${index}`, 0),
    clickAt: (index: number) => click(`world-${index}`, undefined, 0),
  };
  return expectedOf(entries, { ...RULES, ...rules }, world);
}

test('a click joins its impression from the very time on and up to, not including, the end of the window', () => {
  const truth = truthOf([
    impression('i', 1000),
    click('before', 'i', 999),
    click('at', 'i', 1000),
    click('last', 'i', 1099),
    click('end', 'i', 1100),
    click('orphan', 'j', 1050),
  ]);
  expect([...truth.joinedClicks.keys()]).toEqual(['at', 'last']);
  expect([...truth.unmatchedClicks.keys()]).toEqual(['before', 'end', 'orphan']);
});

test('a click without impression id joins the nearest earlier impression of its user and campaign', () => {
  const rows = [
    impression(undefined, 1000, { publisher: 1 }),
    impression(undefined, 1040, { publisher: 2 }),
    impression(undefined, 1060, { publisher: 3 }),
    impression(undefined, 1045, { user: 2 }),
    impression(undefined, 1045, { campaign: 2, creative: 20 }),
    impression('named', 1045),
  ];
  const of = (events: Parameters<typeof truthOf>[0], rules: Partial<TruthRules> = {}) => [
    ...truthOf(events, rules).joinedClicks.values(),
  ];
  const [found] = of([...rows, click(undefined, undefined, 1050)]);
  const [expected] = of([rows[1]!, click(undefined, undefined, 1050)]);
  expect(found).toEqual(expected);
  expect(found!.matchMethod).toBe('user_id');
  expect(of([...rows, click(undefined, undefined, 1050)], { userJoin: 'all' })[0]!.impressionId).toBe('named');
});

test('of impressions at the same time the smaller id wins', () => {
  const events = [impression('b', 1000), impression('a', 1000), click('c', undefined, 1000)];
  expect(truthOf(events, { userJoin: 'all' }).joinedClicks.get('c')).toEqual({
    impressionId: 'a',
    matchMethod: 'user_id',
  });
});

test('a conversion goes to the click it names, else to the last click of its campaign in the window', () => {
  const clicks = [
    impression('i', 0),
    impression('j', 50),
    click('early', 'i', 10),
    click('late', 'j', 60),
    click('other', 'i', 20, { campaign: 11 }),
  ];
  const creditOf = (fields: Partial<SimConversion>, timeMs = 500): string | undefined =>
    truthOf([...clicks, conversion('v', timeMs, fields)]).attributions.get('v')?.touchId;
  expect(creditOf({ clickId: 'early' })).toBe('early');
  expect(creditOf({ clickId: 'unknown' })).toBe('late');
  expect(creditOf({})).toBe('late');
  expect(creditOf({}, 59)).toBe('early');
  expect(creditOf({}, 60)).toBe('late');
  expect(creditOf({}, 1059)).toBe('late');
  expect(creditOf({}, 1060)).toBe(undefined);
  expect(creditOf({ clickId: 'early' }, 1010)).toBe('late');
  expect(creditOf({ campaign: undefined, advertiser: 1 })).toBe('late');
  expect(creditOf({ campaign: 11 })).toBe('other');
  expect(creditOf({ campaign: undefined })).toBe(undefined);
  expect(creditOf({ user: 2, clickId: 'early' })).toBe(undefined);
});

test('a click that joined no impression gets no credit', () => {
  const truth = truthOf([click('lonely', 'nothing', 10), conversion('v', 20, { clickId: 'lonely' })]);
  expect(truth.unmatchedConversions.get('v')).toBe('CLICK_ID_NOT_IN_WINDOW');
});

test('the first of an id counts; the same again is natural, another one synthetic', () => {
  const truth = truthOf([
    impression('i', 0, { priceMicros: 1 }),
    impression('i', 0, { priceMicros: 1 }),
    impression('i', 0, { priceMicros: 2 }),
    conversion('v', 5, { orderId: 'o', valueCents: 100, currency: 'EUR' }),
    conversion('w', 6, { orderId: 'o', valueCents: 100, currency: 'EUR' }),
    conversion('x', 7, { orderId: 'o', conversionType: 'lead' }),
  ]);
  expect([...truth.duplicates]).toEqual([
    ['impressions/0/1', { kind: 'impression', duplicateKind: 'natural' }],
    ['impressions/0/2', { kind: 'impression', duplicateKind: 'synthetic' }],
    ['clicks_conversions/0/4', { kind: 'conversion', duplicateKind: 'synthetic' }],
  ]);
  expect([...truth.unmatchedConversions.keys()]).toEqual(['v', 'x']);
});

test('broken and late records are in no join', () => {
  const truth = truthOf([
    [impression('late', 0), 'late'],
    [impression('broken', 0), 'unparseable'],
    click('a', 'late', 10),
    click('b', 'broken', 10),
    [conversion('v', 20), 'badValue'],
  ]);
  expect([...truth.late]).toEqual(['impressions/0/0']);
  expect([...truth.quarantined]).toEqual([
    ['impressions/0/1', 'PARSE'],
    ['clicks_conversions/0/4', 'RANGE'],
  ]);
  expect([...truth.unmatchedClicks.keys()]).toEqual(['a', 'b']);
});

test('money is exact', () => {
  const truth = truthOf([
    impression('i', 0),
    click('c', 'i', 1),
    conversion('v', 2, { valueCents: 1999, currency: 'EUR' }),
  ]);
  expect(truth.attributions.get('v')).toMatchObject({ valueMicros: 19_990_000, currency: 'EUR' });
});
