import { ExternalError } from '../../../engine/base/errors.ts';

/** Events of a block; the last one has the rest. */
export const BLOCK_EVENTS = 1000;

/** Where the blocks of an event file lie. */
export interface BlockIndex {
  readonly eventCount: number;
  /** Start of each block, and behind them the size of the file. */
  readonly offsets: Float64Array;
}

/** Name of the index of an event file. */
export function indexPathOf(path: string): string {
  return `${path}.idx`;
}

/**
 * Little-endian 64-bit integers: the number of events, the offset of every 1000th event, the size of the file.
 *
 * @throws ExternalError RECORD when the bytes are no such index.
 */
export function parseBlockIndex(path: string, bytes: Uint8Array): BlockIndex {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.length / 8;
  const read = (index: number): number => Number(view.getBigInt64(index * 8, true));
  const eventCount = count >= 2 && Number.isInteger(count) ? read(0) : -1;
  const blockCount = Math.ceil(eventCount / BLOCK_EVENTS);
  if (eventCount < 0 || count !== blockCount + 2) {
    throw new ExternalError('RECORD', `${path}: expected an index of blocks of ${BLOCK_EVENTS} events`, {
      retryable: false,
      hint: 'It is written beside the events: generate both again.',
    });
  }
  return { eventCount, offsets: Float64Array.from({ length: blockCount + 1 }, (_, i) => read(i + 1)) };
}

/** What `parseBlockIndex` reads. */
export function encodeBlockIndex({ eventCount, offsets }: BlockIndex): Uint8Array {
  const bytes = new Uint8Array((offsets.length + 1) * 8);
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, BigInt(eventCount), true);
  offsets.forEach((offset, i) => view.setBigInt64((i + 1) * 8, BigInt(offset), true));
  return bytes;
}
