import {
  collectionSource,
  defineJob,
  type Infer,
  long,
  record,
  string,
  timestampMs,
  WatermarkStrategy,
} from 'tidemark';

const Seller = record('Seller', { id: string(), city: string(), at: timestampMs() });
type Seller = Infer<typeof Seller>;
const Item = record('Item', { id: string(), seller: string(), price: long(), at: timestampMs() });
type Item = Infer<typeof Item>;
const Offer = record('Offer', { item: string(), city: string(), price: long() });
type Offer = Infer<typeof Offer>;

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);

const SELLERS: readonly Seller[] = [
  { id: 's1', city: 'Bergen', at: at('10:00:00') },
  { id: 's2', city: 'Bergen', at: at('10:02:00') },
];
const ITEMS: readonly Item[] = [
  { id: 'lamp', seller: 's1', price: 30, at: at('10:00:30') },
  { id: 'sofa', seller: 's2', price: 90, at: at('10:01:00') }, // before its seller
  { id: 'book', seller: 's1', price: 10, at: at('10:03:00') },
  { id: 'desk', seller: 's1', price: 60, at: at('10:04:00') },
];

export default defineJob({
  name: 'offers',
  build(env) {
    const sellers = env.fromSource(
      collectionSource(SELLERS, { recordsPerSecond: 1 }),
      'sellers',
      WatermarkStrategy.forMonotonousTimestamps<Seller>().withTimestamp((seller) => seller.at),
    );
    const items = env.fromSource(
      collectionSource(ITEMS, { recordsPerSecond: 2 }),
      'items',
      WatermarkStrategy.forMonotonousTimestamps<Item>().withTimestamp((item) => item.at),
    );
    // #region join
    const offers = items
      .keyBy((item) => item.seller)
      .regularJoin(
        sellers.keyBy((seller) => seller.id),
        (item, seller): Offer => ({ item: item.id, city: seller.city, price: item.price }),
        {
          uid: 'offers',
          left: { schema: Item, insertOnly: true },
          right: { schema: Seller, unique: true, insertOnly: true },
        },
      );
    // #endregion
    // #region top
    offers
      .keyBy((offer) => offer.city)
      .topN({
        uid: 'dearest',
        n: 2,
        orderBy: { field: 'price', direction: 'desc' },
        schema: Offer,
        withRank: true,
        emit: 'upsert',
      })
      .map(({ rank, item, price }) => `${rank}. ${item} ${price}`)
      .print('dearest');
    // #endregion
    // #region last
    items
      .keyBy((item) => item.seller)
      .deduplicate({ uid: 'newest', keep: 'last', orderBy: 'eventTime', schema: Item })
      .map((item) => `${item.seller} ${item.id}`)
      .print('newest');
    // #endregion
  },
});
