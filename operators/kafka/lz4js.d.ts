declare module 'lz4js' {
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
  /** Unpacks a block behind what `target` holds already; returns the new end. Writes past the end of `target` are lost. */
  export function decompressBlock(
    source: Uint8Array,
    target: Uint8Array,
    sourceStart: number,
    sourceLength: number,
    targetStart: number,
  ): number;
}
