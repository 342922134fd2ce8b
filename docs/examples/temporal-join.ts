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

const Order = record('Order', { id: string(), currency: string(), cents: long(), at: timestampMs() });
type Order = Infer<typeof Order>;
const Rate = record('Rate', { currency: string(), perEuro: long(), at: timestampMs() });
type Rate = Infer<typeof Rate>;

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);

const ORDERS: readonly Order[] = [
  { id: 'o1', currency: 'USD', cents: 1000, at: at('10:00:30') },
  { id: 'o2', currency: 'USD', cents: 1000, at: at('10:02:00') },
  { id: 'o3', currency: 'GBP', cents: 1000, at: at('10:02:00') },
];
const RATES: readonly Rate[] = [
  { currency: 'USD', perEuro: 110, at: at('10:00:00') },
  { currency: 'USD', perEuro: 125, at: at('10:01:00') },
];

export default defineJob({
  name: 'orders-in-euros',
  build(env) {
    const orders = env.fromSource(
      collectionSource(ORDERS),
      'orders',
      WatermarkStrategy.forMonotonousTimestamps<Order>().withTimestamp((order) => order.at),
    );
    const rates = env.fromSource(
      collectionSource(RATES),
      'rates',
      WatermarkStrategy.forMonotonousTimestamps<Rate>().withTimestamp((rate) => rate.at),
    );
    // #region join
    orders
      .keyBy((order) => order.currency)
      .temporalJoin(rates.keyBy((rate) => rate.currency))
      .leftOuter()
      .map(({ id, cents }, rate) => ({ id, euroCents: rate && (cents * 100) / rate.perEuro }), {
        uid: 'orders-in-euros',
        leftSchema: Order,
        rightSchema: Rate,
      })
      .print('order');
    // #endregion
  },
});
