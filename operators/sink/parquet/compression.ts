import { constants, zstdCompressSync } from 'node:zlib';
import { snappyCompress } from 'hyparquet-writer/src/snappy.js';
import { ZSTD_LEVEL } from './limits.ts';

/** `zstd` makes the smallest files; `snappy` is what the oldest readers know. */
export type ParquetCompression = 'zstd' | 'snappy' | 'none';

/** The codec's name in the file. */
export const CODEC_NAMES = { zstd: 'ZSTD', snappy: 'SNAPPY', none: 'UNCOMPRESSED' } as const;

const ZSTD_OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } };

/** Compresses a page. The result never shares memory with `page`. */
export function compressPage(page: Uint8Array, compression: ParquetCompression): Uint8Array {
  switch (compression) {
    case 'zstd':
      return zstdCompressSync(page, ZSTD_OPTIONS);
    case 'snappy':
      return snappyCompress(page);
    case 'none':
      return Uint8Array.from(page);
  }
}
