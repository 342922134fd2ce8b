import type { Page } from './page.ts';

/** Which content of a page a part belongs to. */
export interface PartPlace {
  /** Slot of the state. */
  readonly stateIndex: number;
  /** Tells the large contents of one page apart. */
  readonly contentId: number;
}

/** Where large contents keep their parts: pages of their own, next to the page of their key in every tier. */
export interface PartStore {
  /** Heap bytes that the loaded parts of one content may take. */
  readonly loadedBytesMax: number;
  /** A part's content (a list's elements, a map's entries), fetched with a blocking read when it has to be; undefined when empty. */
  read(page: Page, place: PartPlace, part: number): unknown;
  /** The same for parts [0, count), in order, with one read. */
  readAll(page: Page, place: PartPlace, count: number): unknown[];
  /** Replaces a part; undefined removes it. */
  write(page: Page, place: PartPlace, part: number, content: unknown): void;
  /** Heap bytes were added to a page. */
  addBytes(page: Page, bytes: number): void;
}

/** A content too large for its page. */
export interface LargeContent {
  readonly contentId: number;
  /** Writes what has changed to parts, so that the directory in the page can be encoded. */
  flush(): void;
  /** Removes all parts: the content is cleared or replaced. */
  dispose(): void;
}
