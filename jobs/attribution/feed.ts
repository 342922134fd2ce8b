import { jsonEncoder } from '../../operators/format/json/json-encode.ts';
import { kafkaSink } from '../../operators/sink/kafka/kafka-sink.ts';
import type { AttributionStreams } from './attribution-streams.ts';
import { Attribution } from './schemas.ts';

/** Partitions of the feed, when the job has to make it. */
const FEED_PARTITIONS = 4;

export interface FeedOptions {
  readonly brokers: string;
  readonly topic: string;
  /**
   * `exactly-once`: seen by `read_committed` consumers with its checkpoint, once. `low-latency`: at once, and after a
   * failure perhaps again, under the same id.
   */
  readonly delivery: 'exactly-once' | 'low-latency';
}

/** Writes every attribution to a Kafka topic as JSON, keyed by campaign, with its id as a header. */
export function writeFeed(streams: AttributionStreams, options: FeedOptions): void {
  streams.attributions.sinkTo(
    kafkaSink<Attribution>({
      ...options,
      format: jsonEncoder(Attribution),
      key: (attribution) => attribution.campaignId,
      id: (attribution) => attribution.attributionId,
      createTopic: { partitions: FEED_PARTITIONS, replicationFactor: 1 },
    }),
    { uid: 'attribution-feed', name: 'attribution-feed' },
  );
}
