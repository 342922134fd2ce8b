import { expect, test } from 'vitest';
import {
  type Collector,
  countEvictor,
  CountTrigger,
  defineJob,
  EventTimeSessionWindows,
  type Infer,
  type KeyedStream,
  long,
  OutputTag,
  record,
  string,
  type TaggedRow,
  type TimeWindow,
  TumblingEventTimeWindows,
  WatermarkStrategy,
  type DataStream,
} from '../../operators/index.ts';
import { collectSink } from '../../operators/sink/collect/collect-sink.ts';
import { collectionSource } from '../../operators/source/collection/collection-source.ts';
import type { CoGroup } from '../../operators/window/co-group-contents.ts';
import { createCoGroupOperator } from '../../operators/window/co-group-operator.ts';
import { TEST_BACKENDS } from '../harness/operators/backends.ts';
import { twoInputHarness } from '../harness/operators/operator-harness.ts';
import { isRecord } from '../harness/operators/stream-elements.ts';
import { type JobDriver, testJob } from '../harness/test-job.ts';

const Order = record('Order', { user: string(), at: long() });
const Payment = record('Payment', { user: string(), at: long(), cents: long() });
type Order = Infer<typeof Order>;
type Payment = Infer<typeof Payment>;
const SCHEMAS = { leftSchema: Order, rightSchema: Payment };
const LATE = new OutputTag<TaggedRow<Order, Payment>>('late');

interface Streams {
  readonly orders: DataStream<Order>;
  readonly payments: DataStream<Payment>;
  readonly byUser: { readonly orders: KeyedStream<Order, string>; readonly payments: KeyedStream<Payment, string> };
}

async function start(build: (streams: Streams) => DataStream<string>): Promise<JobDriver> {
  const job = defineJob({
    name: 'joined',
    params: {},
    build(env) {
      const strategy = WatermarkStrategy.noWatermarks<Order>().withTimestamp(({ at }) => at);
      const orders = env.fromSource(collectionSource<Order>([]), 'orders', strategy);
      const payments = env.fromSource(
        collectionSource<Payment>([]),
        'payments',
        strategy as WatermarkStrategy<Payment>,
      );
      const byUser = { orders: orders.keyBy(({ user }) => user), payments: payments.keyBy(({ user }) => user) };
      build({ orders, payments, byUser }).sinkTo(collectSink({}), { uid: 'out' });
    },
  });
  return await testJob(job, { parallelism: 2, sideOutputs: [LATE as OutputTag<unknown>] });
}

test('a group is both lists of a window; results are returned, or handed to out', async () => {
  const driver = await start(({ orders, payments }) =>
    orders
      .coGroup(payments)
      .where(({ user }) => user)
      .equalTo(({ user }) => user)
      .window(TumblingEventTimeWindows.of(100))
      .apply(
        (left, right, out: Collector<string>) => {
          out.collect(`${left.length} orders`);
          return right.map(({ cents }) => `paid ${cents}`);
        },
        { uid: 'co-group', ...SCHEMAS },
      ),
  );
  driver.source('orders').push({ user: 'a', at: 10 }, { user: 'a', at: 20 }, { user: 'b', at: 110 });
  driver.source('payments').push({ user: 'a', at: 99, cents: 7 });
  driver.watermark(98);
  expect(driver.sink('out').take()).toEqual([]);
  driver.watermark(99);
  expect(driver.sink('out').takeRecords()).toMatchObject([
    { value: '2 orders', timestampMs: 99 },
    { value: 'paid 7', timestampMs: 99 },
  ]);
  driver.watermark(199);
  expect(driver.sink('out').takeRecords()).toMatchObject([{ value: '1 orders', timestampMs: 199 }]);
});

test('both sides make one session, and a window function knows key and window', async () => {
  const driver = await start(({ byUser }) =>
    byUser.orders
      .coGroup(byUser.payments)
      .window(EventTimeSessionWindows.withGap(10))
      .process(
        {
          process(key, { window }, [group], out: Collector<string>) {
            out.collect(`${key} [${window.startMs}, ${window.endMs}) ${group!.left.length}+${group!.right.length}`);
          },
        },
        { uid: 'sessions', ...SCHEMAS },
      ),
  );
  driver.source('orders').push({ user: 'a', at: 0 }, { user: 'a', at: 16 });
  driver.source('payments').push({ user: 'a', at: 8, cents: 1 });
  driver.watermark(30);
  expect(driver.sink('out').take()).toEqual(['a [0, 26) 2+1']);
});

test('late records come out with their side, and inside the lateness a window fires again', async () => {
  const driver = await start(({ byUser }) =>
    byUser.orders
      .join(byUser.payments)
      .window(TumblingEventTimeWindows.of(100))
      .allowedLateness(50)
      .sideOutputLateData(LATE)
      .apply((order, payment) => `${order.at} ${payment.cents}`, { uid: 'join', ...SCHEMAS }),
  );
  driver.source('orders').push({ user: 'a', at: 10 });
  driver.source('payments').push({ user: 'a', at: 20, cents: 1 });
  driver.watermark(120);
  expect(driver.sink('out').take()).toEqual(['10 1']);
  driver.source('payments').push({ user: 'a', at: 30, cents: 2 });
  expect(driver.sink('out').take()).toEqual(['10 1', '10 2']);
  driver.watermark(149);
  driver.source('payments').push({ user: 'a', at: 40, cents: 3 });
  expect(driver.sink('out').take()).toEqual([]);
  expect(driver.sideOutput(LATE).take()).toEqual([{ left: undefined, right: { user: 'a', at: 40, cents: 3 } }]);
});

test('triggers and evictors see the records of both sides', async () => {
  const driver = await start(({ byUser }) =>
    byUser.orders
      .join(byUser.payments)
      .window(TumblingEventTimeWindows.of(100))
      .trigger(CountTrigger.of(2))
      .evictor(countEvictor(2))
      .fullOuter()
      .apply((order, payment) => `${order?.at ?? '-'} ${payment?.cents ?? '-'}`, { uid: 'join', ...SCHEMAS }),
  );
  driver.source('orders').push({ user: 'a', at: 10 }, { user: 'a', at: 11 });
  expect(driver.sink('out').take()).toEqual(['10 -', '11 -']);
  driver.source('orders').push({ user: 'a', at: 12 });
  driver.source('payments').push({ user: 'a', at: 13, cents: 5 });
  expect(driver.sink('out').take()).toEqual(['12 5']);
});

for (const backend of TEST_BACKENDS) {
  test(`a group that was emitted stays as it was when its window goes on (${backend.name})`, async () => {
    const create = () =>
      createCoGroupOperator<Order, Payment, CoGroup<Order, Payment>, TimeWindow>({
        assigner: TumblingEventTimeWindows.of(100),
        trigger: CountTrigger.of(1) as never,
        allowedLatenessMs: 0,
        ...SCHEMAS,
        logic: { process: (_key, _context, [group], out) => out.collect(group!) },
      });
    const harness = await twoInputHarness(create, [({ user }: Order) => user, ({ user }: Payment) => user], {
      backend,
    });
    const [order, payment] = [
      { user: 'a', at: 10 },
      { user: 'a', at: 11, cents: 1 },
    ];
    harness.processElement1(order, 10);
    harness.processElement2(payment, 11);
    expect(harness.takeOutput().map((it) => isRecord(it) && it.value)).toEqual([
      { left: [order], right: [] },
      { left: [order], right: [payment] },
    ]);
    await harness.close();
  });
}

test.each([
  [undefined, countEvictor<TaggedRow<Order, Payment>>(2)],
  [countEvictor<TaggedRow<Order, Payment>>(2), undefined],
])('an evictor that comes or goes does not lose the records of open windows: it is refused', async (before, after) => {
  const create = (evictor: typeof before) => () =>
    createCoGroupOperator<Order, Payment, string, TimeWindow>({
      assigner: TumblingEventTimeWindows.of(100),
      evictor,
      allowedLatenessMs: 0,
      ...SCHEMAS,
      logic: { process() {} },
    });
  const keys = [({ user }: Order) => user, ({ user }: Payment) => user] as const;
  const old = await twoInputHarness(create(before), keys);
  old.processElement1({ user: 'a', at: 10 }, 10);
  const harness = await twoInputHarness(create(after), keys);
  await expect(harness.initializeState(await old.snapshot())).rejects.toMatchObject({ code: 'STATE_INCOMPATIBLE' });
});

test.each<[string, (streams: Streams) => unknown, string]>([
  [
    'no schema',
    ({ byUser }) =>
      byUser.orders
        .join(byUser.payments)
        .window(TumblingEventTimeWindows.of(1))
        .apply(() => '', { uid: 'join' } as never),
    "window-join 'join' keeps rows but has no schema for them",
  ],
  [
    'negative lateness',
    ({ byUser }) => byUser.orders.coGroup(byUser.payments).window(TumblingEventTimeWindows.of(1)).allowedLateness(-1),
    'allowed lateness must not be negative, found -1 ms',
  ],
  [
    'state of windows that merge',
    ({ byUser }) =>
      byUser.orders
        .coGroup(byUser.payments)
        .window(EventTimeSessionWindows.withGap(1))
        .process({ windowState: {}, process() {} }, { uid: 'join', ...SCHEMAS }),
    "'join' has state per window, which windows that merge cannot have",
  ],
])('refused: %s', async (_what, build, message) => {
  await expect(
    start((streams) => {
      build(streams);
      return streams.orders.map(() => '');
    }),
  ).rejects.toThrow(message);
});
