declare module 'lz4js' {
  /** Unpacks one LZ4 frame. */
  export function decompress(bytes: Uint8Array): Uint8Array;
  /** Bytes that `compressBlock` needs for `byteCount` bytes at most. */
  export function compressBound(byteCount: number): number;
  /** Packs a block; returns its bytes, 0 when it cannot be packed. `hashes` has 65,536 zeros. */
  export function compressBlock(
    source: Uint8Array,
    target: Uint8Array,
    sourceStart: number,
    sourceLength: number,
    hashes: Uint32Array,
  ): number;
}
