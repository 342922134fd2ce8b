import type { PageFormat } from '../keyed/state-format.ts';

/*
 * State file, version 2. Little-endian. Pages are in the order of `PageRun`.
 *   header
 *      0  u32  magic "TMSF"     4  u16  version       6  u16  0
 *      8  u32  byte length of the description
 *     12  u32  CRC-32 of the description
 *     16       description: `StateFileHeader` as JSON, UTF-8
 *   blocks, each
 *      0  u32  byte length of the body     4  u32  CRC-32 of the body
 *      8       body: pages, each
 *                0  u16  key group     2  u16  key length     4  i32  hash of the key
 *                8  u32  page length, 0 for a tombstone
 *               12       key, page
 *   filter: see `HashFilter`
 *   footer, per block
 *      0  u32  offset of the block in the file     4  u32  byte length of its body
 *      8  u16  first key group     10  u16  last key group     12  u32  pages
 *     16  u32  hash of the first page's key
 *     20  f64  earliest event-time timer, Infinity: none     28  f64  earliest processing-time timer
 *   trailer
 *      0  u32  byte length of the filter     4  u32  CRC-32 of the filter
 *      8  u32  blocks     12  u32  CRC-32 of the footer     16  u32  version     20  u32  magic "TMSF"
 *
 * Version 1 has no filter and no first eight bytes of the trailer, and its footer stops at byte 16 of a block.
 */
export const STATE_FILE_MAGIC = 0x46534d54;
export const STATE_FILE_VERSION = 2;
export const HEADER_PREFIX_BYTES = 16;
export const BLOCK_HEADER_BYTES = 8;
export const FILE_ENTRY_HEADER_BYTES = 12;
/** By version. */
export const FOOTER_ENTRY_BYTES: readonly number[] = [0, 16, 36];
export const TRAILER_BYTES: readonly number[] = [0, 16, 24];

/** Body bytes after which a block is closed: what a look-up of one key reads. */
export const BLOCK_BYTES = 1 << 14;

export interface StateFileHeader {
  readonly operatorUid: string;
  readonly maxParallelism: number;
  readonly checkpointId: number;
  readonly kind: 'base' | 'delta';
  /** The first byte of a page is its place in this list. */
  readonly formats: readonly PageFormat[];
}
