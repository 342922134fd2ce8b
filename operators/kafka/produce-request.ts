import { byTopic } from './by-topic.ts';
import type { ProduceBatch } from './kafka-transport.ts';

/** Known to all brokers since 2.1. */
export const PRODUCE_VERSION = 7;

/*
 * Produce request, version 7, big-endian.
 *   i16 bytes (-1: none), transactional id; i16 acks (-1: all replicas); i32 timeoutMs
 *   i32 count, topics: i16 bytes, name; i32 count, partitions: i32 partition, i32 bytes, record batch
 * Response:
 *   i32 count, topics: i16 bytes, name; i32 count, partitions:
 *     i32 partition, i16 errorCode, i64 baseOffset, i64 logAppendTimeMs, i64 logStartOffset
 *   i32 throttleTimeMs
 */
const PARTITION_ANSWER_BYTES = 30;

/** In the shape of kafkajs' encoder, which is copied into the request as it is. */
export interface EncodedRequest {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

export function encodeProduceRequest(options: {
  readonly transactionalId: string | undefined;
  readonly timeoutMs: number;
  readonly batches: readonly ProduceBatch[];
}): EncodedRequest {
  const topics = byTopic(options.batches, (batch) => batch);
  const idBytes = options.transactionalId === undefined ? -1 : Buffer.byteLength(options.transactionalId);
  let byteCount = 2 + Math.max(0, idBytes) + 2 + 4 + 4;
  for (const { topic, partitions } of topics) {
    byteCount += 2 + Buffer.byteLength(topic) + 4;
    for (const { batch } of partitions) byteCount += 8 + batch.length;
  }
  const bytes = Buffer.allocUnsafe(byteCount);
  let at = bytes.writeInt16BE(idBytes, 0);
  if (options.transactionalId !== undefined) at += bytes.write(options.transactionalId, at, 'utf8');
  at = bytes.writeInt16BE(-1, at);
  at = bytes.writeInt32BE(options.timeoutMs, at);
  at = bytes.writeInt32BE(topics.length, at);
  for (const { topic, partitions } of topics) {
    const nameBytes = bytes.write(topic, at + 2, 'utf8');
    at = bytes.writeInt16BE(nameBytes, at) + nameBytes;
    at = bytes.writeInt32BE(partitions.length, at);
    for (const { partition, batch } of partitions) {
      at = bytes.writeInt32BE(partition, at);
      at = bytes.writeInt32BE(batch.length, at);
      at += batch.copy(bytes, at);
    }
  }
  return { buf: bytes, buffer: bytes };
}

/** Kafka's error code by `topic-partition`; 0 is success. */
export function decodeProduceResponse(payload: Buffer): Map<string, number> {
  const codes = new Map<string, number>();
  let at = 4;
  for (let topics = payload.readInt32BE(0); topics > 0; topics--) {
    const nameBytes = payload.readInt16BE(at);
    const topic = payload.toString('utf8', at + 2, at + 2 + nameBytes);
    at += 2 + nameBytes;
    let partitions = payload.readInt32BE(at);
    for (at += 4; partitions > 0; partitions--) {
      codes.set(`${topic}-${payload.readInt32BE(at)}`, payload.readInt16BE(at + 4));
      at += PARTITION_ANSWER_BYTES;
    }
  }
  return codes;
}
