import { crc32, deflateRawSync, inflateRawSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import snappy from 'snappyjs';
import { DecodeError } from '../decode-error.ts';

/** How the blocks of an Avro container are compressed. */
export type ContainerCodec = 'null' | 'deflate' | 'snappy' | 'zstandard';

const CODECS: readonly string[] = ['null', 'deflate', 'snappy', 'zstandard'];

/** A guard against a small block that unpacks without end. */
const UNPACKED_BYTES_MAX = 256 * 1024 * 1024;
const SNAPPY_CHECKSUM_BYTES = 4;

export function isContainerCodec(name: string): name is ContainerCodec {
  return CODECS.includes(name);
}

/** @throws DecodeError when the bytes are not what the codec makes. */
export function unpackBlock(codec: ContainerCodec, bytes: Buffer): Buffer {
  try {
    switch (codec) {
      case 'null':
        return bytes;
      case 'deflate':
        return inflateRawSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX });
      case 'zstandard':
        return zstdDecompressSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX });
      case 'snappy':
        return unpackSnappy(bytes);
    }
  } catch (cause) {
    throw new DecodeError(`avro block: cannot be unpacked (${codec}): ${(cause as Error).message}`, {
      reason: 'PARSE',
      cause,
    });
  }
}

export function packBlock(codec: ContainerCodec, bytes: Buffer): Buffer {
  switch (codec) {
    case 'null':
      return bytes;
    case 'deflate':
      return deflateRawSync(bytes);
    case 'zstandard':
      return zstdCompressSync(bytes);
    case 'snappy': {
      const checksum = Buffer.alloc(SNAPPY_CHECKSUM_BYTES);
      checksum.writeUInt32BE(crc32(bytes));
      return Buffer.concat([snappy.compress(bytes), checksum]);
    }
  }
}

/** Behind the packed bytes stands the big-endian CRC-32 of the unpacked ones. */
function unpackSnappy(bytes: Buffer): Buffer {
  const packed = bytes.subarray(0, bytes.length - SNAPPY_CHECKSUM_BYTES);
  const unpacked = Buffer.from(snappy.uncompress(packed, UNPACKED_BYTES_MAX));
  const expected = bytes.readUInt32BE(packed.length);
  const found = crc32(unpacked);
  if (found !== expected) throw new Error(`expected the checksum ${expected}, found ${found}`);
  return unpacked;
}
