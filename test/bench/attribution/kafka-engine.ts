/* Kafka JSON → join → Parquet, exactly once, on the engine. Run by attribution.bench.ts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeEnvironment } from '../../../engine/base/environment-node.ts';
import { JobExecution } from '../../../engine/runtime/job-execution.ts';
import { json } from '../../../operators/format/json/json.ts';
import { StreamExecutionEnvironment, WatermarkStrategy } from '../../../operators/index.ts';
import { parquetSink } from '../../../operators/sink/parquet/parquet-sink.ts';
import { kafkaSource } from '../../../operators/source/kafka/kafka-source.ts';
import { RocksDbPageStore } from '../../../state/store/rocksdb-page-store.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { openStorage } from '../../../state/storage/storage-url.ts';
import { clickJoin } from './click-join.ts';
import { countRows } from './count-rows.ts';
import { readArguments, report, Usage } from './measure.ts';
import { JsonEvent, Match, type ReadEvent, readEventOf } from './schemas.ts';

const { input, cacheBytes, checkpointInterval, store, brokers, topic } = readArguments();
const environment = createNodeEnvironment();
const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-run-'));
const usage = new Usage();
const execution = JobExecution.start({
  environment,
  jobName: 'bench',
  buildGraph: () => {
    const env = new StreamExecutionEnvironment();
    env
      .fromSource(
        kafkaSource<JsonEvent>({ brokers: brokers!, topic: topic!, format: json(JsonEvent) }),
        'events',
        WatermarkStrategy.forBoundedOutOfOrderness<JsonEvent>('30s').withTimestamp(
          (event) => event.impression?.ts ?? event.click?.event_timestamp ?? 0,
        ),
      )
      .filter((event) => event.event_type !== 2)
      .map(readEventOf)
      .keyBy((event: ReadEvent) => event.impression_id)
      .process(clickJoin)
      .sinkTo(parquetSink<Match>({ path: join(folder, 'lake'), schema: Match }), { uid: 'lake' });
    return env.streamGraph();
  },
  checkpointStorage: await openStorage(environment, join(folder, 'checkpoints')),
  openPageStore: () =>
    Promise.resolve(store === 'heap' ? new HeapPageStore() : new RocksDbPageStore({ path: join(folder, 'state') })),
  checkpointInterval,
  cacheBytes,
  restart: { kind: 'none' },
});
// When everything has been read, a last checkpoint commits the rest. State whose expiry lies behind the end of the input
// is left as it is: the stream would go on.
const read = Promise.withResolvers<void>();
const poll = (): void => {
  const { state, sourceRecordCount } = execution.status;
  if (state === 'failed' || state === 'finished' || sourceRecordCount >= input.eventCount) read.resolve();
  else environment.scheduler.setTimer(2, poll);
};
poll();
await read.promise;
await execution.stop();
const used = usage.stop();
report('kafka-engine', used, {
  events: input.eventCount,
  matches: await countRows(environment, join(folder, 'lake'), 'lake'),
  checkpoints: execution.status.checkpoints,
});
rmSync(folder, { recursive: true, force: true });
process.exit();
