import type { Infer } from '../../state/schema/schema.ts';
import { record } from '../../state/schema/record.ts';
import { long, string, timestampMs } from '../../state/schema/scalars.ts';
import { union } from '../../state/schema/union.ts';

/** Somebody who sells or bids. */
export const Person = record('nexmark.Person', {
  id: long(),
  name: string(),
  emailAddress: string(),
  creditCard: string(),
  city: string(),
  state: string(),
  dateTime: timestampMs(),
  extra: string(),
});
export type Person = Infer<typeof Person>;

/** An item for sale. */
export const Auction = record('nexmark.Auction', {
  id: long(),
  itemName: string(),
  description: string(),
  initialBid: long(),
  reserve: long(),
  dateTime: timestampMs(),
  expires: timestampMs(),
  seller: long(),
  category: long(),
  extra: string(),
});
export type Auction = Infer<typeof Auction>;

/** What somebody offers for an item. */
export const Bid = record('nexmark.Bid', {
  auction: long(),
  bidder: long(),
  price: long(),
  channel: string(),
  url: string(),
  dateTime: timestampMs(),
  extra: string(),
});
export type Bid = Infer<typeof Bid>;

/** Everything that happens on the auction site, as it is written; the order of the branches is that of `event_type`. */
export const NexmarkEvent = union('type', { person: Person, auction: Auction, bid: Bid });
export type NexmarkEvent = Infer<typeof NexmarkEvent>;
