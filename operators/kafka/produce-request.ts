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

/** The body of the request, in pieces: the batches are not copied. */
export function encodeProduceRequest(options: {
  readonly transactionalId: string | undefined;
  readonly timeoutMs: number;
  readonly batches: readonly ProduceBatch[];
}): Buffer[] {
  const parts: Buffer[] = [];
  const writer = new BigEndianWriter();
  if (options.transactionalId === undefined) writer.int16(-1);
  else writer.string(options.transactionalId);
  writer.int16(-1);
  writer.int32(options.timeoutMs);
  const topics = byTopic(options.batches, (batch) => batch);
  writer.int32(topics.length);
  for (const { topic, partitions } of topics) {
    writer.string(topic);
    writer.int32(partitions.length);
    for (const { partition, batch } of partitions) {
      writer.int32(partition);
      writer.int32(batch.length);
      parts.push(writer.take(), batch);
    }
  }
  return parts;
}

class BigEndianWriter {
  #pieces: Buffer[] = [];

  int16(value: number): void {
    const bytes = Buffer.allocUnsafe(2);
    bytes.writeInt16BE(value);
    this.#pieces.push(bytes);
  }

  int32(value: number): void {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeInt32BE(value);
    this.#pieces.push(bytes);
  }

  string(value: string): void {
    const bytes = Buffer.from(value);
    this.int16(bytes.length);
    this.#pieces.push(bytes);
  }

  /** What was written since the last call. */
  take(): Buffer {
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    return bytes;
  }
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
