import type { RecordFields, RecordOf, RecordSchema } from '../../../state/schema/record.ts';
import { pick } from '../../../state/schema/record.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { union } from '../../../state/schema/union.ts';
import { Auction, Bid, Person } from '../schemas.ts';

export type PersonField = keyof typeof Person.fields;
export type AuctionField = keyof typeof Auction.fields;
export type BidField = keyof typeof Bid.fields;

/** A record with some of its fields; the time of the event is always among them, for the watermark. */
type Picked<S, K extends string> =
  S extends RecordSchema<infer F> ? RecordOf<Pick<F, (K | 'dateTime') & keyof F>> : never;
export type PersonOf<K extends PersonField> = Picked<typeof Person, K>;
export type AuctionOf<K extends AuctionField> = Picked<typeof Auction, K>;
export type BidOf<K extends BidField> = Picked<typeof Bid, K>;

type Tagged<L, R> = { readonly type: L } & R extends infer O ? { [P in keyof O]: O[P] } : never;

/** Events of several kinds, each with the fields that are read. */
export type EventOf<P extends PersonField, A extends AuctionField, B extends BidField> =
  | ([P] extends [never] ? never : Tagged<'person', PersonOf<P>>)
  | ([A] extends [never] ? never : Tagged<'auction', AuctionOf<A>>)
  | ([B] extends [never] ? never : Tagged<'bid', BidOf<B>>);

/** Which fields of which kinds of events a query reads. */
export interface EventFields<P extends PersonField, A extends AuctionField, B extends BidField> {
  readonly person?: readonly P[] | undefined;
  readonly auction?: readonly A[] | undefined;
  readonly bid?: readonly B[] | undefined;
}

export function pickFields<F extends RecordFields, K extends keyof F & string>(
  schema: RecordSchema<F>,
  fields: readonly K[],
): RecordSchema<Pick<F, K | 'dateTime'>> {
  const names = new Set<string>([...fields, 'dateTime']);
  const inOrder = Object.keys(schema.fields).filter((name) => names.has(name));
  return pick(schema, inOrder) as RecordSchema<Pick<F, K | 'dateTime'>>;
}

/** The reader's schema: decoders pass over everything else. */
export function eventSchema<P extends PersonField, A extends AuctionField, B extends BidField>(
  fields: EventFields<P, A, B>,
): Schema<EventOf<P, A, B>> {
  const branches = {
    ...(fields.person === undefined ? {} : { person: pickFields(Person, fields.person) }),
    ...(fields.auction === undefined ? {} : { auction: pickFields(Auction, fields.auction) }),
    ...(fields.bid === undefined ? {} : { bid: pickFields(Bid, fields.bid) }),
  } as Readonly<Record<string, RecordSchema<RecordFields>>>;
  return union('type', branches) as unknown as Schema<EventOf<P, A, B>>;
}
