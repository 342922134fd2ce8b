import { connect } from 'node:net';

/*
 * Metadata request, version 1, big-endian:
 *   i32 size, i16 api key 3, i16 version 1, i32 correlation id, i16 client id length -1 (null), i32 topic count 0
 * Response:
 *   i32 size, i32 correlation id, i32 broker count, then per broker: i32 id, string host, i32 port, nullable rack
 */
const METADATA_REQUEST = Buffer.from('000000 0e 0003 0001 00000001 ffff 00000000'.replaceAll(' ', ''), 'hex');

/** Offset of the broker count in the response. */
const BROKER_COUNT_AT = 8;

/** Milliseconds until an unanswered request counts as failed. */
const ANSWER_DEADLINE_MS = 2_000;

/**
 * Asks a broker for the cluster's metadata and resolves when it lists at least one live broker.
 *
 * A request of our own instead of a client: it has no retries that hide a broker that is not there.
 */
export function probeKafka(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let answer = Buffer.alloc(0);
    socket.setTimeout(ANSWER_DEADLINE_MS, () => socket.destroy(new Error('no answer to a metadata request')));
    socket.once('connect', () => socket.write(METADATA_REQUEST));
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < BROKER_COUNT_AT + 4 || answer.length < answer.readInt32BE(0) + 4) return;
      if (answer.readInt32BE(BROKER_COUNT_AT) > 0) resolve();
      else reject(new Error('the broker lists no live broker'));
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the broker closed the connection')));
  });
}
