/** Smallest and largest of byte strings, in unsigned lexicographic order: the order of UTF-8 text by code points. */
export class ByteRange {
  #min: Uint8Array | undefined;
  #max: Uint8Array | undefined;

  /** Looks at values as PLAIN has them: a u32 length before each, in [0, end) of `buffer`. */
  addAll(buffer: Buffer, view: DataView, end: number): void {
    let minAt = -1;
    let maxAt = -1;
    let min = this.#min;
    let max = this.#max;
    for (let at = 0; at < end;) {
      const byteCount = view.getUint32(at, true);
      if (min === undefined || compare(buffer, at + 4, byteCount, min) < 0) {
        min = buffer.subarray(at + 4, at + 4 + byteCount);
        minAt = at;
      }
      if (max === undefined || compare(buffer, at + 4, byteCount, max) > 0) {
        max = buffer.subarray(at + 4, at + 4 + byteCount);
        maxAt = at;
      }
      at += 4 + byteCount;
    }
    // Copies: the buffer will be used again.
    if (minAt >= 0) this.#min = Uint8Array.from(min!);
    if (maxAt >= 0) this.#max = Uint8Array.from(max!);
  }

  range(): { readonly min: Uint8Array; readonly max: Uint8Array } | undefined {
    return this.#min === undefined ? undefined : { min: this.#min, max: this.#max! };
  }

  reset(): void {
    this.#min = undefined;
    this.#max = undefined;
  }
}

function compare(buffer: Buffer, offset: number, byteCount: number, other: Uint8Array): number {
  const shared = Math.min(byteCount, other.length);
  for (let i = 0; i < shared; i++) {
    const difference = buffer[offset + i]! - other[i]!;
    if (difference !== 0) return difference;
  }
  return byteCount - other.length;
}
