/*
 * Keys of one operator in the shared store. Big-endian, so that they sort; hashes as unsigned.
 *   0  u16  operator
 *   2  u8   area
 *   area 0, pages:        3  u16 key group   5  u32 hash   9  key
 *   area 2, time index:   3  u8 index        4  what the index adds
 * Values of area 0: u8 flags, i32 epoch (little-endian), page.
 */
const AREA_PAGES = 0;
const AREA_TIMES = 2;
export const PAGE_PREFIX_BYTES = 9;
export const STORE_VALUE_HEADER_BYTES = 5;

/** Makes the keys and values of one operator's entries in the shared store. */
export class StoreAreas {
  readonly operatorId: number;

  constructor(operatorId: number) {
    this.operatorId = operatorId;
  }

  /** Bounds of everything of the operator. */
  all(): { readonly start: Uint8Array; readonly end: Uint8Array } {
    const start = Buffer.alloc(2);
    start.writeUInt16BE(this.operatorId, 0);
    const end = Buffer.alloc(3, 0xff);
    end.writeUInt16BE(this.operatorId, 0);
    return { start, end };
  }

  pageKey(keyGroup: number, hash: number, buffer: Buffer, offset: number, length: number): Uint8Array {
    const key = Buffer.allocUnsafe(PAGE_PREFIX_BYTES + length);
    this.fillPageKey(key, keyGroup, hash, buffer, offset, length);
    return key;
  }

  /** The same into memory of the right size. */
  fillPageKey(key: Buffer, keyGroup: number, hash: number, buffer: Buffer, offset: number, length: number): void {
    this.#prefix(key, AREA_PAGES);
    key.writeUInt16BE(keyGroup, 3);
    key.writeInt32BE(hash, 5);
    buffer.copy(key, PAGE_PREFIX_BYTES, offset, offset + length);
  }

  /** Bounds of the pages of key groups [start, end). */
  pagesOf(keyGroupStart: number, keyGroupEnd: number): { readonly start: Uint8Array; readonly end: Uint8Array } {
    return { start: this.#groupKey(keyGroupStart), end: this.#groupKey(keyGroupEnd) };
  }

  #groupKey(keyGroup: number): Uint8Array {
    const key = Buffer.alloc(5);
    this.#prefix(key, AREA_PAGES);
    key.writeUInt16BE(keyGroup, 3);
    return key;
  }

  timesKey(index: number, suffix: Uint8Array): Uint8Array {
    const key = Buffer.allocUnsafe(4 + suffix.length);
    this.#prefix(key, AREA_TIMES);
    key[3] = index;
    key.set(suffix, 4);
    return key;
  }

  #prefix(key: Buffer, area: number): void {
    key.writeUInt16BE(this.operatorId, 0);
    key[2] = area;
  }
}

/** Makes the value of an entry of area 0 in memory of the right size. */
export function fillStoreValue(value: Buffer, flags: number, epoch: number, page: Buffer, offset: number): void {
  value[0] = flags;
  value.writeInt32LE(epoch, 1);
  page.copy(value, STORE_VALUE_HEADER_BYTES, offset, offset + value.length - STORE_VALUE_HEADER_BYTES);
}

/** What the key of an entry of area 0 says. */
export function keyOfPageEntry(entryKey: Uint8Array): { readonly key: Buffer; readonly hash: number } {
  const bytes = Buffer.from(entryKey.buffer, entryKey.byteOffset, entryKey.byteLength);
  return { key: bytes.subarray(PAGE_PREFIX_BYTES), hash: bytes.readInt32BE(5) };
}
