import { array } from '../../../state/schema/collections.ts';
import { optional } from '../../../state/schema/optional.ts';
import { record } from '../../../state/schema/record.ts';
import { long, string, timestampMs } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import type { AdCatalog } from '../catalog.ts';
import { attributionId } from '../event-id.ts';
import { conversionFingerprint } from '../fingerprint.ts';
import { type AttributionRules, isWithin } from '../rules.ts';
import {
  type Attribution,
  Conversion,
  type DuplicateRecord,
  type JoinedClick,
  type MatchMethod,
  type Unmatched,
} from '../schemas.ts';
import { expiryTimer, type PageFate } from './expiry.ts';
import { unmatchedOf } from './join-output.ts';
import { duplicateOf, findSeen, SeenId } from './seen-id.ts';

/** A click that conversions may be credited to, with what its impression gave it. */
const Touch = record('Touch', {
  clickId: string(),
  at: timestampMs(),
  campaignId: string(),
  advertiserId: string(),
  impressionId: string(),
  creativeId: string(),
  publisherId: optional(string()),
  /** Click window of the campaign. */
  windowMs: long(),
});
type Touch = Infer<typeof Touch>;

/** The clicks of one user as far as their windows reach, and conversions whose time the watermark has not passed. */
export const TouchPage = record('TouchPage', {
  touches: array(Touch),
  waiting: array(Conversion),
  /** Ids are conversion keys. */
  seenConversions: array(SeenId),
});
export type TouchPage = Infer<typeof TouchPage>;

export function emptyTouchPage(): TouchPage {
  return { touches: [], waiting: [], seenConversions: [] };
}

export interface LastClickOutput {
  conversion(conversion: Conversion): void;
  attributed(attribution: Attribution): void;
  unmatched(unmatched: Unmatched): void;
  duplicate(duplicate: DuplicateRecord): void;
  registerTimer(timestampMs: number): void;
}

export const LAST_CLICK = 'last_click';
const WHOLE_CREDIT_PPM = 1_000_000;

/**
 * Credits every conversion, once, to one click of its user: the click it names, if that is known and its window holds the
 * conversion; else the last click of its campaign (or of its advertiser, when it names no campaign) whose window does;
 * ties by the smaller click id. Decided when the watermark passes the conversion, so the order of arrival does not matter.
 */
export class LastClick {
  readonly #rules: AttributionRules;
  readonly #catalog: AdCatalog;
  readonly #out: LastClickOutput;

  constructor(rules: AttributionRules, catalog: AdCatalog, out: LastClickOutput) {
    this.#rules = rules;
    this.#catalog = catalog;
    this.#out = out;
  }

  /** Returns whether the page has changed. */
  onClick(page: TouchPage, click: JoinedClick): boolean {
    const windowMs = this.#catalog.campaign(click.campaignId)?.clickWindowMs ?? 0;
    page.touches.push({
      clickId: click.clickId,
      at: click.at,
      campaignId: click.campaignId,
      advertiserId: click.advertiserId,
      impressionId: click.impressionId,
      creativeId: click.creativeId,
      publisherId: click.publisherId,
      windowMs,
    });
    this.#out.registerTimer(expiryTimer(click.at + windowMs, windowMs));
    return true;
  }

  /** Returns whether the page has changed. */
  onConversion(page: TouchPage, conversion: Conversion): boolean {
    const { dedupeWindowMs } = this.#rules;
    const key = conversionKey(conversion);
    const fingerprint = conversionFingerprint(conversion);
    const known = findSeen(page.seenConversions, key, conversion.at, dedupeWindowMs);
    if (known !== undefined) {
      this.#out.duplicate(
        duplicateOf({
          source: 'clicks_conversions',
          kind: 'conversion',
          eventId: conversion.conversionId,
          parentId: known.id,
          fingerprint,
          parentFingerprint: known.fingerprint,
          event: conversion,
        }),
      );
      return false;
    }
    page.seenConversions.push({ id: key, at: conversion.at, fingerprint });
    this.#out.registerTimer(expiryTimer(conversion.at + dedupeWindowMs, dedupeWindowMs));
    page.waiting.push(conversion);
    this.#out.registerTimer(conversion.at);
    this.#out.conversion(conversion);
    return true;
  }

  onTimer(page: TouchPage, timestampMs: number): PageFate {
    const before = page.waiting.length + page.seenConversions.length + page.touches.length;
    for (const conversion of page.waiting) if (conversion.at <= timestampMs) this.#decide(page, conversion);
    page.waiting = page.waiting.filter((conversion) => conversion.at > timestampMs);
    page.seenConversions = page.seenConversions.filter((seen) => seen.at + this.#rules.dedupeWindowMs > timestampMs);
    page.touches = page.touches.filter((touch) => touch.at + touch.windowMs > timestampMs);
    const after = page.waiting.length + page.seenConversions.length + page.touches.length;
    if (after === 0) return 'done';
    return after === before ? 'unchanged' : 'changed';
  }

  #decide(page: TouchPage, conversion: Conversion): void {
    let named: Touch | undefined;
    let last: Touch | undefined;
    for (const touch of page.touches) {
      if (!isWithin(touch.at, conversion.at, touch.windowMs)) continue;
      if (touch.clickId === conversion.clickId) named = touch;
      if (isCandidate(touch, conversion) && (last === undefined || isLater(touch, last))) last = touch;
    }
    const touch = named ?? last;
    if (touch !== undefined) {
      this.#out.attributed(attributionOf(conversion, touch, named === undefined ? 'user_id' : 'click_id'));
      return;
    }
    const reason = conversion.clickId === undefined ? 'NO_CLICK_IN_WINDOW' : 'CLICK_ID_NOT_IN_WINDOW';
    this.#out.unmatched(unmatchedOf('conversion', conversion.conversionId, conversion, reason));
  }
}

/** What makes two conversions the same one: the order at the advertiser, else the event id. */
export function conversionKey(conversion: Conversion): string {
  if (conversion.orderId === undefined) return conversion.conversionId;
  return `${conversion.advertiserId ?? ''}/${conversion.conversionType}/${conversion.orderId}`;
}

function isCandidate(touch: Touch, conversion: Conversion): boolean {
  if (conversion.campaignId !== undefined) return touch.campaignId === conversion.campaignId;
  return conversion.advertiserId !== undefined && touch.advertiserId === conversion.advertiserId;
}

function isLater(a: Touch, b: Touch): boolean {
  return a.at !== b.at ? a.at > b.at : a.clickId < b.clickId;
}

function attributionOf(conversion: Conversion, touch: Touch, matchMethod: MatchMethod): Attribution {
  return {
    attributionId: attributionId(conversionKey(conversion), LAST_CLICK, touch.clickId),
    conversionId: conversion.conversionId,
    conversionAt: conversion.at,
    conversionType: conversion.conversionType,
    userId: conversion.userId,
    touchId: touch.clickId,
    touchType: 'click',
    touchAt: touch.at,
    impressionId: touch.impressionId,
    campaignId: touch.campaignId,
    advertiserId: touch.advertiserId,
    creativeId: touch.creativeId,
    publisherId: touch.publisherId,
    orderId: conversion.orderId,
    model: LAST_CLICK,
    creditPpm: WHOLE_CREDIT_PPM,
    valueMicros: conversion.valueMicros,
    currency: conversion.currency,
    windowMs: touch.windowMs,
    lagMs: conversion.at - touch.at,
    matchMethod,
    version: 1,
    stage: 'realtime',
  };
}
