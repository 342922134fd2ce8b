import { expect, test } from 'vitest';
import {
  defineJob,
  type Infer,
  long,
  OutputTag,
  record,
  string,
  type TemporalJoin,
  WatermarkStrategy,
  type DataStream,
} from '../../operators/index.ts';
import { collectSink } from '../../operators/sink/collect/collect-sink.ts';
import { collectionSource } from '../../operators/source/collection/collection-source.ts';
import { type JobDriver, testJob } from '../harness/test-job.ts';

const Order = record('Order', { currency: string(), at: long(), amount: long() });
const Rate = record('Rate', { currency: string(), at: long(), rate: long() });
type Order = Infer<typeof Order>;
type Rate = Infer<typeof Rate>;
const OPTIONS = { uid: 'converted', leftSchema: Order, rightSchema: Rate };
const LATE = new OutputTag<Order>('late');

async function start(build: (join: TemporalJoin<Order, Rate, Rate>) => DataStream<string>): Promise<JobDriver> {
  const job = defineJob({
    name: 'converted',
    params: {},
    build(env) {
      const strategy = WatermarkStrategy.noWatermarks<{ readonly at: number }>().withTimestamp(({ at }) => at);
      const orders = env.fromSource(collectionSource<Order>([]), 'orders', strategy as WatermarkStrategy<Order>);
      const rates = env.fromSource(collectionSource<Rate>([]), 'rates', strategy as WatermarkStrategy<Rate>);
      const join = orders.keyBy(({ currency }) => currency).temporalJoin(rates.keyBy(({ currency }) => currency));
      build(join).sinkTo(collectSink({}), { uid: 'out' });
    },
  });
  return await testJob(job, { sideOutputs: [LATE as OutputTag<unknown>] });
}

const order = (at: number, amount = 1): Order => ({ currency: 'EUR', at, amount });
const rate = (at: number, value: number): Rate => ({ currency: 'EUR', at, rate: value });

test('an order gets the rate of its time, whenever it comes; a late one goes to its side output', async () => {
  const driver = await start((join) =>
    join.sideOutputLateData(LATE).map(({ amount }, { rate: value }) => String(amount * value), OPTIONS),
  );
  driver.source('orders').push(order(5), order(20), order(10));
  driver.source('rates').push(rate(10, 3), rate(1, 2), rate(15, 4));
  driver.watermark(12);
  expect(driver.sink('out').takeRecords()).toMatchObject([
    { value: '2', timestampMs: 5 },
    { value: '3', timestampMs: 10 },
  ]);
  driver.source('orders').push(order(12, 100));
  expect(driver.sideOutput(LATE).take()).toEqual([order(12, 100)]);
  driver.watermark(30);
  expect(driver.sink('out').take()).toEqual(['4']);
});

test('without a rate an order comes out only of an outer join; a condition can reject a rate', async () => {
  const driver = await start((join) =>
    join
      .leftOuter()
      .on((_order, { rate: value }) => value > 2)
      .process(
        () => ({
          processElement: ({ amount }, found, { rightTimestamp, rowKind }, out) =>
            out.collect(`${amount} ${found?.rate ?? '-'} ${rightTimestamp} ${rowKind}`),
        }),
        OPTIONS,
      ),
  );
  driver.source('rates').push(rate(10, 2), rate(20, 3));
  driver.source('orders').push(order(5, 1), order(15, 2), order(25, 3));
  driver.watermark(30);
  expect(driver.sink<string>('out').take().toSorted()).toEqual(['1 - NaN 0', '2 - NaN 0', '3 3 20 0']);
});

test('in processing time an order gets the rate that came last, at once', async () => {
  const driver = await start((join) =>
    join.inProcessingTime().map(({ amount }, { rate: value }) => String(amount * value), OPTIONS),
  );
  driver.source('orders').push(order(5));
  driver.source('rates').push(rate(10, 3), rate(1, 2));
  driver.source('orders').push(order(5));
  expect(driver.sink('out').takeRecords()).toMatchObject([{ value: '2', timestampMs: 5 }]);
});

test('what cannot work is refused before the job runs', async () => {
  await expect(start((join) => join.map(() => '', { uid: 'converted' } as never))).rejects.toThrow(
    "temporal-join 'converted' keeps rows but has no schema for them",
  );
  await expect(
    start((join) =>
      join
        .inProcessingTime()
        .sideOutputLateData(LATE)
        .map(() => '', OPTIONS),
    ),
  ).rejects.toThrow("'converted' joins in processing time, where no row is late");
});

test('a record without timestamp is named', async () => {
  const driver = await start((join) => join.map(() => '', OPTIONS));
  const message = "a record without timestamp came to the temporal join 'converted'";
  expect(() => driver.source('orders').push({ currency: 'EUR', at: Number.NaN, amount: 1 })).toThrow(
    expect.objectContaining({ cause: expect.objectContaining({ message }) as unknown }) as Error,
  );
});
