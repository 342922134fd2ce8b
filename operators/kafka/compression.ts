import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import snappy from 'snappyjs';
import { ExternalError } from '../../engine/base/errors.ts';
import { compressLz4, decompressLz4 } from './lz4-frame.ts';

/** How the records of a batch are compressed. */
export type KafkaCompression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** Position = the code in the lowest three bits of a batch's attributes. */
export const COMPRESSION_NAMES: readonly KafkaCompression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** Bytes of the largest batch that is unpacked: a guard against a small batch that unpacks without end. */
const UNPACKED_BYTES_MAX = 256 * 1024 * 1024;

/** Snappy data of Java clients is cut into blocks behind this header, a version and a compatible version (4 bytes each). */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

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
        return decompressLz4(bytes, UNPACKED_BYTES_MAX);
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

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
