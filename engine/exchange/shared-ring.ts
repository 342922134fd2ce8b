import { assert } from '../base/assert.ts';

/*
 * A ring of bytes in shared memory: one thread writes, one reads.
 *   0    i32  write position: bytes written, modulo 2^32. Owned by the writer.
 *   4    i32  1: the writer waits for room, and wants to be woken. The reader takes it back to 0.
 * 128    i32  read position: bytes released, modulo 2^32. Owned by the reader.
 * 132    i32  a count of the reader's own, modulo 2^32 (see `RingReader.count`).
 * 256         data; its length is a power of two
 *
 * The data are frames, aligned to 8 bytes, none of which runs over the end:
 *   0    u32  payload bytes; bit 31: more of the message follows in the next frame; bit 30: a gap up to the end of the ring
 *   4         unused
 *   8         payload
 *
 * A position is published with a sequentially consistent store after the bytes before it are written, so whoever has
 * loaded it sees them. Positions of different owners lie 128 bytes apart, so that the threads do not fight over a line.
 */
export const WRITE_POSITION = 0;
export const WANTS_ROOM = 1;
export const READ_POSITION = 32;
export const READ_COUNT = 33;
export const RING_HEADER_BYTES = 256;
export const FRAME_HEADER_BYTES = 8;
export const FRAME_MORE = 1 << 31;
export const FRAME_GAP = 1 << 30;
export const FRAME_LENGTH = (1 << 30) - 1;

const RING_BYTES_MIN = 256;
const RING_BYTES_MAX = 2 ** 29;

/** What both ends are made from; can be sent to another thread. */
export interface SharedRing {
  readonly memory: SharedArrayBuffer;
}

/** A new, empty ring. @param dataBytes a power of two in [256, 2^29]. */
export function createSharedRing(dataBytes: number): SharedRing {
  assert(
    dataBytes >= RING_BYTES_MIN && dataBytes <= RING_BYTES_MAX && (dataBytes & (dataBytes - 1)) === 0,
    () => `expected a power of two in [${RING_BYTES_MIN}, ${RING_BYTES_MAX}], found ${dataBytes}`,
  );
  return { memory: new SharedArrayBuffer(RING_HEADER_BYTES + dataBytes) };
}

/** Bytes of a frame with so much payload. */
export function frameBytes(payloadBytes: number): number {
  return (FRAME_HEADER_BYTES + payloadBytes + 7) & ~7;
}
