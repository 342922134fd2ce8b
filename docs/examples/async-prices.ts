import {
  type AsyncFunction,
  AsyncRetryStrategies,
  collectionSource,
  defineJob,
  type Infer,
  record,
  RetryPredicates,
  string,
  WatermarkStrategy,
} from 'tidemark';

const Order = record('Order', { id: string(), article: string() });
type Order = Infer<typeof Order>;
interface PricedOrder extends Order {
  readonly cents: number | undefined;
}

const ORDERS: readonly Order[] = [
  { id: 'o1', article: 'slow' },
  { id: 'o2', article: 'quick' },
  { id: 'o3', article: 'flaky' },
  { id: 'o4', article: 'never' },
];

/** Stands for a service: answers after a while, or not at all. */
function askPrice(article: string, attempt: number, delay: (ms: number) => Promise<void>): Promise<number> {
  if (article === 'flaky' && attempt === 1) return Promise.reject(new Error('HTTP 503'));
  const waitMs = { slow: 600, quick: 10, flaky: 20 }[article] ?? 60_000;
  return delay(waitMs).then(() => waitMs * 10);
}

export default defineJob({
  name: 'async-prices',
  build(env, _params, { scheduler }) {
    // #region function
    const prices: AsyncFunction<Order, PricedOrder> = {
      async asyncInvoke(order, { attempt }) {
        const cents = await askPrice(order.article, attempt, (ms) => scheduler.delay(ms));
        return [{ ...order, cents }];
      },
      timeout: (order) => [{ ...order, cents: undefined }],
    };
    const options = {
      schema: Order,
      timeout: '2s',
      capacity: 100,
      retry: AsyncRetryStrategies.fixedDelay<PricedOrder>({
        maxAttempts: 3,
        delay: '100ms',
        ifError: RetryPredicates.anyError,
      }),
    };
    // #endregion
    const orders = env.fromSource(collectionSource(ORDERS), 'orders', WatermarkStrategy.noWatermarks<Order>());
    // #region use
    orders.orderedWait(prices, { ...options, uid: 'prices-in-order' }).print('ordered');
    orders.unorderedWait(prices, { ...options, uid: 'prices-as-they-come' }).print('unordered');
    // #endregion
  },
});
