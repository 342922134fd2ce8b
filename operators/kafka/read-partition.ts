import type { Environment } from '../../engine/base/environment.ts';
import { ExternalError, TidemarkError } from '../../engine/base/errors.ts';
import { topicMissing } from './kafka-errors.ts';
import type { KafkaTransport, TopicPartition } from './kafka-transport.ts';
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS, RETRY_TIMEOUT_MS } from './limits.ts';
import { RecordColumns } from './record-columns.ts';
import { RecordSetCursor } from './record-set-cursor.ts';

const FETCH_WAIT_MS = 250;
const FETCH_BYTES = 1024 * 1024;

/**
 * Reads a whole partition, committed records only, up to what was its end when this was called: for small compacted
 * topics. Waits for transactions of others that are still open before that end, so nothing committed before is missed.
 *
 * @param visit called per record with its columns and index; keep nothing of them.
 * @throws UserError TOPIC_MISSING; ExternalError CONNECTION when no progress was made for `RETRY_TIMEOUT_MS`.
 */
export async function readPartition(
  transport: KafkaTransport,
  environment: Environment,
  { topic, partition }: TopicPartition,
  visit: (columns: RecordColumns, index: number) => void,
): Promise<void> {
  const [start, end] = (await transport.listOffsets(
    [
      { topic, partition, at: 'earliest' },
      { topic, partition, at: 'latest' },
    ],
    'read_uncommitted',
  )) as [number, number];
  const columns = new RecordColumns();
  let offset = start;
  let leaderId = -1;
  let backoffMs = BACKOFF_FIRST_MS;
  let failingSinceMs: number | undefined;
  while (offset < end) {
    try {
      if (leaderId < 0) leaderId = await leaderOf(transport, topic, partition);
      const [fetched] = await transport.fetch({
        leaderId,
        partitions: [{ topic, partition, offset, maxBytes: FETCH_BYTES }],
        isolation: 'read_committed',
        maxWaitMs: FETCH_WAIT_MS,
        maxBytes: FETCH_BYTES,
      });
      if (fetched?.status !== 'ok') {
        throw new ExternalError('CONNECTION', `${topic}-${partition} cannot be read at ${offset}: ${fetched?.status}`);
      }
      const set = { description: `${topic}-${partition}`, bytes: fetched.records, startOffset: offset };
      const cursor = new RecordSetCursor({ ...set, aborted: fetched.aborted });
      for (let first = cursor.next(columns); first >= 0; first = cursor.next(columns)) {
        for (let i = first; i < columns.count; i++) visit(columns, i);
      }
      offset = cursor.nextOffset;
      failingSinceMs = undefined;
      backoffMs = BACKOFF_FIRST_MS;
    } catch (error) {
      if (!(error instanceof TidemarkError) || !error.retryable) throw error;
      const nowMs = environment.clock.monotonicMs();
      failingSinceMs ??= nowMs;
      if (nowMs - failingSinceMs >= RETRY_TIMEOUT_MS) throw error;
      leaderId = -1;
      await environment.scheduler.delay(backoffMs * (0.75 + environment.random.next() / 2));
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
    }
  }
}

async function leaderOf(transport: KafkaTransport, topic: string, partition: number): Promise<number> {
  const [description] = await transport.describeTopics([topic]);
  const found = description!.partitions.find((entry) => entry.partition === partition);
  if (found === undefined) throw topicMissing(topic, transport.description);
  if (found.leaderId < 0) throw new ExternalError('CONNECTION', `partition ${topic}-${partition} has no leader`);
  return found.leaderId;
}
