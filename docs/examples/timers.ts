import {
  boolean,
  collectionSource,
  type Collector,
  defineJob,
  defineProcess,
  type Infer,
  long,
  record,
  string,
  timestampMs,
  valueState,
  WatermarkStrategy,
} from 'tidemark';

const OrderEvent = record('OrderEvent', { orderId: string(), isPaid: boolean(), at: timestampMs() });
type OrderEvent = Infer<typeof OrderEvent>;

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);

const EVENTS: readonly OrderEvent[] = [
  { orderId: 'o1', isPaid: false, at: at('10:00:00') },
  { orderId: 'o2', isPaid: false, at: at('10:01:00') },
  { orderId: 'o1', isPaid: true, at: at('10:05:00') },
  { orderId: 'o3', isPaid: false, at: at('10:20:00') },
];

// #region function
const unpaid = defineProcess({
  uid: 'unpaid-orders',
  state: { dueMs: valueState(long()) },
  processElement(event: OrderEvent, { state, timers, timestamp }, _out: Collector<string>) {
    const dueMs = state.dueMs.value();
    if (event.isPaid) {
      if (dueMs !== undefined) timers.deleteEventTimeTimer(dueMs);
      state.dueMs.clear();
    } else {
      state.dueMs.update(timestamp + 900_000);
      timers.registerEventTimeTimer(timestamp + 900_000);
    }
  },
  onTimer(timestampMs, { state, currentKey }, out) {
    out.collect(`${currentKey} not paid by ${new Date(timestampMs).toISOString().slice(11, 16)}`);
    state.dueMs.clear();
  },
});
// #endregion

export default defineJob({
  name: 'unpaid-orders',
  build(env) {
    env
      .fromSource(
        collectionSource(EVENTS, { recordsPerSecond: 4 }),
        'order-events',
        WatermarkStrategy.forMonotonousTimestamps<OrderEvent>().withTimestamp((event) => event.at),
      )
      .keyBy((event) => event.orderId)
      .process(unpaid)
      .print('alert');
  },
});
