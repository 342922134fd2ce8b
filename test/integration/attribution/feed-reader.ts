import { Kafka, logLevel } from 'kafkajs';

/** Reads a topic to its end as a read_committed consumer of another team would. Returns the values as text. */
export async function readFeed(brokers: string, topic: string, groupId: string): Promise<string[]> {
  const kafka = new Kafka({ brokers: [brokers], clientId: 'feed-reader', logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  // The last offset of a partition belongs to a transaction's end marker, which no consumer gets to see.
  const open = new Map(
    ends.filter(({ high, low }) => Number(high) > Number(low)).map(({ partition, high }) => [partition, Number(high)]),
  );
  const values: string[] = [];
  if (open.size === 0) return values;
  const consumer = kafka.consumer({ groupId, readUncommitted: false });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const done = Promise.withResolvers<void>();
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: true,
    eachBatch: ({ batch }) => {
      for (const message of batch.messages) values.push(message.value!.toString('utf8'));
      if (Number(batch.lastOffset()) + 1 >= (open.get(batch.partition) ?? Infinity)) open.delete(batch.partition);
      if (open.size === 0) done.resolve();
      return Promise.resolve();
    },
  });
  await done.promise;
  await consumer.disconnect();
  return values;
}
