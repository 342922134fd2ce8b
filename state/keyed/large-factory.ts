import { InternalError } from '../../engine/base/errors.ts';
import type { LargeContent, PartStore } from './large-contents.ts';
import { LargeList, type LargeListDirectory } from './large-list.ts';
import { LargeMap, type LargeMapDirectory } from './large-map.ts';
import { NamespaceMap } from './namespace-map.ts';
import { NO_PAGE, type Page, type PageCursor } from './page.ts';

/** Encoded bytes from which a list or map is split off its page, unless told otherwise. */
const SPLIT_BYTES = 64 << 10;
/** Encoded bytes of a part: so many fit into what is split. */
const PARTS_PER_SPLIT = 4;
/** Elements below which nothing is ever split, however large they are. */
const SPLIT_COUNT_MIN = 4;
/** Running averages weigh the last page so much. */
const AVERAGE_WEIGHT = 1 / 16;

/** What the large contents of a backend share. */
export class LargeContext {
  readonly cursor: PageCursor;
  readonly splitBytes: number;
  /** Set when the tiers are there. */
  parts: PartStore = NO_PARTS;
  /** The page that is being decoded. */
  page: Page = NO_PAGE;

  constructor(cursor: PageCursor, splitBytes: number = SPLIT_BYTES) {
    this.cursor = cursor;
    this.splitBytes = splitBytes;
  }
}

/** When contents of one list or map state are split off, and how finely. Learns from what is encoded. */
export class LargeFactory {
  readonly #context: LargeContext;
  readonly #stateIndex: number;
  /** Encoded bytes of an element or entry. */
  #averageBytes = 32;

  constructor(context: LargeContext, stateIndex: number) {
    this.#context = context;
    this.#stateIndex = stateIndex;
  }

  /** So many elements were encoded in so many bytes. */
  learn(count: number, bytes: number): void {
    if (count > 0) this.#averageBytes += (bytes / count - this.#averageBytes) * AVERAGE_WEIGHT;
  }

  isTooLarge(count: number): boolean {
    return count >= SPLIT_COUNT_MIN && count * this.#averageBytes > this.#context.splitBytes;
  }

  /** Elements or entries of a part. */
  get partLength(): number {
    return Math.max(2, Math.ceil(this.#context.splitBytes / PARTS_PER_SPLIT / this.#averageBytes));
  }

  /** Heap bytes that one more element adds, as far as known; an integer. */
  get elementHeapBytes(): number {
    return 32 + Math.ceil(4 * this.#averageBytes);
  }

  /** Splits a list of the current page off it. */
  list(elements: readonly unknown[]): LargeList {
    const { page } = this.#context.cursor;
    const directory = { contentId: nextContentId(page), segmentCounts: [], tail: [] };
    const list = new LargeList(page, this.#context.parts, this.#stateIndex, directory);
    for (const element of elements) list.push(element, this.partLength);
    return list;
  }

  /** Splits a map of the current page off it. */
  map(entries: ReadonlyMap<unknown, unknown>): LargeMap {
    const { page } = this.#context.cursor;
    const bucketCount = Math.ceil(entries.size / this.partLength);
    const directory = { contentId: nextContentId(page), bucketCount, size: 0 };
    const map = new LargeMap(page, this.#context.parts, this.#stateIndex, directory);
    for (const [key, value] of entries) map.set(key, value);
    return map;
  }

  /** A list of the page that is being decoded. */
  openList(directory: LargeListDirectory): LargeList {
    return new LargeList(this.#context.page, this.#context.parts, this.#stateIndex, directory);
  }

  openMap(directory: LargeMapDirectory): LargeMap {
    return new LargeMap(this.#context.page, this.#context.parts, this.#stateIndex, directory);
  }
}

const NO_PARTS: PartStore = {
  loadedBytesMax: 0,
  read: () => undefined,
  readAll: () => [],
  write: () => {
    throw new InternalError('large contents have no store');
  },
  addBytes: () => {},
};

export function isLarge(content: unknown): content is LargeContent {
  return content instanceof LargeMap || content instanceof LargeList;
}

/** Removes the parts of a content that is about to be replaced, if it has any. */
export function disposeContent(content: unknown): void {
  if (isLarge(content)) content.dispose();
}

/** Calls `visit` for the large contents of a page. */
export function forEachLarge(page: Page, visit: (content: LargeContent) => void): void {
  for (const slot of page.slots) {
    if (isLarge(slot)) {
      visit(slot);
    } else if (slot instanceof NamespaceMap) {
      for (let i = 0; i < slot.size; i++) {
        const content = slot.contentAt(i);
        if (isLarge(content)) visit(content);
      }
    }
  }
}

function nextContentId(page: Page): number {
  let last = 0;
  forEachLarge(page, ({ contentId }) => {
    last = Math.max(last, contentId);
  });
  return last + 1;
}
