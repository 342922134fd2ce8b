/* Kafka JSON → join → Parquet as one hand-written loop: `Map` state, no checkpoints. Run by attribution.bench.ts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { parquetColumns } from '../../../operators/sink/parquet/parquet-columns.ts';
import { ParquetFile } from '../../../operators/sink/parquet/parquet-file.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { LoopJoin } from './loop-join.ts';
import { readArguments, report, Usage } from './measure.ts';
import { type JsonEvent, Match, readEventOf } from './schemas.ts';

const { input, brokers, topic } = readArguments();
const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-run-'));
const usage = new Usage();
const file = new ParquetFile({
  columns: parquetColumns(Match as unknown as Schema<never>),
  compression: 'zstd',
  rowGroupRows: 131_072,
});
const joiner = new LoopJoin((match) => file.append(match));
const kafka = new Kafka({ brokers: [brokers!], clientId: 'loop', logLevel: logLevel.NOTHING });
const consumer = kafka.consumer({ groupId: `loop-${process.pid}`, maxBytesPerPartition: 4 * 1024 * 1024 });
await consumer.connect();
await consumer.subscribe({ topic: topic!, fromBeginning: true });
const done = Promise.withResolvers<void>();
let eventCount = 0;
await consumer.run({
  autoCommit: false,
  eachBatch: ({ batch }) => {
    for (const message of batch.messages) {
      const event = JSON.parse(message.value!.toString('utf8')) as JsonEvent;
      eventCount++;
      if (event.event_type !== 2) joiner.onEvent(readEventOf(event));
    }
    if (eventCount >= input.eventCount) done.resolve();
    return Promise.resolve();
  },
});
await done.promise;
writeFileSync(join(folder, 'matches.parquet'), file.finish().bytes);
report('kafka-loop', usage.stop(), { events: input.eventCount, matches: joiner.matchCount });
await consumer.disconnect();
rmSync(folder, { recursive: true, force: true });
process.exit();
