import type { QualityErrorCode, UnmatchedReason } from '../../attribution/schemas.ts';
import type { Trouble } from '../log/slot-plan.ts';
import type { Simulator } from '../simulator.ts';
import type { SimBidRequest } from '../world/bid-requests.ts';
import type { SimClick } from '../world/clicks.ts';
import type { SimConversion } from '../world/conversions.ts';
import type { SimImpression } from '../world/impressions.ts';
import { clickIdOf, conversionIdOf, impressionIdOf } from './expected-id.ts';
import { entriesOf, type LogRange, type PlacedEntry } from './log-range.ts';
import type { ExpectedCredit, ExpectedDuplicate, ExpectedMatch, Place, Truth, TruthRules } from './truth.ts';

/**
 * The expected results for a range, from what the world knows about its records and the rules as they are written down:
 * plain loops over everything in memory. Shares no code with the job but the definition of ids.
 */
export function computeTruth(simulator: Simulator, range: LogRange, rules: TruthRules): Truth {
  const { clickWindowMs, advertisers } = simulator.options;
  return expectedOf(entriesOf(simulator, range), rules, {
    clickWindowMs,
    advertisers,
    impressionAt: (index) => simulator.impressionAt(index),
    clickAt: (index) => simulator.clickAt(index),
  });
}

/** What is true of the world beyond its records. */
export interface WorldFacts {
  readonly clickWindowMs: number;
  /** Campaign n belongs to advertiser n modulo this. */
  readonly advertisers: number;
  impressionAt(index: number): SimImpression;
  clickAt(index: number): SimClick;
}

/** The same for any records, in log order of their partitions. */
export function expectedOf(entries: Iterable<PlacedEntry>, rules: TruthRules, world: WorldFacts): Truth {
  const gate = passGate(entries, world);
  const joinedClicks = new Map<string, ExpectedMatch>();
  const unmatchedClicks = new Map<string, UnmatchedReason>();
  joinClicks(gate, rules, joinedClicks, unmatchedClicks);
  const attributions = new Map<string, ExpectedCredit>();
  const unmatchedConversions = new Map<string, UnmatchedReason>();
  creditConversions(gate, world, joinedClicks, attributions, unmatchedConversions);
  return {
    recordCount: gate.recordCount,
    quarantined: gate.quarantined,
    late: gate.late,
    duplicates: gate.duplicates,
    impressions: new Set(gate.impressions.keys()),
    bidRequests: new Set(gate.bidRequests.keys()),
    joinedClicks,
    unmatchedClicks,
    attributions,
    unmatchedConversions,
    ...causesOf(gate, world),
  };
}

const ERROR_OF: Readonly<Partial<Record<Trouble, QualityErrorCode>>> = {
  unparseable: 'PARSE',
  missingField: 'REQUIRED_MISSING',
  badTimestamp: 'TS_UNPARSEABLE',
  futureTimestamp: 'TS_FUTURE',
  unknownReference: 'UNKNOWN_REF',
  badValue: 'RANGE',
};

/** The range sorted out: what never gets to the joins, and what does, by id. */
interface Gate {
  recordCount: number;
  readonly quarantined: Map<Place, QualityErrorCode>;
  readonly late: Set<Place>;
  readonly duplicates: Map<Place, ExpectedDuplicate>;
  readonly impressions: Map<string, SimImpression>;
  readonly clicks: Map<string, SimClick>;
  readonly conversions: Map<string, SimConversion>;
  readonly bidRequests: Map<string, SimBidRequest>;
}

function passGate(entries: Iterable<PlacedEntry>, world: WorldFacts): Gate {
  const gate: Gate = {
    recordCount: 0,
    quarantined: new Map(),
    late: new Set(),
    duplicates: new Map(),
    impressions: new Map(),
    clicks: new Map(),
    conversions: new Map(),
    bidRequests: new Map(),
  };
  const conversionKeys = new Map<string, SimConversion>();
  for (const entry of entries) {
    gate.recordCount++;
    const place: Place = `${entry.source}/${entry.partition}/${entry.offset}`;
    const errorCode = ERROR_OF[entry.trouble];
    if (errorCode !== undefined) gate.quarantined.set(place, errorCode);
    else if (entry.trouble === 'late') gate.late.add(place);
    else accept(gate, entry, place, conversionKeys, world);
  }
  return gate;
}

/** Keeps the first record of an id in log order; duplicates stand in the partition of their original. */
function accept(
  gate: Gate,
  entry: PlacedEntry,
  place: Place,
  conversionKeys: Map<string, SimConversion>,
  world: WorldFacts,
): void {
  const { event } = entry;
  let original: PlacedEntry['event'] | undefined;
  switch (event.kind) {
    case 'impression':
      original = putFirst(gate.impressions, impressionIdOf(event), event);
      break;
    case 'click':
      original = putFirst(gate.clicks, clickIdOf(event), event);
      break;
    case 'bid_request':
      original = putFirst(gate.bidRequests, event.auctionId, event);
      break;
    case 'conversion':
      original = putFirst(conversionKeys, conversionKeyOf(event, world), event);
      if (original === undefined) gate.conversions.set(conversionIdOf(event), event);
      break;
  }
  if (original === undefined) return;
  gate.duplicates.set(place, { kind: event.kind, duplicateKind: isSame(original, event) ? 'natural' : 'synthetic' });
}

function putFirst<E>(events: Map<string, E>, id: string, event: E): E | undefined {
  const original = events.get(id);
  if (original === undefined) events.set(id, event);
  return original;
}

function isSame(a: PlacedEntry['event'], b: PlacedEntry['event']): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** One order at an advertiser is one conversion; without an order the event id decides. */
function conversionKeyOf(event: SimConversion, world: WorldFacts): string {
  if (event.orderId === undefined) return conversionIdOf(event);
  return [advertiserOf(event, world), event.conversionType, event.orderId].join('/');
}

function advertiserOf(event: SimConversion, world: WorldFacts): number | undefined {
  return event.campaign === undefined ? event.advertiser : event.campaign % world.advertisers;
}

function joinClicks(
  gate: Gate,
  rules: TruthRules,
  joined: Map<string, ExpectedMatch>,
  unmatched: Map<string, UnmatchedReason>,
): void {
  const candidates = new Map<string, { readonly id: string; readonly timeMs: number }[]>();
  for (const [id, impression] of gate.impressions) {
    if (rules.userJoin === 'rows' && impression.impressionId !== undefined) continue;
    const user = `${impression.user}/${impression.campaign}`;
    const list = candidates.get(user);
    if (list === undefined) candidates.set(user, [{ id, timeMs: impression.timeMs }]);
    else list.push({ id, timeMs: impression.timeMs });
  }
  for (const [clickId, click] of gate.clicks) {
    if (click.impressionId !== undefined) {
      const impression = gate.impressions.get(click.impressionId);
      if (impression !== undefined && holds(impression.timeMs, click.timeMs, rules.joinWindowMs)) {
        joined.set(clickId, { impressionId: click.impressionId, matchMethod: 'impression_id' });
      } else {
        unmatched.set(clickId, 'NO_IMPRESSION_IN_WINDOW');
      }
      continue;
    }
    const [nearest] = (candidates.get(`${click.user}/${click.campaign}`) ?? [])
      .filter((candidate) => holds(candidate.timeMs, click.timeMs, rules.joinWindowMs))
      .toSorted((a, b) => b.timeMs - a.timeMs || (a.id < b.id ? -1 : 1));
    if (nearest === undefined) unmatched.set(clickId, 'NO_USER_IMPRESSION_IN_WINDOW');
    else joined.set(clickId, { impressionId: nearest.id, matchMethod: 'user_id' });
  }
}

function creditConversions(
  gate: Gate,
  world: WorldFacts,
  joined: ReadonlyMap<string, ExpectedMatch>,
  credited: Map<string, ExpectedCredit>,
  unmatched: Map<string, UnmatchedReason>,
): void {
  const { clickWindowMs, advertisers } = world;
  const touches = new Map<
    number,
    { readonly clickId: string; readonly click: SimClick; readonly impressionId: string }[]
  >();
  for (const [clickId, { impressionId }] of joined) {
    const click = gate.clicks.get(clickId)!;
    const list = touches.get(click.user);
    if (list === undefined) touches.set(click.user, [{ clickId, click, impressionId }]);
    else list.push({ clickId, click, impressionId });
  }
  for (const [conversionId, conversion] of gate.conversions) {
    const inWindow = (touches.get(conversion.user) ?? [])
      .filter((touch) => holds(touch.click.timeMs, conversion.timeMs, clickWindowMs))
      .toSorted((a, b) => b.click.timeMs - a.click.timeMs || (a.clickId < b.clickId ? -1 : 1));
    const named = inWindow.find((touch) => touch.clickId === conversion.clickId);
    const last = inWindow.find((touch) => {
      if (conversion.campaign !== undefined) return touch.click.campaign === conversion.campaign;
      return conversion.advertiser !== undefined && touch.click.campaign % advertisers === conversion.advertiser;
    });
    const touch = named ?? last;
    if (touch === undefined) {
      unmatched.set(conversionId, conversion.clickId === undefined ? 'NO_CLICK_IN_WINDOW' : 'CLICK_ID_NOT_IN_WINDOW');
      continue;
    }
    credited.set(conversionId, {
      touchId: touch.clickId,
      impressionId: touch.impressionId,
      matchMethod: named === undefined ? 'user_id' : 'click_id',
      valueMicros: conversion.valueCents === undefined ? undefined : conversion.valueCents * 10_000,
      currency: conversion.currency,
    });
  }
}

/** All windows are half open. */
function holds(touchMs: number, effectMs: number, windowMs: number): boolean {
  return touchMs <= effectMs && effectMs - touchMs < windowMs;
}

function causesOf(gate: Gate, world: WorldFacts): Pick<Truth, 'clickCauses' | 'conversionCauses'> {
  const clickCauses = new Map<string, string>();
  for (const [clickId, click] of gate.clicks) {
    if (click.cause !== undefined) clickCauses.set(clickId, impressionIdOf(world.impressionAt(click.cause)));
  }
  const conversionCauses = new Map<string, string>();
  for (const [conversionId, conversion] of gate.conversions) {
    if (conversion.cause !== undefined) conversionCauses.set(conversionId, clickIdOf(world.clickAt(conversion.cause)));
  }
  return { clickCauses, conversionCauses };
}
