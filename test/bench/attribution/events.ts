import { SeededRandom } from '../../../engine/base/random.ts';

/*
 * The events of the attribution bench, in log order: impressions evenly over the span, clicks with a lognormal delay
 * (median 30 s, sigma 2.06, cap 24 h), a conversion for each 12th click (median 10 min). Log order is event-time order,
 * except that 1 % of the clicks stand before their impression and 0.5 % of all events come twice; nothing is more than
 * 22 s out of order. A million users, a thousand campaigns, both uniform. Equal options give equal events.
 */

export interface BenchImpression {
  readonly impression_id: string;
  readonly ts: number;
  readonly user_id: string;
  readonly campaign_id: string;
  readonly ad_creative_id: string;
  readonly website: string;
  readonly page_url: string;
  readonly device: string;
  readonly country: string;
  readonly price_micros: number;
}

export interface BenchClick {
  readonly click_id: string;
  readonly impression_id: string;
  readonly event_timestamp: number;
  readonly user_id: string;
  readonly ad_campaign_id: string;
  readonly landing_url: string;
}

export interface BenchConversion {
  readonly event_id: string;
  readonly event_timestamp: number;
  readonly user_id: string;
  readonly ad_campaign_id: string;
  readonly click_id: string;
  readonly conversion_type: string;
  readonly value_micros: number;
}

export type BenchEvent =
  | { readonly type: 0; readonly impression: BenchImpression }
  | { readonly type: 1; readonly click: BenchClick }
  | { readonly type: 2; readonly conversion: BenchConversion };

export interface BenchOptions {
  readonly eventCount: number;
  /** `dense`: 20 impressions per click; `sparse`: 100. */
  readonly profile: 'dense' | 'sparse';
  readonly seed: number;
  readonly spanMs: number;
}

const BASE_TIME_MS = 1_700_000_000_000;
const DELAY_CAP_MS = 24 * 3_600_000;
const CLICK_FIRST_DELAY_MS = 20_000;
const DUPLICATE_DELAY_MS = 2_000;
const DEVICES = ['mobile', 'desktop', 'tablet', 'ctv'];
const COUNTRIES = ['US', 'GB', 'DE', 'FR', 'JP', 'BR', 'IN', 'CA'];
const CONVERSION_TYPES = ['sign_up', 'purchase', 'install', 'lead'];

/** All events in log order. */
export function* benchEvents(options: BenchOptions): Generator<BenchEvent> {
  const random = new SeededRandom(options.seed);
  const clicksPerImpression = options.profile === 'dense' ? 1 / 20 : 1 / 100;
  const gapMs = (options.spanMs * (1 + clicksPerImpression * (13 / 12)) * 1.005) / options.eventCount;
  const pending = new PendingEvents();
  const hex = (): string => random.uint32().toString(16).padStart(8, '0');
  const id = (): string => hex() + hex() + hex() + hex();
  const lognormal = (medianMs: number, sigma: number): number => {
    const u = Math.max(random.next(), 1e-12);
    const normal = Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * random.next());
    return Math.min(DELAY_CAP_MS, Math.round(medianMs * Math.exp(sigma * normal)));
  };
  let emitted = 0;
  const add = (logAtMs: number, event: BenchEvent): void => {
    pending.push(logAtMs, event);
    if (random.next() < 0.005) pending.push(logAtMs + random.next() * DUPLICATE_DELAY_MS, event);
  };
  for (let n = 0; emitted < options.eventCount; n++) {
    const ts = BASE_TIME_MS + Math.floor(n * gapMs);
    for (
      let event = pending.popBefore(ts);
      event !== undefined && emitted < options.eventCount;
      event = pending.popBefore(ts)
    ) {
      emitted++;
      yield event;
    }
    const campaign = random.below(1000);
    const impression: BenchImpression = {
      impression_id: id(),
      ts,
      user_id: `u${random.below(1_000_000)}`,
      campaign_id: `c${campaign}`,
      ad_creative_id: `cr${campaign * 5 + random.below(5)}`,
      website: `site${random.below(500)}.example`,
      page_url: `https://site.example/articles/${random.below(100_000)}`,
      device: DEVICES[random.below(4)]!,
      country: COUNTRIES[random.below(8)]!,
      price_micros: 500 + random.below(5000),
    };
    let impressionLogMs = ts;
    if (random.next() < clicksPerImpression) {
      const isClickFirst = random.next() < 0.01;
      const delayMs = isClickFirst ? Math.floor(random.next() * CLICK_FIRST_DELAY_MS) : lognormal(30_000, 2.06);
      const click: BenchClick = {
        click_id: id(),
        impression_id: impression.impression_id,
        event_timestamp: ts + delayMs,
        user_id: impression.user_id,
        ad_campaign_id: impression.campaign_id,
        landing_url: `https://shop.example/landing/${campaign}`,
      };
      add(click.event_timestamp, { type: 1, click });
      if (isClickFirst) impressionLogMs = click.event_timestamp + 1;
      if (random.below(12) === 0) {
        const atMs = click.event_timestamp + lognormal(600_000, 1.5);
        const conversion: BenchConversion = {
          event_id: id(),
          event_timestamp: atMs,
          user_id: click.user_id,
          ad_campaign_id: click.ad_campaign_id,
          click_id: click.click_id,
          conversion_type: CONVERSION_TYPES[random.below(4)]!,
          value_micros: 1_000_000 + random.below(100_000_000),
        };
        add(atMs, { type: 2, conversion });
      }
    }
    add(impressionLogMs, { type: 0, impression });
  }
}

/** A binary heap by log time; equal times leave in the order they came. */
class PendingEvents {
  readonly #heap: { readonly atMs: number; readonly order: number; readonly event: BenchEvent }[] = [];
  #order = 0;

  push(atMs: number, event: BenchEvent): void {
    const heap = this.#heap;
    let index = heap.length;
    const entry = { atMs, order: this.#order++, event };
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  popBefore(atMs: number): BenchEvent | undefined {
    const heap = this.#heap;
    const top = heap[0];
    if (top === undefined || top.atMs >= atMs) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) {
      let index = 0;
      for (;;) {
        let child = 2 * index + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
        if (!isBefore(heap[child]!, last)) break;
        heap[index] = heap[child]!;
        index = child;
      }
      heap[index] = last;
    }
    return top.event;
  }
}

function isBefore(a: { atMs: number; order: number }, b: { atMs: number; order: number }): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
