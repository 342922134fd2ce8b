import { count, countDistinct } from '../../../operators/aggregate/aggregate-columns.ts';
import { record } from '../../../state/schema/record.ts';
import { long } from '../../../state/schema/scalars.ts';
import type { BidOf } from '../source/event-schemas.ts';

type Read = BidOf<'auction' | 'bidder' | 'price'>;

const bidderOf = (bid: Read): number => bid.bidder;
const auctionOf = (bid: Read): number => bid.auction;

/** Bands of prices: below 10,000, below 1,000,000, and above. */
export const isBand1 = ({ price }: { readonly price: number }): boolean => price < 10_000;
export const isBand2 = ({ price }: { readonly price: number }): boolean => price >= 10_000 && price < 1_000_000;
export const isBand3 = ({ price }: { readonly price: number }): boolean => price >= 1_000_000;

/** Numbers of bids, of bidders and of auctions, each overall and by band of prices. */
export const STATISTICS = {
  bids: count<Read>(),
  bids1: count<Read>({ where: isBand1 }),
  bids2: count<Read>({ where: isBand2 }),
  bids3: count<Read>({ where: isBand3 }),
  bidders: countDistinct(bidderOf),
  bidders1: countDistinct(bidderOf, { where: isBand1 }),
  bidders2: countDistinct(bidderOf, { where: isBand2 }),
  bidders3: countDistinct(bidderOf, { where: isBand3 }),
  auctions: countDistinct(auctionOf),
  auctions1: countDistinct(auctionOf, { where: isBand1 }),
  auctions2: countDistinct(auctionOf, { where: isBand2 }),
  auctions3: countDistinct(auctionOf, { where: isBand3 }),
};

export const Statistics = record('Statistics', {
  bids: long(),
  bids1: long(),
  bids2: long(),
  bids3: long(),
  bidders: long(),
  bidders1: long(),
  bidders2: long(),
  bidders3: long(),
  auctions: long(),
  auctions1: long(),
  auctions2: long(),
  auctions3: long(),
});
