/* Files → join → discard on the engine. Run by attribution.bench.ts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeEnvironment } from '../../../engine/base/environment-node.ts';
import { JobExecution } from '../../../engine/runtime/job-execution.ts';
import type { Sink } from '../../../engine/task/sink.ts';
import { lengthPrefixedAvro } from '../../../operators/format/avro/length-prefixed-avro.ts';
import { fileSource, StreamExecutionEnvironment, WatermarkStrategy } from '../../../operators/index.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { RocksDbPageStore } from '../../../state/store/rocksdb-page-store.ts';
import { openStorage } from '../../../state/storage/storage-url.ts';
import { clickJoin } from './click-join.ts';
import { readArguments, report, Usage } from './measure.ts';
import { type Match, ReadEvent, WrittenEvent } from './schemas.ts';

const { input, cacheBytes, checkpointInterval, store } = readArguments();
const environment = createNodeEnvironment();
const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-run-'));
let matchCount = 0;
const counting: Sink<Match> = {
  description: 'count',
  createWriter: () => ({
    write: () => void matchCount++,
    prepareCommit: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  }),
};
const usage = new Usage();
const execution = JobExecution.start({
  environment,
  jobName: 'bench',
  buildGraph: () => {
    const env = new StreamExecutionEnvironment();
    env
      .fromSource(
        fileSource({
          path: input.avroFile,
          format: lengthPrefixedAvro(ReadEvent, { writer: WrittenEvent.avro, otherBranches: 'skip' }),
        }),
        'events',
        WatermarkStrategy.forBoundedOutOfOrderness<ReadEvent>('30s').withTimestamp((event) =>
          event.type === 'impression' ? event.ts : event.event_timestamp,
        ),
      )
      .keyBy((event) => event.impression_id)
      .process(clickJoin)
      .sinkTo(counting, { uid: 'count' });
    return env.streamGraph();
  },
  checkpointStorage: await openStorage(environment, join(folder, 'checkpoints')),
  openPageStore: () =>
    store === 'heap'
      ? Promise.resolve(new HeapPageStore())
      : Promise.resolve(new RocksDbPageStore({ path: join(folder, 'state') })),
  checkpointInterval,
  cacheBytes,
  restart: { kind: 'none' },
});
// State whose expiry lies behind the end of the input is left as it is: the stream would go on.
const stopped = Promise.withResolvers<void>();
const poll = (): void => {
  const { state, watermarkMs } = execution.status;
  if (state === 'failed' || state === 'finished') stopped.resolve();
  else if (execution.attemptMetrics.sum('numRecordsOut') > 0 && isRead(watermarkMs)) stopped.resolve();
  else environment.scheduler.setTimer(2, poll);
};
const isRead = (watermarkMs: number): boolean => watermarkMs >= 8_000_000_000_000;
poll();
await stopped.promise;
if (execution.status.state === 'failed') await execution.result;
report('files-engine', usage.stop(), {
  events: input.eventCount,
  matches: matchCount,
  checkpoints: execution.status.checkpoints,
});
await execution.cancel();
rmSync(folder, { recursive: true, force: true });
process.exit();
