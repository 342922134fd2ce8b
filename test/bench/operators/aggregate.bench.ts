/**
 * Updating aggregates beside loops over plain `Map`s: ns of CPU per record, driven as a task does. The local phases keep no
 * state; what they send is counted by neither side.
 * Run: npm run bench -- operators/aggregate    Sizes: TIDEMARK_BENCH_EVENTS (1,000,000), tiny when TIDEMARK_BENCH=test
 */
import { count, countDistinct, sum } from '../../../operators/aggregate/aggregate-columns.ts';
import { aggregates } from '../../../operators/aggregate/aggregates.ts';
import { GroupAggregateOperator } from '../../../operators/aggregate/group-aggregate-operator.ts';
import { LocalAggregateOperator } from '../../../operators/aggregate/local-aggregate-operator.ts';
import { LocalSplitOperator } from '../../../operators/aggregate/local-split-operator.ts';
import { MiniBatchAggregateOperator } from '../../../operators/aggregate/mini-batch-aggregate-operator.ts';
import { splitAggregate } from '../../../operators/aggregate/split-distinct.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { type EventValue, thousandKeys } from './events.ts';
import { type HandLoop, measureOperators } from './measure-operator.ts';

const isEven = (event: EventValue): boolean => event.user % 2 === 0;
const userOf = (event: EventValue): number => event.user;
const columns = { rows: count<EventValue>(), even: count({ where: isEven }), total: sum(userOf) };
const aggregate = aggregates(columns);
const distinct = { users: countDistinct(userOf), evenUsers: countDistinct(userOf, { where: isEven }) };
const split = splitAggregate({ ...columns, ...distinct } as never, false);
const settings = { aggregate, createRow: undefined, isUpsert: false, ttl: undefined };
const batch = { latencyMs: 2000, sizeMax: 50_000 };

interface Row {
  rows: number;
  even: number;
  total: number;
}

/** Adds to a row per key; tells of each change at once, or at watermarks and every 50,000 records. */
class SumLoop implements HandLoop {
  count = 0;
  last: unknown;
  readonly #rows = new Map<Key, Row>();
  readonly #changed = new Map<Key, Row | undefined>();
  readonly #isBatched: boolean;
  readonly #isSilent: boolean;
  #records = 0;

  constructor(isBatched: boolean, isSilent = false) {
    this.#isBatched = isBatched;
    this.#isSilent = isSilent;
  }

  element(key: Key, event: EventValue): void {
    let row = this.#rows.get(key);
    const before = row === undefined ? undefined : { ...row };
    if (this.#isBatched && !this.#changed.has(key)) this.#changed.set(key, before);
    if (row === undefined) this.#rows.set(key, (row = { rows: 0, even: 0, total: 0 }));
    row.rows++;
    if (event.user % 2 === 0) row.even++;
    row.total += event.user;
    if (!this.#isBatched) this.#emit(before, row);
    else if (++this.#records === batch.sizeMax) this.watermark();
  }

  watermark(): void {
    this.#records = 0;
    for (const [key, before] of this.#changed) this.#emit(before, this.#rows.get(key)!);
    this.#changed.clear();
    if (this.#isSilent) this.#rows.clear();
  }

  #emit(before: Row | undefined, row: Row): void {
    this.count += before === undefined ? 1 : 2;
    this.last = { ...row };
  }
}

/** The same per key, and each user's filters; both leave at watermarks and every 50,000 records. */
class DistinctLoop implements HandLoop {
  count = 0;
  readonly #rows = new Map<Key, Row & { users: Map<number, number> }>();
  #records = 0;

  element(key: Key, event: EventValue): void {
    let row = this.#rows.get(key);
    if (row === undefined) this.#rows.set(key, (row = { rows: 0, even: 0, total: 0, users: new Map() }));
    const even = event.user % 2 === 0;
    row.rows++;
    if (even) row.even++;
    row.total += event.user;
    row.users.set(event.user, (row.users.get(event.user) ?? 0) | (even ? 3 : 1));
    if (++this.#records === batch.sizeMax) this.watermark();
  }

  watermark(): void {
    this.#records = 0;
    this.count += this.#rows.size;
    this.#rows.clear();
  }
}

const hotKey = (): string => 'all';

await measureOperators([
  {
    name: 'sums, 1,000 keys, row by row',
    create: () => new GroupAggregateOperator(settings),
    byHand: () => new SumLoop(false),
    keyOf: thousandKeys,
    note: 'The loop has no pages to look up and no copies of results that go out as they were.',
  },
  {
    name: 'sums, 1,000 keys, mini-batches',
    create: () => new MiniBatchAggregateOperator({ ...settings, batch, takesPartials: false }),
    byHand: () => new SumLoop(true),
    keyOf: thousandKeys,
    note: 'The loop has no pages to look up.',
  },
  {
    name: 'sums, one key, mini-batches',
    create: () => new MiniBatchAggregateOperator({ ...settings, batch, takesPartials: false }),
    byHand: () => new SumLoop(true),
    keyOf: hotKey,
    note: 'The loop has no pages to look up.',
  },
  {
    name: 'sums, 1,000 keys, local phase',
    create: () => new LocalAggregateOperator({ aggregate, batch, keySelector: (event: EventValue) => event.user }),
    byHand: () => new SumLoop(true, true),
    keyOf: (i) => i % 1000,
  },
  {
    name: 'different values of one group, local phase',
    create: () =>
      new LocalSplitOperator({ compiled: split.compiled, batch, keySelector: hotKey, takesRetractions: false }),
    byHand: () => new DistinctLoop(),
    keyOf: hotKey,
  },
]);
