import type { TopicPartition } from './kafka-transport.ts';

/** Groups partitions by topic, in the shape of Kafka's requests. */
export function byTopic<T extends TopicPartition, R>(
  entries: readonly T[],
  toPartition: (entry: T) => R,
): { readonly topic: string; readonly partitions: readonly R[] }[] {
  const partitionsByTopic = new Map<string, R[]>();
  for (const entry of entries) {
    let partitions = partitionsByTopic.get(entry.topic);
    if (partitions === undefined) partitionsByTopic.set(entry.topic, (partitions = []));
    partitions.push(toPartition(entry));
  }
  return [...partitionsByTopic].map(([topic, partitions]) => ({ topic, partitions }));
}
