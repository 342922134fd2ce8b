import { expect, test } from 'vitest';
import {
  boolean,
  collectionSource,
  collectSink,
  type Collector,
  type DataStream,
  defineJob,
  defineProcess,
  type Infer,
  record,
  string,
  valueState,
  WatermarkStrategy,
} from 'tidemark';
import { harnessOf, record as output, repackageState, testJob, watermark } from 'tidemark/testing';

// #region function
const Click = record('Click', { userId: string(), page: string() });
type Click = Infer<typeof Click>;

/** The first click of a user, and of each user again after a minute. */
const firstClick = defineProcess({
  uid: 'first-click',
  state: { seen: valueState(boolean()) },
  processElement(click: Click, context, out: Collector<string>) {
    if (context.state.seen.value() === true) return;
    context.state.seen.update(true);
    context.timers.registerEventTimeTimer(context.timestamp + 60_000);
    out.collect(click.page);
  },
  onTimer(_timestampMs, { state }) {
    state.seen.clear();
  },
});

const firstClicks = (clicks: DataStream<Click>): DataStream<string> =>
  clicks.keyBy((click) => click.userId).process(firstClick);
// #endregion

// #region steps
test('a user is new again after a minute', async () => {
  const harness = await harnessOf(firstClicks);
  harness.processElement({ userId: 'ann', page: '/' }, 1_000);
  harness.processElement({ userId: 'ann', page: '/shoes' }, 2_000);
  expect(harness.takeOutput()).toEqual([output('/', 1_000)]);
  expect(harness.numEventTimeTimers()).toBe(1);

  await harness.processWatermark(61_000);
  expect(harness.takeOutput()).toEqual([watermark(61_000)]);
  expect(harness.numKeyedStateEntries()).toBe(0);

  harness.processElement({ userId: 'ann', page: '/cart' }, 62_000);
  expect(harness.getOutput()).toEqual([output('/cart', 62_000)]);
  await harness.close();
});
// #endregion

// #region rescale
test('users stay known when one subtask becomes two', async () => {
  const before = await harnessOf(firstClicks);
  const users = ['ann', 'bob', 'eve', 'joe'];
  for (const userId of users) before.processElement({ userId, page: '/' }, 1_000);
  const snapshot = await before.snapshot();
  await before.close();

  let known = 0;
  const snapshots = [];
  for (const subtaskIndex of [0, 1]) {
    const after = await harnessOf(firstClicks, { parallelism: 2, subtaskIndex });
    await after.initializeState(snapshot);
    known += after.numKeyedStateEntries();
    snapshots.push(await after.snapshot());
    await after.close();
  }
  expect(known).toBe(users.length);

  const again = await harnessOf(firstClicks);
  await again.initializeState(repackageState(...snapshots));
  for (const userId of users) again.processElement({ userId, page: '/' }, 2_000);
  expect(again.getOutput()).toEqual([]);
  await again.close();
});
// #endregion

// #region job
const job = defineJob({
  name: 'first-clicks',
  build(env) {
    const clicks = env.fromSource(collectionSource<Click>([]), 'clicks', WatermarkStrategy.noWatermarks<Click>());
    firstClicks(clicks).sinkTo(collectSink(), { uid: 'pages' });
  },
});

test('the job knows its users after a restart with more subtasks', async () => {
  const driver = await testJob(job);
  driver.source<Click>('clicks').pushAt(1_000, { userId: 'ann', page: '/' });
  await driver.snapshot();
  await driver.restore({ parallelism: 2 });
  driver.source<Click>('clicks').pushAt(2_000, { userId: 'ann', page: '/shoes' }, { userId: 'bob', page: '/' });
  expect(driver.sink('pages').take()).toEqual(['/', '/']);
  await driver.close();
});
// #endregion
