import type { MapState } from '../../../state/keyed/state.ts';
import { record } from '../../../state/schema/record.ts';
import { long } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';

/** Bids, bidders and auctions: all of them, and those with prices below 10,000, below 1,000,000, and above. */
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
export type Statistics = Infer<typeof Statistics>;

export const NO_BIDS: Statistics = {
  bids: 0,
  bids1: 0,
  bids2: 0,
  bids3: 0,
  bidders: 0,
  bidders1: 0,
  bidders2: 0,
  bidders3: 0,
  auctions: 0,
  auctions1: 0,
  auctions2: 0,
  auctions3: 0,
};

/** 1, 2 or 3. */
export function priceBandOf(price: number): 1 | 2 | 3 {
  return price < 10_000 ? 1 : price < 1_000_000 ? 2 : 3;
}

/** The bands in which each bidder and auction was seen, as bits. */
export interface SeenStates {
  readonly bidders: MapState<number, number>;
  readonly auctions: MapState<number, number>;
}

/** The statistics with one more bid. */
export function withBid(
  before: Statistics,
  bid: { readonly bidder: number; readonly auction: number; readonly price: number },
  seen: SeenStates,
): Statistics {
  const band = priceBandOf(bid.price);
  const bidderBands = firstTime(seen.bidders, bid.bidder, band);
  const auctionBands = firstTime(seen.auctions, bid.auction, band);
  const isNewBidder = bidderBands === 2 ? 1 : 0;
  const isNewBidderInBand = bidderBands > 0 ? 1 : 0;
  const isNewAuction = auctionBands === 2 ? 1 : 0;
  const isNewAuctionInBand = auctionBands > 0 ? 1 : 0;
  return {
    bids: before.bids + 1,
    bids1: before.bids1 + (band === 1 ? 1 : 0),
    bids2: before.bids2 + (band === 2 ? 1 : 0),
    bids3: before.bids3 + (band === 3 ? 1 : 0),
    bidders: before.bidders + isNewBidder,
    bidders1: before.bidders1 + (band === 1 ? isNewBidderInBand : 0),
    bidders2: before.bidders2 + (band === 2 ? isNewBidderInBand : 0),
    bidders3: before.bidders3 + (band === 3 ? isNewBidderInBand : 0),
    auctions: before.auctions + isNewAuction,
    auctions1: before.auctions1 + (band === 1 ? isNewAuctionInBand : 0),
    auctions2: before.auctions2 + (band === 2 ? isNewAuctionInBand : 0),
    auctions3: before.auctions3 + (band === 3 ? isNewAuctionInBand : 0),
  };
}

/** 0: the id was seen in the band; 1: in others only; 2: never. */
function firstTime(seen: MapState<number, number>, id: number, band: 1 | 2 | 3): 0 | 1 | 2 {
  const bands = seen.get(id) ?? 0;
  const bit = 1 << band;
  if ((bands & bit) !== 0) return 0;
  seen.set(id, bands | bit);
  return bands === 0 ? 2 : 1;
}
