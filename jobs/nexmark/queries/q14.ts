import { enumeration } from '../../../state/schema/enumeration.ts';
import { record } from '../../../state/schema/record.ts';
import { long } from '../../../state/schema/scalars.ts';
import { Bid } from '../schemas.ts';
import { hourOf } from './calendar.ts';
import { EURO_THOUSANDTHS } from './q1.ts';
import { defineQuery } from './query.ts';

const { auction, bidder, dateTime, extra } = Bid.fields;
const TIME_TYPES = ['dayTime', 'nightTime', 'otherTime'] as const;
const LETTER_C = 0x63;

/** Bids of some prices in euros, with the part of the day and how often there is a c in their extra text. */
export const q14 = defineQuery({
  result: record('Q14', {
    auction,
    bidder,
    priceThousandths: long(),
    bidTimeType: enumeration(TIME_TYPES),
    dateTime,
    extra,
    cCount: long(),
  }),
  scales: { priceThousandths: 3 },
  build: ({ input }) =>
    input
      .bids(['auction', 'bidder', 'price', 'extra'])
      .filter(({ price }) => price * EURO_THOUSANDTHS > 1_000_000_000 && price * EURO_THOUSANDTHS < 50_000_000_000)
      .map((bid) => ({
        auction: bid.auction,
        bidder: bid.bidder,
        priceThousandths: bid.price * EURO_THOUSANDTHS,
        bidTimeType: timeTypeOf(hourOf(bid.dateTime)),
        dateTime: bid.dateTime,
        extra: bid.extra,
        cCount: countC(bid.extra),
      })),
});

function timeTypeOf(hour: number): (typeof TIME_TYPES)[number] {
  if (hour >= 8 && hour <= 18) return 'dayTime';
  return hour <= 6 || hour >= 20 ? 'nightTime' : 'otherTime';
}

function countC(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) === LETTER_C) count++;
  return count;
}
