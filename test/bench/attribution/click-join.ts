import { defineProcess, listState, OutputTag, valueState } from '../../../operators/index.ts';
import { string } from '../../../state/schema/scalars.ts';
import { Kept, Match, type ReadEvent } from './schemas.ts';

/** How long an impression waits for clicks, and a click for its impression: 24 h, removed to the minute. */
const WINDOW_MS = 24 * 3_600_000;
const GRAIN_MS = 60_000;

export const UNMATCHED: OutputTag<ReadEvent> = new OutputTag<ReadEvent>('unmatched');

/** Dedupe and join by impression id, as a user would write it: clicks may come before their impression. */
export const clickJoin = defineProcess({
  uid: 'click-join',
  state: { impression: valueState(Kept), clicks: listState(string()), early: listState(Match) },
  processElement(event: ReadEvent, { state, timers }, out: { collect(match: Match): void }) {
    if (event.type === 'impression') {
      if (state.impression.value() !== undefined) return;
      const kept = keptOf(event);
      state.impression.update(kept);
      timers.registerEventTimeTimer(expiryOf(event.ts));
      const early = state.early.get();
      if (early.length === 0) return;
      for (const match of early) out.collect(completed(match, kept));
      state.early.clear();
      return;
    }
    if (state.clicks.get().includes(event.click_id)) return;
    state.clicks.add(event.click_id);
    const kept = state.impression.value();
    const match = matchOf(event);
    if (kept !== undefined) {
      out.collect(completed(match, kept));
    } else {
      state.early.add(match);
      timers.registerEventTimeTimer(expiryOf(event.event_timestamp));
    }
  },
  onTimer(_timestampMs, { state }) {
    state.impression.clear();
    state.clicks.clear();
    state.early.clear();
  },
});

export function expiryOf(atMs: number): number {
  return Math.ceil((atMs + WINDOW_MS) / GRAIN_MS) * GRAIN_MS;
}

export function keptOf(event: ReadEvent & { type: 'impression' }): Kept {
  return {
    at: event.ts,
    userId: event.user_id,
    campaignId: event.campaign_id,
    creativeId: event.ad_creative_id,
    website: event.website,
    priceMicros: event.price_micros,
  };
}

export function matchOf(event: ReadEvent & { type: 'click' }): Match {
  return {
    clickId: event.click_id,
    impressionId: event.impression_id,
    clickAt: event.event_timestamp,
    impressionAt: 0,
    userId: '',
    campaignId: '',
    creativeId: '',
    website: '',
    priceMicros: 0,
  };
}

export function completed(match: Match, kept: Kept): Match {
  return {
    clickId: match.clickId,
    impressionId: match.impressionId,
    clickAt: match.clickAt,
    impressionAt: kept.at,
    userId: kept.userId,
    campaignId: kept.campaignId,
    creativeId: kept.creativeId,
    website: kept.website,
    priceMicros: kept.priceMicros,
  };
}
