import type { PageFormat } from '../keyed/state-format.ts';

/*
 * State file, version 1. Little-endian. Pages are in the order of `PageRun`.
 *   header
 *      0  u32  magic "TMSF"     4  u16  version 1     6  u16  0
 *      8  u32  byte length of the description
 *     12  u32  CRC-32 of the description
 *     16       description: `StateFileHeader` as JSON, UTF-8
 *   blocks, each
 *      0  u32  byte length of the body     4  u32  CRC-32 of the body
 *      8       body: pages, each
 *                0  u16  key group     2  u16  key length     4  i32  hash of the key
 *                8  u32  page length, 0 for a tombstone
 *               12       key, page
 *   footer, per block
 *      0  u32  offset of the block in the file     4  u32  byte length of its body
 *      8  u16  first key group     10  u16  last key group     12  u32  pages
 *   trailer
 *      0  u32  blocks     4  u32  CRC-32 of the footer     8  u32  version 1     12  u32  magic "TMSF"
 */
export const STATE_FILE_MAGIC = 0x46534d54;
export const STATE_FILE_VERSION = 1;
export const HEADER_PREFIX_BYTES = 16;
export const BLOCK_HEADER_BYTES = 8;
export const FILE_ENTRY_HEADER_BYTES = 12;
export const FOOTER_ENTRY_BYTES = 16;
export const TRAILER_BYTES = 16;

/** Body bytes after which a block is closed. */
export const BLOCK_BYTES = 1 << 16;

export interface StateFileHeader {
  readonly operatorUid: string;
  readonly maxParallelism: number;
  readonly checkpointId: number;
  readonly kind: 'base' | 'delta';
  /** The first byte of a page is its place in this list. */
  readonly formats: readonly PageFormat[];
}
