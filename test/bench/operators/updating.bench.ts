/**
 * Regular joins, top-N and deduplication beside loops over plain `Map`s: ns of CPU per record, driven as a task does.
 * Run: npm run bench -- operators/updating    Sizes: TIDEMARK_BENCH_EVENTS (1,000,000), tiny when TIDEMARK_BENCH=test
 */
import { declareDeduplicate } from '../../../operators/updating/deduplicate.ts';
import {
  RegularJoinOperator,
  type RegularJoinOperatorOptions,
} from '../../../operators/updating/regular-join-operator.ts';
import { declareTopN, type TopNOptions } from '../../../operators/updating/top-n.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { auctionOf, bidderOf, Event, type EventValue, thousandKeys } from './events.ts';
import { type HandLoop, measureOperators } from './measure-operator.ts';

const PLAIN = { schema: Event, isUnique: false, isInsertOnly: false, filter: undefined, ttl: undefined };
const FINAL = { ...PLAIN, isUnique: true, isInsertOnly: true };

const createJoin = (
  right: RegularJoinOperatorOptions<EventValue, EventValue, unknown>['right'],
): RegularJoinOperator<EventValue, EventValue, unknown> =>
  new RegularJoinOperator<EventValue, EventValue, unknown>({
    joinType: 'inner',
    left: PLAIN,
    right,
    where: undefined,
    join: (left, r) => ({ left, right: r }),
  });

/** Keeps the rows of both sides, or those of one until the only one of the other has come. */
class JoinLoop implements HandLoop {
  count = 0;
  readonly #keys = new Map<Key, [EventValue[], EventValue[]]>();
  readonly #isFinal: boolean;
  last: unknown;

  constructor(isFinal: boolean) {
    this.#isFinal = isFinal;
  }

  element(key: Key, value: EventValue, _timestampMs: number, side: 0 | 1): void {
    let sides = this.#keys.get(key);
    if (sides === undefined) this.#keys.set(key, (sides = [[], []]));
    for (const other of sides[side === 0 ? 1 : 0]) {
      this.last = side === 0 ? { left: value, right: other } : { left: other, right: value };
      this.count++;
    }
    if (this.#isFinal && side === 1) sides[0] = [];
    if (!this.#isFinal || side === 1 || sides[1].length === 0) sides[side].push(value);
  }

  watermark(): void {}
}

/** The first rows by a number, in an array that is changed in place. */
class TopLoop implements HandLoop {
  count = 0;
  readonly #keys = new Map<Key, EventValue[]>();
  readonly #n: number;
  readonly #hasRank: boolean;
  last: unknown;

  constructor(n: number, hasRank: boolean) {
    this.#n = n;
    this.#hasRank = hasRank;
  }

  element(key: Key, value: EventValue): void {
    const rows = this.#keys.get(key);
    if (rows === undefined) {
      this.#keys.set(key, [value]);
      this.count++;
      return;
    }
    let at = rows.length;
    while (at > 0 && rows[at - 1]!.user < value.user) at--;
    if (at === this.#n) return;
    rows.splice(at, 0, value);
    if (rows.length > this.#n) rows.pop();
    if (!this.#hasRank) {
      this.count++;
      return;
    }
    for (let i = at; i < rows.length; i++) {
      this.last = { ...rows[i], rank: i + 1 };
      this.count++;
    }
  }

  watermark(): void {}
}

class LastLoop implements HandLoop {
  count = 0;
  readonly #keys = new Map<Key, number>();

  element(key: Key, _value: EventValue, timestampMs: number): void {
    const before = this.#keys.get(key);
    if (before !== undefined && timestampMs < before) return;
    this.#keys.set(key, timestampMs);
    this.count++;
  }

  watermark(): void {}
}

const top = (options: Pick<TopNOptions<EventValue>, 'n' | 'input'> & { readonly withRank: boolean }) =>
  declareTopN<EventValue, unknown>({
    uid: 'top',
    orderBy: { field: 'user', direction: 'desc' },
    schema: Event,
    emit: 'upsert',
    ...options,
  }).factory;

const valueOf = (i: number, timestampMs: number): EventValue => ({
  id: `event-${i}`,
  user: (i * 7919) % 100_003,
  at: timestampMs,
});

/** One record in fifteen is the row that all others of its key meet. */
const auctionSide = (i: number): 0 | 1 => (i % 15 === 14 ? 1 : 0);
const auctionKey = (i: number, random: () => number): Key => {
  const last = Math.floor(i / 15);
  if (auctionSide(i) === 1) return last;
  return random() < 0.5 ? Math.floor(last / 100) * 100 : Math.max(0, last + 1 - Math.floor(random() * 100));
};

await measureOperators([
  {
    name: 'regular join, each row meets the only one of its key',
    create: () => createJoin(FINAL),
    byHand: () => new JoinLoop(true),
    keyOf: auctionKey,
    sideOf: auctionSide,
  },
  {
    name: 'regular join, both sides kept, 2 % on one side',
    create: () => createJoin(PLAIN),
    byHand: () => new JoinLoop(false),
    keyOf: (_i, random) => Math.floor(random() * 100_000),
    sideOf: (i) => (i % 50 === 49 ? 1 : 0),
    note: 'Rows are stored as bytes, and decoded for every partner that comes.',
  },
  {
    name: 'top 10 with rank, 1,000 keys',
    create: top({ n: 10, withRank: true }),
    byHand: () => new TopLoop(10, true),
    keyOf: thousandKeys,
    createValue: valueOf,
  },
  {
    name: 'top 10 with rank, auctions',
    create: top({ n: 10, withRank: true }),
    byHand: () => new TopLoop(10, true),
    keyOf: auctionOf,
    createValue: valueOf,
  },
  {
    name: 'top 1, auctions',
    create: top({ n: 1, withRank: false }),
    byHand: () => new TopLoop(1, false),
    keyOf: auctionOf,
    createValue: valueOf,
  },
  {
    name: 'last record of each key as upserts, bidders',
    create: declareDeduplicate<EventValue>({ uid: 'last', keep: 'last', orderBy: 'eventTime', emit: 'upsert' }).factory,
    byHand: () => new LastLoop(),
    keyOf: bidderOf,
  },
]);
