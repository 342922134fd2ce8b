import { SeededRandom } from '../../../engine/base/random.ts';
import { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from '../../../engine/time/timestamps.ts';
import { type AdCatalog, createCatalog } from '../../../jobs/attribution/catalog.ts';
import { bidRequestFingerprint } from '../../../jobs/attribution/fingerprint.ts';
import type { PageFate } from '../../../jobs/attribution/join/expiry.ts';
import { emptyImpressionPage, ImpressionJoin } from '../../../jobs/attribution/join/impression-join.ts';
import { emptyTouchPage, LastClick } from '../../../jobs/attribution/join/last-click.ts';
import { emptyUserPage, UserJoin } from '../../../jobs/attribution/join/user-join.ts';
import { isLate } from '../../../jobs/attribution/parse/check-time.ts';
import { parseBidRequest } from '../../../jobs/attribution/parse/parse-bid-request.ts';
import { parseClickRow } from '../../../jobs/attribution/parse/parse-click-row.ts';
import { parseImpression } from '../../../jobs/attribution/parse/parse-impression.ts';
import { RowError } from '../../../jobs/attribution/parse/row-error.ts';
import type { RawRecord } from '../../../jobs/attribution/raw-record.ts';
import type { AttributionRules } from '../../../jobs/attribution/rules.ts';
import type { Click, EventKind, Impression, SourceName } from '../../../jobs/attribution/schemas.ts';
import type { JobRows } from '../../../jobs/attribution/scorer.ts';
import { type Simulator, STREAMS } from '../../../jobs/simulator/simulator.ts';
import type { LogRange } from '../../../jobs/simulator/truth/log-range.ts';
import { TimeHeap } from '../../../state/keyed/time-heap.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

/** Pages and timers of one operator. */
class Keyed<P> {
  readonly pages = new Map<string, P>();
  readonly #timers = new TimeHeap();
  readonly #registered = new Set<string>();
  readonly #empty: () => P;
  currentKey = '';

  constructor(empty: () => P) {
    this.#empty = empty;
  }

  change(key: string, apply: (page: P) => boolean): void {
    this.currentKey = key;
    const page = this.pages.get(key) ?? this.#empty();
    if (apply(page)) this.pages.set(key, page);
  }

  registerTimer(at: number): void {
    const name = `${this.currentKey}@${at}`;
    if (this.#registered.has(name)) return;
    this.#registered.add(name);
    this.#timers.push(at, this.currentKey);
  }

  advance(watermarkMs: number, onTimer: (page: P, at: number) => PageFate): void {
    while (this.#timers.firstMs <= watermarkMs) {
      const at = this.#timers.firstMs;
      this.currentKey = this.#timers.shift() as string;
      this.#registered.delete(`${this.currentKey}@${at}`);
      const page = this.pages.get(this.currentKey);
      if (page !== undefined && onTimer(page, at) === 'done') this.pages.delete(this.currentKey);
    }
  }
}

/**
 * Runs the job's logic over a range in memory: partitions are read in runs of random length, watermarks come at random
 * moments. Neither may change the rows.
 */
export class MemoryRun {
  readonly rows: Mutable<JobRows> = {
    impressions: [],
    bidRequests: [],
    joinedClicks: [],
    attributions: [],
    unmatched: [],
    duplicates: [],
    quarantined: [],
    late: [],
  };
  readonly #rules: AttributionRules;
  readonly #catalog: AdCatalog;
  readonly #impressionPages = new Keyed(emptyImpressionPage);
  readonly #userPages = new Keyed(emptyUserPage);
  readonly #touchPages = new Keyed(emptyTouchPage);
  readonly #impressionJoin: ImpressionJoin;
  readonly #userJoin: UserJoin;
  readonly #lastClick: LastClick;
  readonly #auctions = new Map<string, number>();

  constructor(simulator: Simulator, rules: AttributionRules) {
    this.#rules = rules;
    this.#catalog = createCatalog(simulator.catalog());
    const { rows } = this;
    const joined = (click: JobRows['joinedClicks'][number]): void => {
      rows.joinedClicks.push(click);
      this.#touchPages.change(click.userId, (page) => this.#lastClick.onClick(page, click));
    };
    const shared = {
      joined,
      unmatched: (row: JobRows['unmatched'][number]) => void rows.unmatched.push(row),
      duplicate: (row: JobRows['duplicates'][number]) => void rows.duplicates.push(row),
    };
    this.#impressionJoin = new ImpressionJoin(rules, {
      ...shared,
      impression: (impression) => {
        rows.impressions.push(impression);
        if (rules.userJoin === 'all') this.#toUserJoin(impression);
      },
      registerTimer: (at) => this.#impressionPages.registerTimer(at),
    });
    this.#userJoin = new UserJoin(rules, {
      ...shared,
      impression: (impression) => void rows.impressions.push(impression),
      registerTimer: (at) => this.#userPages.registerTimer(at),
    });
    this.#lastClick = new LastClick(rules, this.#catalog, {
      ...shared,
      conversion: () => {},
      attributed: (row) => void rows.attributions.push(row),
      registerTimer: (at) => this.#touchPages.registerTimer(at),
    });
  }

  read(simulator: Simulator, range: LogRange, interleaving: number): void {
    const random = new SeededRandom(interleaving);
    const readers = STREAMS.flatMap((source) =>
      Array.from({ length: simulator.options.partitions }, (_, partition) => ({
        source,
        log: simulator.log(source, partition),
        offset: 0,
        count: range.count(source, partition),
        watermarkMs: MIN_TIMESTAMP_MS,
      })),
    );
    let active = readers.filter((reader) => reader.count > 0);
    while (active.length > 0) {
      const reader = active[random.below(active.length)]!;
      const end = Math.min(reader.count, reader.offset + 1 + random.below(200));
      for (; reader.offset < end; reader.offset++) {
        const record = reader.log.recordAt(reader.offset);
        this.#process(reader.source, record);
        reader.watermarkMs = record.receivedAtMs - this.#rules.latenessMs - 1;
      }
      active = active.filter((one) => one.offset < one.count);
      if (random.below(4) === 0) this.#advance(Math.min(...active.map((one) => one.watermarkMs)));
    }
    this.#advance(MAX_TIMESTAMP_MS);
  }

  /** Keys with state. */
  pageCount(): number {
    return this.#impressionPages.pages.size + this.#userPages.pages.size + this.#touchPages.pages.size;
  }

  #advance(watermarkMs: number): void {
    this.#impressionPages.advance(watermarkMs, (page, at) => this.#impressionJoin.onTimer(page, at));
    this.#userPages.advance(watermarkMs, (page, at) => this.#userJoin.onTimer(page, at));
    this.#touchPages.advance(watermarkMs, (page, at) => this.#lastClick.onTimer(page, at));
  }

  #process(source: SourceName, raw: RawRecord): void {
    try {
      this.#accept(source, raw);
    } catch (error) {
      if (!(error instanceof RowError)) throw error;
      const { errorCode, message } = error;
      const place = { sourcePartition: raw.partition, sourceOffset: raw.offset, receivedAt: raw.receivedAtMs };
      this.rows.quarantined.push({ source, ...place, errorCode, errorDetail: message, payload: raw.bytes });
    }
  }

  #accept(source: SourceName, raw: RawRecord): void {
    if (source === 'impressions') {
      const impression = parseImpression(raw, this.#catalog, this.#rules);
      if (this.#isLate(source, 'impression', impression.impressionId, impression)) return;
      if (impression.idOrigin === 'row') this.#toUserJoin(impression);
      else
        this.#impressionPages.change(impression.impressionId, (page) =>
          this.#impressionJoin.onImpression(page, impression),
        );
    } else if (source === 'clicks_conversions') {
      const row = parseClickRow(raw, this.#catalog, this.#rules);
      const id = row.kind === 'click' ? row.event.clickId : row.event.conversionId;
      if (this.#isLate(source, row.kind, id, row.event)) return;
      if (row.kind === 'click') this.#acceptClick(row.event);
      else this.#touchPages.change(row.event.userId, (page) => this.#lastClick.onConversion(page, row.event));
    } else {
      const request = parseBidRequest(raw, this.#rules);
      if (this.#isLate(source, 'bid_request', request.auctionId, request)) return;
      const fingerprint = bidRequestFingerprint(request);
      const known = this.#auctions.get(request.auctionId);
      this.#auctions.set(request.auctionId, known ?? fingerprint);
      if (known === undefined) this.rows.bidRequests.push(request);
      else {
        const { at, userId, sourcePartition, sourceOffset, auctionId } = request;
        const duplicateKind = known === fingerprint ? 'natural' : 'synthetic';
        const ids = { parentId: auctionId, eventId: auctionId };
        this.rows.duplicates.push({
          source,
          kind: 'bid_request',
          duplicateKind,
          ...ids,
          at,
          userId,
          sourcePartition,
          sourceOffset,
        });
      }
    }
  }

  #acceptClick(click: Click): void {
    if (click.impressionId !== undefined) {
      this.#impressionPages.change(click.impressionId, (page) => this.#impressionJoin.onClick(page, click));
    } else {
      this.#userPages.change(`${click.userId}/${click.campaignId}`, (page) => this.#userJoin.onClick(page, click));
    }
  }

  #toUserJoin(impression: Impression): void {
    const key = `${impression.userId}/${impression.campaignId}`;
    this.#userPages.change(key, (page) => this.#userJoin.onImpression(page, impression));
  }

  #isLate(
    source: SourceName,
    kind: EventKind,
    eventId: string,
    event: Omit<JobRows['late'][number], 'source' | 'kind' | 'eventId'>,
  ): boolean {
    if (!isLate(event.at, event.receivedAt, this.#rules)) return false;
    const { at, receivedAt, userId, sourcePartition, sourceOffset } = event;
    this.rows.late.push({ source, kind, eventId, at, receivedAt, userId, sourcePartition, sourceOffset });
    return true;
  }
}
