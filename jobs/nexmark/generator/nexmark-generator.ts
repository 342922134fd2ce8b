import type { Auction, Bid, NexmarkEvent, Person } from '../schemas.ts';
import { SplitMix } from './split-mix.ts';
import {
  CITIES,
  createTextTables,
  FIRST_NAMES,
  HOT_CHANNELS,
  LAST_NAMES,
  randomExtra,
  randomString,
  STATES,
  type TextTables,
} from './text-tables.ts';

/** Event time of event 0: 2023-11-14T22:13:20Z. */
const BASE_TIME_MS = 1_700_000_000_000;
/** Events in which one person, three auctions and 46 bids come. */
const EPOCH_EVENTS = 50;
const FIRST_ID = 1000;
const ACTIVE_PEOPLE = 1000;
const IN_FLIGHT_AUCTIONS = 100;
/** How many ids ahead of the newest one a bid or seller may be. */
const ID_LEAD = 10;
/** Ids that share one hot one. */
const HOT_BATCH = 100;
const FIRST_CATEGORY = 10;
const CATEGORY_COUNT = 5;

export interface NexmarkGeneratorOptions {
  /** Events per second of event time. Default 100,000. */
  readonly tps?: number | undefined;
  /** Equal seeds give equal events. Default 1. */
  readonly seed?: number | undefined;
  /** Events within groups of this size come out of order. Default 1: in order. */
  readonly disorderGroup?: number | undefined;
}

/** The events of Nexmark's public generator: its ratios, hot keys, sizes and formulas, each event a function of seed and number. */
export class NexmarkGenerator {
  readonly #seed: number;
  readonly #delayMicros: number;
  readonly #disorderGroup: number;
  readonly #tables: TextTables;
  readonly #random = new SplitMix();

  constructor(options: NexmarkGeneratorOptions = {}) {
    this.#seed = options.seed ?? 1;
    this.#delayMicros = 1e6 / (options.tps ?? 100_000);
    this.#disorderGroup = options.disorderGroup ?? 1;
    this.#tables = createTextTables(this.#seed);
  }

  /** Event `number`, from 0. */
  eventAt(number: number): NexmarkEvent {
    const group = this.#disorderGroup;
    const id = Math.floor(number / group) * group + ((number * 953) % group);
    this.#random.reseed(this.#seed, id);
    const offset = id % EPOCH_EVENTS;
    if (offset === 0) return { type: 'person', ...this.#person(id) };
    return offset <= 3 ? { type: 'auction', ...this.#auction(id) } : { type: 'bid', ...this.#bid(id) };
  }

  #person(id: number): Person {
    const name = `${this.#pick(FIRST_NAMES)} ${this.#pick(LAST_NAMES)}`;
    const emailAddress = `${this.#string(7)}@${this.#string(5)}.com`;
    const creditCard = `${this.#digits()} ${this.#digits()} ${this.#digits()} ${this.#digits()}`;
    const city = this.#pick(CITIES);
    const state = this.#pick(STATES);
    const size = 8 + name.length + emailAddress.length + creditCard.length + city.length + state.length;
    const extra = this.#extra(size, 200);
    const dateTime = this.#timeOf(id);
    return { id: lastPerson(id) + FIRST_ID, name, emailAddress, creditCard, city, state, dateTime, extra };
  }

  #auction(id: number): Auction {
    const random = this.#random;
    const dateTime = this.#timeOf(id);
    const seller = random.below(4) > 0 ? hotOne(lastPerson(id)) : this.#nextPerson(id);
    const category = FIRST_CATEGORY + random.below(CATEGORY_COUNT);
    const initialBid = this.#price();
    const horizonMs = this.#timeOf(id + Math.floor((IN_FLIGHT_AUCTIONS * EPOCH_EVENTS) / 3)) - dateTime;
    const expires = dateTime + 1 + random.below(Math.max(2 * horizonMs, 1));
    const itemName = this.#string(20);
    const description = this.#string(100);
    const reserve = initialBid + this.#price();
    const extra = this.#extra(48 + itemName.length + description.length, 500);
    return {
      id: lastAuction(id) + FIRST_ID,
      itemName,
      description,
      initialBid,
      reserve,
      dateTime,
      expires,
      seller: seller + FIRST_ID,
      category,
      extra,
    };
  }

  #bid(id: number): Bid {
    const random = this.#random;
    const auction = random.below(2) > 0 ? hotOne(lastAuction(id)) : this.#nextAuction(id);
    const bidder = random.below(4) > 0 ? hotOne(lastPerson(id)) + 1 : this.#nextPerson(id);
    const price = this.#price();
    const isHot = random.below(2) > 0;
    const channel = random.below(isHot ? HOT_CHANNELS.length : this.#tables.channels.length);
    return {
      auction: auction + FIRST_ID,
      bidder: bidder + 2 * FIRST_ID, // twice, as the public generator does
      price,
      channel: (isHot ? HOT_CHANNELS : this.#tables.channels)[channel]!,
      url: (isHot ? this.#tables.hotUrls : this.#tables.channelUrls)[channel]!,
      dateTime: this.#timeOf(id),
      extra: this.#extra(32, 100),
    };
  }

  #timeOf(number: number): number {
    return BASE_TIME_MS + Math.floor(Math.floor(number * this.#delayMicros) / 1000);
  }

  #nextPerson(id: number): number {
    const people = lastPerson(id) + 1;
    const active = Math.min(people, ACTIVE_PEOPLE);
    return people - active + this.#random.below(active + ID_LEAD);
  }

  #nextAuction(id: number): number {
    const last = lastAuction(id);
    const oldest = Math.max(last - IN_FLIGHT_AUCTIONS, 0);
    return oldest + this.#random.below(last - oldest + 1 + ID_LEAD);
  }

  /** Log-uniform from 100 to 1e8. */
  #price(): number {
    return Math.round(10 ** (6 * this.#random.unit()) * 100);
  }

  #pick(values: readonly string[]): string {
    return values[this.#random.below(values.length)]!;
  }

  #digits(): string {
    return String(this.#random.below(10_000)).padStart(4, '0');
  }

  #string(maxLength: number): string {
    return randomString(this.#random, maxLength, ' ');
  }

  #extra(size: number, average: number): string {
    return randomExtra(this.#random, this.#tables, size, average);
  }
}

function lastPerson(id: number): number {
  return Math.floor(id / EPOCH_EVENTS);
}

function lastAuction(id: number): number {
  const epoch = Math.floor(id / EPOCH_EVENTS);
  const offset = id % EPOCH_EVENTS;
  return offset < 1 ? 3 * (epoch - 1) + 2 : 3 * epoch + Math.min(offset - 1, 2);
}

function hotOne(id: number): number {
  return Math.floor(id / HOT_BATCH) * HOT_BATCH;
}
