import { ByteReader } from '../../engine/base/bytes.ts';
import { InternalError } from '../../engine/base/errors.ts';
import { KeyImage } from './key-image.ts';
import type { PartPlace, PartStore } from './large-contents.ts';
import { NamespaceMap } from './namespace-map.ts';
import type { PageCodec } from './page-codec.ts';
import { writePartKey } from './page-parts.ts';
import { Page } from './page.ts';

/** Parts of large contents as a key group of state files holds them. For reading only. */
export class StoredParts implements PartStore {
  readonly loadedBytesMax: number = Infinity;
  readonly #codec: () => PageCodec;
  readonly #image: KeyImage = new KeyImage();
  /** Of the key group that is read. */
  parts: ReadonlyMap<string, Buffer> = new Map();

  /** @param codec by which pages are read; asked for late, as it is made of this. */
  constructor(codec: () => PageCodec) {
    this.#codec = codec;
  }

  read(page: Page, place: PartPlace, part: number): unknown {
    this.#image.set(page.key);
    const bytes = this.parts.get(writePartKey(place.contentId, part, this.#image).toString('latin1'));
    if (bytes === undefined) return undefined;
    const codec = this.#codec();
    const partPage = new Page(codec.codecs.map(() => undefined));
    codec.read(new ByteReader(bytes), partPage);
    const slot = partPage.slots[place.stateIndex];
    return slot instanceof NamespaceMap ? slot.get(0) : slot;
  }

  readAll(page: Page, place: PartPlace, count: number): unknown[] {
    return Array.from({ length: count }, (_, part) => this.read(page, place, part));
  }

  write(): void {
    throw new InternalError('stored parts are read only');
  }

  addBytes(): void {}
}
