/**
 * Patterns beside matchers written by hand over plain `Map`s: ns of CPU per record, driven as a task does.
 * Run: npm run bench -- operators/cep    Sizes: TIDEMARK_BENCH_EVENTS (1,000,000), tiny when TIDEMARK_BENCH=test
 */
import { CepOperator } from '../../../operators/cep/cep-operator.ts';
import { Pattern } from '../../../operators/cep/pattern.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { Event, type EventValue, thousandKeys } from './events.ts';
import { type HandLoop, measureOperators } from './measure-operator.ts';

/** Ten kinds of records. */
const isKind = (kind: number) => (event: EventValue) => event.user % 10 === kind;

const create = (pattern: Pattern<EventValue>) => () =>
  new CepOperator<EventValue, unknown>({
    pattern,
    schema: Event,
    timeDomain: 'eventTime',
    comparator: undefined,
    lateTag: undefined,
    timedOutTag: undefined,
    logic: { processMatch: (match, _context, out) => out.collect(match) },
  });

interface KeyRows<P> {
  readonly waiting: { readonly value: EventValue; readonly timestampMs: number }[];
  partials: P[];
}

/** Keeps the records of each key until the watermark, and hands them over in order. Rows come in order. */
abstract class WaitingLoop<P> implements HandLoop {
  count = 0;
  #last: unknown;
  readonly #keys = new Map<Key, KeyRows<P>>();

  get last(): unknown {
    return this.#last;
  }

  element(key: Key, value: EventValue, timestampMs: number): void {
    let rows = this.#keys.get(key);
    if (rows === undefined) this.#keys.set(key, (rows = { waiting: [], partials: [] }));
    rows.waiting.push({ value, timestampMs });
  }

  watermark(watermarkMs: number): void {
    for (const rows of this.#keys.values()) {
      const { waiting } = rows;
      let done = 0;
      for (; done < waiting.length && waiting[done]!.timestampMs <= watermarkMs; done++) {
        const { value, timestampMs } = waiting[done]!;
        rows.partials = this.match(rows.partials, value, timestampMs);
      }
      waiting.splice(0, done);
    }
  }

  abstract match(partials: P[], value: EventValue, timestampMs: number): P[];

  emit(match: unknown): void {
    this.#last = match;
    this.count++;
  }
}

interface Begun {
  readonly events: readonly EventValue[];
  readonly startMs: number;
}

/** Kind 0, then kind 1 directly. */
class NextLoop extends WaitingLoop<Begun> {
  match(partials: Begun[], value: EventValue, timestampMs: number): Begun[] {
    if (isKind(1)(value)) for (const { events } of partials) this.emit({ a: events, b: [value] });
    return isKind(0)(value) ? [{ events: [value], startMs: timestampMs }] : [];
  }
}

/** Kind 0, then 1, then 2, each the next one, within a time. */
class FollowedByLoop extends WaitingLoop<Begun> {
  readonly #withinMs: number;

  constructor(withinMs: number) {
    super();
    this.#withinMs = withinMs;
  }

  match(partials: Begun[], value: EventValue, timestampMs: number): Begun[] {
    const kept: Begun[] = [];
    for (const partial of partials) {
      const { events, startMs } = partial;
      if (timestampMs - startMs >= this.#withinMs) continue;
      if (!isKind(events.length)(value)) kept.push(partial);
      else if (events.length === 2) this.emit({ a: [events[0]], b: [events[1]], c: [value] });
      else kept.push({ events: [...events, value], startMs });
    }
    if (isKind(0)(value)) kept.push({ events: [value], startMs: timestampMs });
    return kept;
  }
}

/** Kind 0, then kinds 1 to 4 once or more, each the next one, until kind 9, within a time. */
class LoopLoop extends WaitingLoop<Begun> {
  match(partials: Begun[], value: EventValue, timestampMs: number): Begun[] {
    const kept: Begun[] = [];
    for (const partial of partials) {
      const { events, startMs } = partial;
      if (timestampMs - startMs >= 1000) continue;
      const kind = value.user % 10;
      if (kind >= 1 && kind <= 4) {
        const more = [...events, value];
        kept.push({ events: more, startMs });
        this.emit({ a: [more[0]], b: more.slice(1) });
      } else if (kind !== 9 || events.length === 1) {
        kept.push(partial);
      }
    }
    if (isKind(0)(value)) kept.push({ events: [value], startMs: timestampMs });
    return kept;
  }
}

const a = Pattern.begin<EventValue>('a').where(isKind(0));
const manyKeys = (_i: number, random: () => number): Key => Math.floor(random() * 100_000);

await measureOperators([
  {
    name: 'a next b, 1,000 keys',
    create: create(a.next('b').where(isKind(1))),
    byHand: () => new NextLoop(),
    keyOf: thousandKeys,
    note: 'About half: records wait for the watermark in state that can be stored, and each key has its timer.',
  },
  {
    name: 'a followedBy b followedBy c within 1 s, 1,000 keys',
    create: create(a.followedBy('b').where(isKind(1)).followedBy('c').where(isKind(2)).within('1s')),
    byHand: () => new FollowedByLoop(1000),
    keyOf: thousandKeys,
  },
  {
    name: 'a followedBy b followedBy c within 5 s, 100,000 keys',
    create: create(a.followedBy('b').where(isKind(1)).followedBy('c').where(isKind(2)).within('5s')),
    byHand: () => new FollowedByLoop(5000),
    keyOf: manyKeys,
    note: 'More records wait than the decoded tier holds: pages are encoded and decoded again; and each key has its timer.',
  },
  {
    name: 'a followedBy b oneOrMore until c within 1 s, 1,000 keys',
    create: create(
      a
        .followedBy('b')
        .where((event) => event.user % 10 >= 1 && event.user % 10 <= 4)
        .oneOrMore()
        .until(isKind(9))
        .within('1s'),
    ),
    byHand: () => new LoopLoop(),
    keyOf: thousandKeys,
    note: 'Every second record completes a match, read from shared nodes; the loop copies lists instead.',
  },
]);
