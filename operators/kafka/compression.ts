import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import lz4 from 'lz4js';
import snappy from 'snappyjs';
import { ExternalError } from '../../engine/base/errors.ts';

/** How the records of a batch are compressed. */
export type KafkaCompression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** Position = the code in the lowest three bits of a batch's attributes. */
export const COMPRESSION_NAMES: readonly KafkaCompression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** Bytes of the largest batch that is unpacked: a guard against a small batch that unpacks without end. */
const UNPACKED_BYTES_MAX = 256 * 1024 * 1024;

/** Snappy data of Java clients is cut into blocks behind this header, a version and a compatible version (4 bytes each). */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

/** Magic, flags (version 1, independent blocks), block size (4 MiB), checksum of the two. */
const LZ4_FRAME_HEADER = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73]);
const LZ4_BLOCK_BYTES_MAX = 4 * 1024 * 1024;
const LZ4_PLAIN_BLOCK = 0x8000_0000;
const LZ4_END_MARK = Buffer.alloc(4);
const LZ4_HASH_COUNT = 65_536;

/** Unpacks the records of a batch. Synchronous: called while records are handed out. */
export function decompress(code: number, bytes: Buffer): Buffer {
  const name = COMPRESSION_NAMES[code];
  try {
    switch (name) {
      case 'none':
        return bytes;
      case 'gzip':
        return gunzipSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX });
      case 'zstd':
        return zstdDecompressSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX });
      case 'snappy':
        return decompressSnappy(bytes);
      case 'lz4':
        return asBuffer(lz4.decompress(bytes));
      default:
        throw new Error(`unknown compression code ${code}`);
    }
  } catch (error) {
    throw new ExternalError(
      'RECORD',
      `a record batch cannot be unpacked (${name ?? code}): ${(error as Error).message}`,
      {
        cause: error,
        retryable: false,
      },
    );
  }
}

/** Packs the records of a batch. */
export function compress(compression: KafkaCompression, bytes: Buffer): Buffer {
  switch (compression) {
    case 'none':
      return bytes;
    case 'gzip':
      return gzipSync(bytes, { level: 1 });
    case 'zstd':
      return zstdCompressSync(bytes);
    case 'snappy':
      return asBuffer(snappy.compress(bytes));
    case 'lz4':
      return compressLz4(bytes);
  }
}

function decompressSnappy(bytes: Buffer): Buffer {
  if (bytes.length < XERIAL_HEADER_BYTES || !bytes.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) {
    return asBuffer(snappy.uncompress(bytes, UNPACKED_BYTES_MAX));
  }
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER_BYTES; at + 4 <= bytes.length;) {
    const blockBytes = bytes.readUInt32BE(at);
    blocks.push(asBuffer(snappy.uncompress(bytes.subarray(at + 4, at + 4 + blockBytes), UNPACKED_BYTES_MAX)));
    at += 4 + blockBytes;
  }
  return Buffer.concat(blocks);
}

/** One frame of independent blocks: brokers refuse the dependent ones that lz4js' own frames have. */
function compressLz4(bytes: Buffer): Buffer {
  const parts: Buffer[] = [LZ4_FRAME_HEADER];
  const hashes = new Uint32Array(LZ4_HASH_COUNT);
  for (let at = 0; at < bytes.length; at += LZ4_BLOCK_BYTES_MAX) {
    const block = bytes.subarray(at, at + LZ4_BLOCK_BYTES_MAX);
    const packed = Buffer.allocUnsafe(4 + lz4.compressBound(block.length));
    const packedBytes = lz4.compressBlock(block, packed.subarray(4), 0, block.length, hashes.fill(0));
    const isPacked = packedBytes > 0 && packedBytes < block.length;
    packed.writeUInt32LE(isPacked ? packedBytes : (block.length | LZ4_PLAIN_BLOCK) >>> 0, 0);
    parts.push(isPacked ? packed.subarray(0, 4 + packedBytes) : packed.subarray(0, 4));
    if (!isPacked) parts.push(block);
  }
  parts.push(LZ4_END_MARK);
  return Buffer.concat(parts);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
