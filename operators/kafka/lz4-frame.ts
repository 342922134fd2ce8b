import lz4 from 'lz4js';

/*
 * LZ4 frame, as Kafka's clients use it. Little-endian.
 *   0  u32  magic       0x184d2204
 *   4  u8   flags       bits 6-7 version 1, 5 independent blocks, 4 block checksums, 3 content size, 2 content checksum
 *   5  u8   block size  bits 4-6: 4 is 64 KiB, 5 is 256 KiB, 6 is 1 MiB, 7 is 4 MiB
 *      u64  content size, when flagged
 *      u8   header checksum
 *   per block: u32 bytes (top bit: not packed), block, u32 checksum when flagged
 *   u32 0, u32 content checksum when flagged
 * The package's own frames will not do: brokers refuse them (dependent blocks), and reading one allocates 4 MiB.
 */
const MAGIC = 0x184d_2204;
const VERSION_MASK = 0xc0;
const VERSION = 0x40;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const PLAIN_BLOCK = 0x8000_0000;
/** Magic, independent blocks of 64 KiB, checksum of the two bytes before: what the Java client writes. */
const HEADER = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
const BLOCK_BYTES = 64 * 1024;
const END_MARK = Buffer.alloc(4);

/** Where blocks are unpacked; grows, and is reused: unpacking is synchronous. */
let scratch = Buffer.allocUnsafeSlow(4 * BLOCK_BYTES);

/** @throws Error when the frame is damaged or larger than `byteCountMax`. */
export function decompressLz4(bytes: Buffer, byteCountMax: number): Buffer {
  const flags = bytes[4] ?? 0;
  if (bytes.length < 11 || bytes.readUInt32LE(0) !== MAGIC || (flags & VERSION_MASK) !== VERSION) {
    throw new Error('not an LZ4 frame');
  }
  const blockBytesMax = 1 << (8 + 2 * ((bytes[5]! >> 4) & 7));
  let at = (flags & CONTENT_SIZE) === 0 ? 7 : 15;
  let length = 0;
  for (;;) {
    const size = bytes.readUInt32LE(at);
    at += 4;
    if (size === 0) return Buffer.from(scratch.subarray(0, length));
    const blockBytes = size % PLAIN_BLOCK;
    if (at + blockBytes > bytes.length || length > byteCountMax) throw new Error('a block is cut off or too large');
    ensure(length, Math.max(blockBytesMax, blockBytes));
    if (size >= PLAIN_BLOCK) length += bytes.copy(scratch, length, at, at + blockBytes);
    else length = lz4.decompressBlock(bytes, scratch, at, blockBytes, length);
    at += blockBytes + ((flags & BLOCK_CHECKSUM) === 0 ? 0 : 4);
    if (length > scratch.length) throw new Error('a block is larger than its frame allows');
  }
}

export function compressLz4(bytes: Buffer): Buffer {
  const parts: Buffer[] = [HEADER];
  const hashes = new Uint32Array(65_536);
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = bytes.subarray(at, at + BLOCK_BYTES);
    const packed = Buffer.allocUnsafe(4 + lz4.compressBound(block.length));
    const packedBytes = lz4.compressBlock(block, packed.subarray(4), 0, block.length, hashes.fill(0));
    const isPacked = packedBytes > 0 && packedBytes < block.length;
    packed.writeUInt32LE(isPacked ? packedBytes : block.length + PLAIN_BLOCK, 0);
    parts.push(packed.subarray(0, 4 + (isPacked ? packedBytes : 0)));
    if (!isPacked) parts.push(block);
  }
  parts.push(END_MARK);
  return Buffer.concat(parts);
}

function ensure(used: number, byteCount: number): void {
  if (used + byteCount <= scratch.length) return;
  const grown = Buffer.allocUnsafeSlow(Math.max(used + byteCount, 2 * scratch.length));
  scratch.copy(grown, 0, 0, used);
  scratch = grown;
}
