import type { PageStore } from '../store/page-store.ts';
import type { EncodedTier } from './encoded-tier.ts';
import { hashOfBytes, KeyImage, readKey, TAG_PART } from './key-image.ts';
import type { Key } from './key.ts';
import type { PartPlace, PartStore } from './large-contents.ts';
import { NamespaceMap } from './namespace-map.ts';
import type { PageCodec } from './page-codec.ts';
import { Page, type PageCursor } from './page.ts';
import { ENTRY_IN_CHECKPOINT, ENTRY_STORE_CURRENT } from './segment.ts';
import { STORE_VALUE_HEADER_BYTES, type StoreAreas } from './store-areas.ts';

/*
 * Key of a part: u8 tag 9, u32 content id, u32 part (little-endian), key of the page.
 */
const PART_HEADER_BYTES = 9;
/** Bytes of parts written after which the encoded tier is brought back into its budget. */
const SHRINK_BYTES = 1 << 20;

/** Bytes of the key of a part, as a buffer of its own. */
export function writePartKey(contentId: number, part: number, image: KeyImage): Buffer {
  const key = Buffer.allocUnsafe(PART_HEADER_BYTES + image.length);
  fillPartKey(key, contentId, part, image);
  return key;
}

function fillPartKey(key: Buffer, contentId: number, part: number, image: KeyImage): void {
  key[0] = TAG_PART;
  key.writeUInt32LE(contentId, 1);
  key.writeUInt32LE(part, 5);
  image.buffer.copy(key, PART_HEADER_BYTES, 0, image.length);
}

/** The key of the page that a part belongs to, from the part's key bytes. */
export function readPartOwner(buffer: Buffer, offset: number, length: number): Key {
  return readKey(buffer, offset + PART_HEADER_BYTES, length - PART_HEADER_BYTES);
}

export interface PagePartsOptions {
  readonly encoded: EncodedTier;
  readonly codec: PageCodec;
  readonly cursor: PageCursor;
  readonly areas: StoreAreas;
  readonly store: PageStore;
  readonly maxParallelism: number;
  readonly loadedBytesMax: number;
  readonly keyOf: (page: Page) => Key;
  readonly shrink: () => void;
}

/**
 * Parts of large contents, kept as ordinary encoded pages under keys of their own, in the key group of their page: so they
 * are spilled, written to deltas, restored and folded like all others.
 */
export class PageParts implements PartStore {
  readonly loadedBytesMax: number;
  readonly #options: PagePartsOptions;
  readonly #image: KeyImage = new KeyImage();
  #key: Buffer = Buffer.allocUnsafeSlow(256);
  #keyLength = 0;
  #keyGroup = 0;
  #hash = 0;
  /** A page whose only slot is the part. */
  #page: Page | undefined = undefined;
  #writtenBytes = 0;

  constructor(options: PagePartsOptions) {
    this.#options = options;
    this.loadedBytesMax = options.loadedBytesMax;
  }

  read(page: Page, place: PartPlace, part: number): unknown {
    const ref = this.#find(page, place, part);
    if (ref !== 0) return this.#decode(ref, place);
    if (!this.#options.encoded.mayBeSpilled(this.#hash)) return undefined;
    const [value] = this.#options.store.getManyBlocking([this.#storeKey()]);
    return value === undefined ? undefined : this.#take(value, place);
  }

  readAll(page: Page, place: PartPlace, count: number): unknown[] {
    const contents: unknown[] = [];
    const missing: number[] = [];
    const keys: Uint8Array[] = [];
    for (let part = 0; part < count; part++) {
      const ref = this.#find(page, place, part);
      contents.push(ref === 0 ? undefined : this.#decode(ref, place));
      if (ref !== 0 || !this.#options.encoded.mayBeSpilled(this.#hash)) continue;
      missing.push(part);
      keys.push(this.#storeKey());
    }
    if (keys.length === 0) return contents;
    this.#options.store.getManyBlocking(keys).forEach((value, i) => {
      this.#point(page, place, missing[i]!);
      if (value !== undefined) contents[missing[i]!] = this.#take(value, place);
    });
    return contents;
  }

  write(page: Page, place: PartPlace, part: number, content: unknown): void {
    this.#point(page, place, part);
    const partPage = this.#open();
    partPage.slots[place.stateIndex] = content === undefined ? undefined : this.#wrap(place, content);
    const { encoded } = this.#options;
    this.#writtenBytes += encoded.writeBytes(partPage, this.#key, 0, this.#keyLength, this.#keyGroup);
    partPage.reset();
    if (this.#writtenBytes < SHRINK_BYTES) return;
    this.#writtenBytes = 0;
    this.#options.shrink();
  }

  addBytes(page: Page, bytes: number): void {
    page.byteEstimate += bytes;
    this.#options.cursor.addedBytes += bytes;
  }

  #find(page: Page, place: PartPlace, part: number): number {
    this.#point(page, place, part);
    return this.#options.encoded.findBytes(this.#key, 0, this.#keyLength, this.#hash);
  }

  /** Makes the key of a part. */
  #point(page: Page, place: PartPlace, part: number): void {
    const image = this.#image;
    image.set(this.#options.keyOf(page));
    this.#keyGroup = image.groupHash % this.#options.maxParallelism;
    this.#keyLength = PART_HEADER_BYTES + image.length;
    if (this.#keyLength > this.#key.length) this.#key = Buffer.allocUnsafeSlow(this.#keyLength * 2);
    fillPartKey(this.#key, place.contentId, part, image);
    this.#hash = hashOfBytes(this.#key, 0, this.#keyLength);
  }

  #storeKey(): Uint8Array {
    return this.#options.areas.pageKey(this.#keyGroup, this.#hash, this.#key, 0, this.#keyLength);
  }

  /** Takes a part that came from the store into the encoded tier. */
  #take(value: Uint8Array, place: PartPlace): unknown {
    const { encoded } = this.#options;
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    encoded.image.setBytes(this.#key, 0, this.#keyLength, this.#hash);
    const flags = ENTRY_STORE_CURRENT | (bytes[0]! & ENTRY_IN_CHECKPOINT);
    const length = bytes.length - STORE_VALUE_HEADER_BYTES;
    const epoch = bytes.readInt32LE(1);
    return this.#decode(encoded.add(this.#keyGroup, bytes, STORE_VALUE_HEADER_BYTES, length, flags, epoch), place);
  }

  #decode(ref: number, place: PartPlace): unknown {
    const partPage = this.#open();
    this.#options.encoded.read(ref, partPage, false);
    const slot = partPage.slots[place.stateIndex];
    partPage.reset();
    return slot instanceof NamespaceMap ? slot.get(0) : slot;
  }

  #open(): Page {
    this.#page ??= new Page(this.#options.codec.codecs.map(() => undefined));
    this.#page.hash = this.#hash;
    return this.#page;
  }

  #wrap(place: PartPlace, content: unknown): unknown {
    if (this.#options.codec.descriptors[place.stateIndex]!.isNamespaced !== true) return content;
    const map = new NamespaceMap();
    map.set(0, content);
    return map;
  }
}
