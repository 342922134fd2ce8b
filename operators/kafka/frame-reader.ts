import * as net from 'node:net';
import * as tls from 'node:tls';
import { ExternalError } from '../../engine/base/errors.ts';
import type { KafkajsConnection, KafkajsConnectionPool } from 'kafkajs/src/network/connectionPool.js';

/** Bytes that a connection reads at once. */
const READ_BYTES = 256 * 1024;
const SIZE_BYTES = 4;
/** Bytes of an answer at most: what is larger is taken for another protocol. */
const FRAME_BYTES_MAX = 200 * 1024 * 1024;
const KEEP_ALIVE_MS = 60_000;

/**
 * Cuts a stream of bytes into answers: a size (i32, big-endian), then as many bytes.
 *
 * Hot: bytes are copied once, into a buffer of the answer's size, while they are warm; kafkajs keeps every chunk and
 * concatenates them (test/bench/kafka-consume.bench.ts: 0.5 against 0.7 us CPU per record of 300 bytes).
 */
export class FrameReader {
  readonly #onFrame: (frame: Buffer) => void;
  readonly #size = Buffer.alloc(SIZE_BYTES);
  #sizeBytes = 0;
  #frame: Buffer | undefined;
  #filled = 0;

  constructor(onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /**
   * Takes the next bytes; they may be overwritten after the call.
   *
   * @throws ExternalError CONNECTION when this is not Kafka's protocol.
   */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#frame === undefined) {
        this.#size[this.#sizeBytes++] = chunk[at++]!;
        if (this.#sizeBytes < SIZE_BYTES) continue;
        const frameBytes = this.#size.readInt32BE(0);
        if (frameBytes < 4 || frameBytes > FRAME_BYTES_MAX) {
          throw new ExternalError(
            'CONNECTION',
            `an answer of ${frameBytes} bytes is none of Kafka's: is this a TLS port?`,
          );
        }
        this.#frame = Buffer.allocUnsafe(frameBytes);
        this.#filled = 0;
      }
      const copied = chunk.copy(this.#frame, this.#filled, at);
      at += copied;
      this.#filled += copied;
      if (this.#filled < this.#frame.length) continue;
      const frame = this.#frame;
      this.#frame = undefined;
      this.#sizeBytes = 0;
      this.#onFrame(frame);
    }
  }
}

/** Makes sockets for kafkajs that read into one buffer again and again; what they emit must be copied at once. */
export function createSocketFactory(): unknown {
  return ({ host, port, ssl, onConnect }: SocketOptions): net.Socket => {
    if (ssl !== undefined && ssl !== null && ssl !== false) {
      const servername = net.isIP(host) === 0 ? { servername: host } : {};
      const secured = tls.connect({ host, port, ...servername, ...(ssl === true ? {} : (ssl as object)) }, onConnect);
      return secured.setKeepAlive(true, KEEP_ALIVE_MS);
    }
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    const callback = (byteCount: number, bytes: Uint8Array): boolean => {
      socket.emit('data', Buffer.from(bytes.buffer, bytes.byteOffset, byteCount));
      return true;
    };
    const socket: net.Socket = net.connect({ host, port, onread: { buffer, callback } }, onConnect);
    return socket.setKeepAlive(true, KEEP_ALIVE_MS);
  };
}

interface SocketOptions {
  readonly host: string;
  readonly port: number;
  readonly ssl: unknown;
  readonly onConnect: () => void;
}

/** Lets the connections of a pool read answers by a `FrameReader`. While logging in kafkajs reads them itself. */
export function installFrameReaders(pool: KafkajsConnectionPool): void {
  for (const connection of pool.pool) installFrameReader(connection);
}

function installFrameReader(connection: KafkajsConnection): void {
  const readByItself = connection.processData.bind(connection);
  const reader = new FrameReader((frame) => {
    const correlationId = frame.readInt32BE(0);
    connection.requestQueue.fulfillRequest({ size: frame.length, correlationId, payload: frame.subarray(4) });
  });
  connection.processData = (chunk) => {
    if (connection.authHandlers !== null) return readByItself(Buffer.from(chunk));
    try {
      reader.push(chunk);
    } catch (error) {
      connection.socket?.destroy(error as Error);
    }
  };
}
