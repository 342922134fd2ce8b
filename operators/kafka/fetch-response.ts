import { checkKafkaCode, KAFKA_ERROR } from './kafka-errors.ts';
import type { FetchedPartition } from './kafka-transport.ts';
import { readInt64 } from './record-batch.ts';
import type { AbortedTransaction } from './record-set-cursor.ts';

/** Highest version of Fetch that is read here. */
export const FETCH_VERSION_MAX = 11;

/*
 * Fetch response, versions 4 to 11, big-endian.
 *   i32 throttleTimeMs, from version 7: i16 errorCode, i32 sessionId
 *   i32 count, topics:
 *     i16 bytes, name
 *     i32 count, partitions:
 *       i32 partition, i16 errorCode, i64 highWatermark, i64 lastStableOffset, from version 5: i64 logStartOffset
 *       i32 count (-1: none), aborted transactions: i64 producerId, i64 firstOffset
 *       from version 11: i32 preferredReadReplica
 *       i32 bytes (-1: none), record set
 */

/**
 * Reads an answer without touching the records: their bytes are views of `payload`.
 *
 * @param version of the request that was sent.
 */
export function decodeFetchResponse(payload: Buffer, version: number): FetchedPartition[] {
  const fetched: FetchedPartition[] = [];
  let at = 4;
  if (version >= 7) {
    checkKafkaCode(payload.readInt16BE(at), 'fetch');
    at += 6;
  }
  const topicCount = payload.readInt32BE(at);
  at += 4;
  for (let i = 0; i < topicCount; i++) {
    const nameBytes = payload.readInt16BE(at);
    const topic = payload.toString('utf8', at + 2, at + 2 + nameBytes);
    at += 2 + nameBytes;
    const partitionCount = payload.readInt32BE(at);
    at += 4;
    for (let j = 0; j < partitionCount; j++) {
      const partition = payload.readInt32BE(at);
      const kafkaCode = payload.readInt16BE(at + 4);
      const highWatermark = readInt64(payload, at + 6);
      const lastStableOffset = readInt64(payload, at + 14);
      at += version >= 5 ? 30 : 22;
      const abortedCount = payload.readInt32BE(at);
      at += 4;
      const aborted: AbortedTransaction[] = [];
      for (let k = 0; k < abortedCount; k++) {
        aborted.push({ producerId: readInt64(payload, at), firstOffset: readInt64(payload, at + 8) });
        at += 16;
      }
      if (version >= 11) at += 4;
      const recordBytes = Math.max(0, payload.readInt32BE(at));
      at += 4;
      const records = payload.subarray(at, at + recordBytes);
      at += recordBytes;
      aborted.sort((a, b) => a.firstOffset - b.firstOffset);
      const status = fetchStatus(kafkaCode, `${topic}-${partition}`);
      fetched.push({ topic, partition, status, records, aborted, highWatermark, lastStableOffset });
    }
  }
  return fetched;
}

function fetchStatus(kafkaCode: number, partition: string): FetchedPartition['status'] {
  switch (kafkaCode) {
    case 0:
      return 'ok';
    case KAFKA_ERROR.OFFSET_OUT_OF_RANGE:
      return 'outOfRange';
    case KAFKA_ERROR.UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_ERROR.UNKNOWN_TOPIC_ID:
      return 'missing';
    case KAFKA_ERROR.NOT_LEADER_OR_FOLLOWER:
    case KAFKA_ERROR.LEADER_NOT_AVAILABLE:
    case KAFKA_ERROR.REPLICA_NOT_AVAILABLE:
    case KAFKA_ERROR.KAFKA_STORAGE_ERROR:
    case KAFKA_ERROR.FENCED_LEADER_EPOCH:
    case KAFKA_ERROR.UNKNOWN_LEADER_EPOCH:
    case KAFKA_ERROR.OFFSET_NOT_AVAILABLE:
      return 'moved';
    default:
      checkKafkaCode(kafkaCode, `fetch ${partition}`);
      return 'moved';
  }
}
