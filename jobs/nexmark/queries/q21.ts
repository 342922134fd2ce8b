import type { Collector } from '../../../operators/process/collector.ts';
import { record } from '../../../state/schema/record.ts';
import { string } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { Bid } from '../schemas.ts';
import { defineQuery } from './query.ts';

const { auction, bidder, price, channel } = Bid.fields;
const Row = record('Q21', { auction, bidder, price, channel, channelId: string() });
type Row = Infer<typeof Row>;

const CHANNEL_IDS: Readonly<Record<string, string>> = { apple: '0', google: '1', facebook: '2', baidu: '3' };
const CHANNEL_ID = /(?:&|^)channel_id=([^&]*)/;

/** Bids with the id of their channel, which stands in the url where it is not known; those without are left out. */
export const q21 = defineQuery({
  result: Row,
  build: ({ input }) =>
    input.bids(['auction', 'bidder', 'price', 'channel', 'url']).flatMap((bid, out: Collector<Row>) => {
      const channelId = CHANNEL_IDS[bid.channel.toLowerCase()] ?? CHANNEL_ID.exec(bid.url)?.[1];
      if (channelId === undefined) return;
      out.collect({ auction: bid.auction, bidder: bid.bidder, price: bid.price, channel: bid.channel, channelId });
    }),
});
