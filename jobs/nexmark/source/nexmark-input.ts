import { UserError } from '../../../engine/base/errors.ts';
import type { Source, SourceSplit } from '../../../engine/task/source.ts';
import { WatermarkStrategy } from '../../../engine/time/watermark-strategy.ts';
import type { DataStream } from '../../../operators/data-stream.ts';
import { avroContainer } from '../../../operators/format/avro/avro-container.ts';
import { lengthPrefixedAvro } from '../../../operators/format/avro/length-prefixed-avro.ts';
import type { DecodeFormat } from '../../../operators/format/decode-format.ts';
import { generatorSource } from '../../../operators/source/collection/generator-source.ts';
import type { GeneratorSplit } from '../../../operators/source/collection/generator-split.ts';
import { fileSource } from '../../../operators/source/file/file-source.ts';
import type { StreamExecutionEnvironment } from '../../../operators/stream-execution-environment.ts';
import type { RecordFields, RecordSchema } from '../../../state/schema/record.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { union } from '../../../state/schema/union.ts';
import { NexmarkGenerator } from '../generator/nexmark-generator.ts';
import { Auction, Bid, NexmarkEvent, Person } from '../schemas.ts';
import { blockFileSource } from './block-file-source.ts';
import {
  type AuctionField,
  type AuctionOf,
  type BidField,
  type BidOf,
  type EventFields,
  eventSchema,
  type EventOf,
  type PersonField,
  type PersonOf,
  pickFields,
} from './event-schemas.ts';
import { jsonEvents } from './json-events.ts';

/** Where events come from. `avro`, `json`: a file with its index of blocks; `container`: Avro object container files. */
export type InputKind = 'generated' | 'avro' | 'json' | 'container';

export interface InputOptions {
  readonly kind: InputKind;
  /** Of the file; for containers also of a folder. */
  readonly path: string | undefined;
  /** Generated events: how many, of which seed, at how many a second of event time. */
  readonly events: number;
  readonly seed: number;
  readonly tps: number;
}

/** Splits of the generator: as many as the lanes of a file. */
const GENERATOR_SPLITS = 12;

type Branches = { readonly [K in 'person' | 'auction' | 'bid']?: RecordSchema<RecordFields> };

/**
 * The events of a Nexmark input, as streams of what a query reads of them. Event time is the events' own; the watermark
 * is 4 seconds behind it. Every call adds a source to the job, so a query calls one of them, once.
 */
export class NexmarkInput {
  readonly #env: StreamExecutionEnvironment;
  readonly #options: InputOptions;

  constructor(env: StreamExecutionEnvironment, options: InputOptions) {
    if (options.kind !== 'generated' && options.path === undefined) {
      throw new UserError('CONFIGURATION', `expected the path of an ${options.kind} input, found none`, {
        hint: 'Give --input FOLDER, or leave out the kind to have events generated.',
      });
    }
    this.#env = env;
    this.#options = options;
  }

  persons<K extends PersonField>(fields: readonly K[]): DataStream<PersonOf<K>> {
    const schema = pickFields(Person, fields);
    return this.#stream(schema as unknown as Schema<PersonOf<K>>, { person: schema as never }, false);
  }

  auctions<K extends AuctionField>(fields: readonly K[]): DataStream<AuctionOf<K>> {
    const schema = pickFields(Auction, fields);
    return this.#stream(schema as unknown as Schema<AuctionOf<K>>, { auction: schema as never }, false);
  }

  bids<K extends BidField>(fields: readonly K[]): DataStream<BidOf<K>> {
    const schema = pickFields(Bid, fields);
    return this.#stream(schema as unknown as Schema<BidOf<K>>, { bid: schema as never }, false);
  }

  /** Events of several kinds in one stream, told apart by `type`. */
  events<P extends PersonField = never, A extends AuctionField = never, B extends BidField = never>(
    fields: EventFields<P, A, B>,
  ): DataStream<EventOf<P, A, B>> {
    const branches: Branches = {
      ...(fields.person === undefined ? {} : { person: pickFields(Person, fields.person) as never }),
      ...(fields.auction === undefined ? {} : { auction: pickFields(Auction, fields.auction) as never }),
      ...(fields.bid === undefined ? {} : { bid: pickFields(Bid, fields.bid) as never }),
    };
    return this.#stream(eventSchema(fields), branches, true);
  }

  #stream<T>(schema: Schema<T>, branches: Branches, isTagged: boolean): DataStream<T> {
    const { kind, path = '' } = this.#options;
    switch (kind) {
      case 'avro':
        return this.#from(blockFileSource({ path, format: avroFormat(schema) }));
      case 'json':
        return this.#from(blockFileSource({ path, format: jsonEvents<T>(branches, isTagged) }));
      case 'container':
        return this.#only(this.#from(fileSource({ path, format: avroContainer(wholeSchema(branches)) })), branches);
      case 'generated':
        return this.#only<T>(this.#from(this.#generator()), branches);
    }
  }

  #from<T, S extends SourceSplit>(source: Source<T, S>): DataStream<T> {
    const strategy = WatermarkStrategy.forBoundedOutOfOrderness<T>('4s').withTimestamp(
      (event) => (event as { readonly dateTime: number }).dateTime,
    );
    return this.#env.fromSource(source, 'events', strategy);
  }

  /** For inputs that cannot pass over events without making them. */
  #only<T>(events: unknown, branches: Branches): DataStream<T> {
    return (events as DataStream<{ readonly type: string }>).filter(
      ({ type }) => type in branches,
    ) as unknown as DataStream<T>;
  }

  #generator(): Source<NexmarkEvent, GeneratorSplit> {
    const { events, seed, tps } = this.#options;
    const generator = new NexmarkGenerator({ seed, tps });
    return generatorSource({
      name: 'nexmark',
      splitCount: GENERATOR_SPLITS,
      countPerSplit: (split) => Math.max(0, Math.ceil((events - split) / GENERATOR_SPLITS)),
      recordAt: (split, index) => generator.eventAt(index * GENERATOR_SPLITS + split),
    });
  }
}

/** All kinds of events: records of a container have no lengths by which to pass over one without its schema. */
function wholeSchema(branches: Branches): Schema<{ readonly type: string }> {
  const whole = {
    person: branches.person ?? pickFields(Person, []),
    auction: branches.auction ?? pickFields(Auction, []),
    bid: branches.bid ?? pickFields(Bid, []),
  } as Readonly<Record<string, RecordSchema<RecordFields>>>;
  return union('type', whole) as unknown as Schema<{ readonly type: string }>;
}

function avroFormat<T>(schema: Schema<T>): DecodeFormat<T> {
  return lengthPrefixedAvro(schema, { writer: NexmarkEvent.avro, otherBranches: 'skip' });
}
