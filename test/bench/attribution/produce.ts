import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createNodeEnvironment } from '../../../engine/base/environment-node.ts';
import { kafkaTransportFactory } from '../../../operators/kafka/connect.ts';
import { RecordBatchBuilder } from '../../../operators/kafka/record-batch-builder.ts';

const RECORDS_PER_BATCH = 1000;

/** Writes the lines of a file to a topic of one partition, so that every reader sees them in the order of the file. */
export async function produceLines(brokers: string, topic: string, file: string): Promise<void> {
  const environment = createNodeEnvironment();
  const transport = kafkaTransportFactory({ brokers })({ environment, logger: environment.logger });
  await transport.createTopic({ topic, partitions: 1, replicationFactor: 1 });
  const producer = await transport.openProducer();
  let builder = new RecordBatchBuilder();
  let count = 0;
  const flush = async (): Promise<void> => {
    if (count === 0) return;
    await producer.send([{ topic, partition: 0, batch: builder.finish() }]);
    builder = new RecordBatchBuilder();
    count = 0;
  };
  for await (const line of createInterface({ input: createReadStream(file) })) {
    builder.append(null, Buffer.from(line), 0);
    if (++count === RECORDS_PER_BATCH) await flush();
  }
  await flush();
  await producer.close();
  await transport.close();
}
