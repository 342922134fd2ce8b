import { array } from '../../state/schema/collections.ts';
import { enumeration } from '../../state/schema/enumeration.ts';
import { optional } from '../../state/schema/optional.ts';
import { record } from '../../state/schema/record.ts';
import { bytes, long, string, timestampMs } from '../../state/schema/scalars.ts';
import type { Infer } from '../../state/schema/schema.ts';

/*
 * The job's canonical records: what every source row becomes, and what comes out. Money is an integer in micros (1e-6 of
 * the currency unit) with the ISO-4217 code beside it, credit an integer in parts per million, time milliseconds in UTC.
 * Deterministic: none of them holds a clock reading of ours, so that a replay gives the same rows.
 */

/** Where a source row came from. Part of every row made from exactly one source row. */
const lineage = {
  /** When the transport took the row in; null where the transport does not know (files). */
  receivedAt: optional(timestampMs()),
  sourcePartition: long(),
  sourceOffset: long(),
};

export const Impression = record('Impression', {
  /** The source's id; for a row without one, a hash of the row's payload. */
  impressionId: string(),
  at: timestampMs(),
  userId: string(),
  creativeId: string(),
  /** Of the creative, by the catalog. */
  campaignId: string(),
  advertiserId: string(),
  website: string(),
  publisherId: optional(string()),
  placement: optional(string()),
  auctionId: optional(string()),
  deviceType: optional(string()),
  country: optional(string()),
  /** What this impression cost, not a price per thousand. */
  priceMicros: optional(long()),
  currency: optional(string()),
  /** `row`: the id is a hash, so only the user join can find this impression. */
  idOrigin: enumeration(['source', 'row'], { name: 'IdOrigin' }),
  ...lineage,
});
export type Impression = Infer<typeof Impression>;

export const Click = record('Click', {
  clickId: string(),
  at: timestampMs(),
  userId: string(),
  campaignId: string(),
  impressionId: optional(string()),
  creativeId: optional(string()),
  idOrigin: enumeration(['source', 'row'], { name: 'IdOrigin' }),
  ...lineage,
});
export type Click = Infer<typeof Click>;

export const Conversion = record('Conversion', {
  conversionId: string(),
  at: timestampMs(),
  userId: string(),
  /** `sign_up`, `purchase`, `install`, `lead`, ... */
  conversionType: string(),
  campaignId: optional(string()),
  advertiserId: optional(string()),
  orderId: optional(string()),
  clickId: optional(string()),
  valueMicros: optional(long()),
  currency: optional(string()),
  idOrigin: enumeration(['source', 'row'], { name: 'IdOrigin' }),
  ...lineage,
});
export type Conversion = Infer<typeof Conversion>;

export const BidRequest = record('BidRequest', {
  auctionId: string(),
  at: timestampMs(),
  userId: string(),
  impId: string(),
  placement: optional(string()),
  publisherId: optional(string()),
  deviceType: optional(string()),
  country: optional(string()),
  /** Price per thousand impressions. */
  bidFloorCpmMicros: optional(long()),
  currency: optional(string()),
  /** Segments and categories that bidders may target. */
  targeting: array(string()),
  ...lineage,
});
export type BidRequest = Infer<typeof BidRequest>;

const matchMethod = enumeration(['impression_id', 'click_id', 'user_id'], { name: 'MatchMethod' });
export type MatchMethod = Infer<typeof matchMethod>;

const unmatchedReason = enumeration(
  ['NO_IMPRESSION_IN_WINDOW', 'NO_USER_IMPRESSION_IN_WINDOW', 'NO_CLICK_IN_WINDOW', 'CLICK_ID_NOT_IN_WINDOW'],
  { name: 'UnmatchedReason' },
);
export type UnmatchedReason = Infer<typeof unmatchedReason>;

/** A click with the impression it belongs to. */
export const JoinedClick = record('JoinedClick', {
  clickId: string(),
  at: timestampMs(),
  userId: string(),
  campaignId: string(),
  advertiserId: string(),
  impressionId: string(),
  impressionAt: timestampMs(),
  creativeId: string(),
  website: string(),
  publisherId: optional(string()),
  impressionPriceMicros: optional(long()),
  impressionCurrency: optional(string()),
  matchMethod,
  ...lineage,
});
export type JoinedClick = Infer<typeof JoinedClick>;

/** A click as the warehouse has it: with what it belongs to, or with the reason why there is nothing. */
export const ClickFact = record('ClickFact', {
  clickId: string(),
  at: timestampMs(),
  userId: string(),
  campaignId: string(),
  advertiserId: optional(string()),
  /** Null: unmatched. Then the other columns of the impression are null too. */
  impressionId: optional(string()),
  impressionAt: optional(timestampMs()),
  creativeId: optional(string()),
  website: optional(string()),
  publisherId: optional(string()),
  impressionPriceMicros: optional(long()),
  impressionCurrency: optional(string()),
  matchMethod: optional(matchMethod),
  /** Null: matched. */
  unmatchedReason: optional(unmatchedReason),
  ...lineage,
});
export type ClickFact = Infer<typeof ClickFact>;

/** Credit of one conversion for one touch under one model. */
export const Attribution = record('Attribution', {
  /** Hash of conversion key, model and touch: a replay gives the same id, so rows can be upserted. */
  attributionId: string(),
  conversionId: string(),
  conversionAt: timestampMs(),
  conversionType: string(),
  userId: string(),
  touchId: string(),
  touchType: enumeration(['click', 'view'], { name: 'TouchType' }),
  touchAt: timestampMs(),
  impressionId: string(),
  campaignId: string(),
  advertiserId: string(),
  creativeId: string(),
  publisherId: optional(string()),
  orderId: optional(string()),
  model: string(),
  /** 1,000,000 is the whole conversion. */
  creditPpm: long(),
  valueMicros: optional(long()),
  currency: optional(string()),
  windowMs: long(),
  lagMs: long(),
  matchMethod,
  version: long(),
  stage: enumeration(['realtime', 'final', 'reprocessed'], { name: 'Stage' }),
});
export type Attribution = Infer<typeof Attribution>;

const errorCode = enumeration(
  [
    'PARSE',
    'SCHEMA',
    'REQUIRED_MISSING',
    'RANGE',
    'TS_UNPARSEABLE',
    'TS_FUTURE',
    'TOO_LATE',
    'UNKNOWN_REF',
    'DUP_CONFLICT',
  ],
  { name: 'QualityError' },
);
/** Error classes of the quality gate. */
export type QualityErrorCode = Infer<typeof errorCode>;

const sourceName = enumeration(['impressions', 'clicks_conversions', 'bid_requests'], { name: 'SourceName' });
export type SourceName = Infer<typeof sourceName>;

/** A row that was not processed, with its original bytes, so that it can be repaired and driven in again. */
export const Quarantined = record('Quarantined', {
  source: sourceName,
  sourcePartition: long(),
  sourceOffset: long(),
  receivedAt: optional(timestampMs()),
  errorCode,
  errorDetail: string(),
  payload: bytes(),
});
export type Quarantined = Infer<typeof Quarantined>;

const eventKind = enumeration(['impression', 'click', 'conversion', 'bid_request'], { name: 'EventKind' });
export type EventKind = Infer<typeof eventKind>;

/** A good row that came too late to be joined. */
export const LateRecord = record('LateRecord', {
  source: sourceName,
  sourcePartition: long(),
  sourceOffset: long(),
  kind: eventKind,
  eventId: string(),
  at: timestampMs(),
  receivedAt: optional(timestampMs()),
  userId: string(),
});
export type LateRecord = Infer<typeof LateRecord>;

/**
 * A row whose id has been seen before. `natural`: the same event again. `synthetic`: another event under a used id; it is
 * not processed either, and named by an id of its own.
 */
export const DuplicateRecord = record('DuplicateRecord', {
  source: sourceName,
  sourcePartition: long(),
  sourceOffset: long(),
  kind: eventKind,
  duplicateKind: enumeration(['natural', 'synthetic'], { name: 'DuplicateKind' }),
  /** Id of the event that was kept; for a conversion, its key. */
  parentId: string(),
  /** The id it came with; for a synthetic duplicate, a hash of that id and the payload. */
  eventId: string(),
  at: timestampMs(),
  userId: string(),
});
export type DuplicateRecord = Infer<typeof DuplicateRecord>;

/** A click without an impression, or a conversion without a click, once none can come any more. */
export const Unmatched = record('Unmatched', {
  kind: eventKind,
  eventId: string(),
  at: timestampMs(),
  userId: string(),
  campaignId: optional(string()),
  reason: unmatchedReason,
  ...lineage,
});
export type Unmatched = Infer<typeof Unmatched>;
