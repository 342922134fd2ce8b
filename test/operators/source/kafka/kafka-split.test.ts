import { expect, test } from 'vitest';
import { kafkaSplitOwner } from '../../../../operators/source/kafka/kafka-split.ts';

// From Java: ((topic.hashCode() * 31) & 0x7FFFFFFF) % p, then + partition.
test.each([
  ['clicks', 1, [0, 0, 0, 0, 0]],
  ['clicks', 3, [0, 1, 2, 0, 1]],
  ['clicks', 4, [1, 2, 3, 0, 1]],
  ['impressions', 4, [2, 3, 0, 1, 2]],
  ['bid_requests', 4, [2, 3, 0, 1, 2]],
  ['ümlaut', 4, [3, 0, 1, 2, 3]],
  ['ümlaut', 7, [6, 0, 1, 2, 3]],
])('partitions of %s on %i subtasks go where Flink sends them', (topic, parallelism, expected) => {
  expect([0, 1, 2, 3, 4].map((partition) => kafkaSplitOwner(topic, partition, parallelism))).toEqual(expected);
});
