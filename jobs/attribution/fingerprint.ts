import type { BidRequest, Click, Conversion, Impression } from './schemas.ts';

/*
 * A 32-bit number of an event's payload (without transport fields). Only events with equal ids are compared by it, so a
 * chance of 2^-32 to take another event for the same is enough; it is computed for every event, so it has to be cheap.
 */

export function impressionFingerprint(impression: Impression): number {
  let h = addNumber(SEED, impression.at);
  h = addText(h, impression.userId);
  h = addText(h, impression.creativeId);
  h = addText(h, impression.website);
  h = addNumber(h, impression.priceMicros);
  return addText(h, impression.auctionId);
}

export function clickFingerprint(click: Click): number {
  let h = addNumber(SEED, click.at);
  h = addText(h, click.userId);
  h = addText(h, click.campaignId);
  return addText(h, click.impressionId);
}

export function conversionFingerprint(conversion: Conversion): number {
  let h = addNumber(SEED, conversion.at);
  h = addText(h, conversion.userId);
  h = addText(h, conversion.conversionType);
  h = addText(h, conversion.campaignId);
  h = addText(h, conversion.clickId);
  h = addNumber(h, conversion.valueMicros);
  return addText(h, conversion.currency);
}

export function bidRequestFingerprint(request: BidRequest): number {
  let h = addNumber(SEED, request.at);
  h = addText(h, request.userId);
  h = addText(h, request.placement);
  return addNumber(h, request.bidFloorCpmMicros);
}

const SEED = 0x811c9dc5 | 0;
const PRIME = 0x01000193;
const ABSENT = 0x1ff;

/** FNV-1a over UTF-16 units, with an end mark; absent and empty differ. */
function addText(fingerprint: number, text: string | undefined): number {
  if (text === undefined) return Math.imul(fingerprint ^ ABSENT, PRIME);
  let h = fingerprint;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), PRIME);
  return Math.imul(h ^ 0x100, PRIME);
}

/** Absent and zero differ. */
function addNumber(fingerprint: number, value: number | undefined): number {
  if (value === undefined) return Math.imul(fingerprint ^ ABSENT, PRIME);
  const low = Math.imul(fingerprint ^ (value | 0), PRIME);
  return Math.imul(low ^ (low >>> 15) ^ Math.floor(value / 0x1_0000_0000), 0x85ebca6b);
}
