import type { EncodedTier } from './encoded-tier.ts';
import { hashOfBytes, readKey } from './key-image.ts';
import type { Key } from './key.ts';
import type { PageCodec } from './page-codec.ts';
import { Page, PENDING_KEY } from './page.ts';

/**
 * The page of a key whose timer fires, used without being taken into the decoded tier: most of these pages are not used
 * again. Its key is made only when it is asked for.
 */
export class PassingPage {
  readonly #encoded: EncodedTier;
  readonly #codec: PageCodec;
  #page: Page | undefined = undefined;
  #isOpen = false;
  #buffer: Buffer = Buffer.alloc(0);
  #offset = 0;
  #length = 0;
  #keyGroup = 0;

  constructor(encoded: EncodedTier, codec: PageCodec) {
    this.#encoded = encoded;
    this.#codec = codec;
  }

  /** The page opened last. */
  get page(): Page {
    return this.#page!;
  }

  /**
   * Opens the page of a key, given by its bytes, which must stay as they are until `close`.
   *
   * @returns undefined when the page is decoded, or has no encoded form in memory: it is found through its key then.
   */
  open(buffer: Buffer, offset: number, length: number): Page | undefined {
    const encoded = this.#encoded;
    const hash = hashOfBytes(buffer, offset, length);
    const ref = encoded.findBytes(buffer, offset, length, hash);
    if (ref === 0 || encoded.isDecoded(ref)) return undefined;
    this.#page ??= new Page(this.#codec.codecs.map(() => undefined));
    const page = this.#page;
    page.reset();
    page.hash = hash;
    page.key = PENDING_KEY;
    this.#isOpen = true;
    this.#buffer = buffer;
    this.#offset = offset;
    this.#length = length;
    this.#keyGroup = encoded.keyGroupOf(ref);
    encoded.read(ref, page, false);
    return page;
  }

  /** Whether this is it. */
  is(page: Page): boolean {
    return page === this.#page;
  }

  /** Whether it is the page of this key. */
  isOf(hash: number, key: Key): boolean {
    return this.#isOpen && this.#page!.hash === hash && this.keyOf(this.#page!) === key;
  }

  /** Any page's key, made now if it is this one's. */
  keyOf(page: Page): Key {
    if (page.key === PENDING_KEY) page.key = readKey(this.#buffer, this.#offset, this.#length);
    return page.key;
  }

  /** Writes its new form. */
  write(): void {
    this.#encoded.writeBytes(this.#page!, this.#buffer, this.#offset, this.#length, this.#keyGroup);
  }

  close(): void {
    this.#isOpen = false;
  }
}
