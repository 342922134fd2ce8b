import { readKey, TAG_PART } from './key-image.ts';
import type { Key } from './key.ts';
import type { PageRun } from '../snapshot/page-run.ts';

/** A page as it is stored, with its key. */
export interface StoredPage {
  readonly key: Key;
  readonly bytes: Buffer;
}

/** All pages of one key group. */
export interface StoredKeyGroup {
  readonly keyGroup: number;
  readonly pages: readonly StoredPage[];
  /** Parts of large contents, by `latin1` text of their key bytes. */
  readonly parts: ReadonlyMap<string, Buffer>;
}

/** Reads a run key group by key group; only one is in memory. The first byte of a page is its format in the run's numbers. */
export async function* readKeyGroups(run: PageRun): AsyncGenerator<StoredKeyGroup> {
  let keyGroup = -1;
  let pages: StoredPage[] = [];
  let parts = new Map<string, Buffer>();
  do {
    while (run.next()) {
      if (run.pageLength === 0) continue;
      if (run.keyGroup !== keyGroup) {
        if (keyGroup >= 0) yield { keyGroup, pages, parts };
        keyGroup = run.keyGroup;
        pages = [];
        parts = new Map();
      }
      const bytes = Buffer.from(run.buffer.subarray(run.pageOffset, run.pageOffset + run.pageLength));
      bytes[0] = run.format;
      const { buffer, keyOffset, keyLength } = run;
      if (buffer[keyOffset] === TAG_PART) parts.set(buffer.toString('latin1', keyOffset, keyOffset + keyLength), bytes);
      else pages.push({ key: readKey(buffer, keyOffset, keyLength), bytes });
    }
  } while (await run.load());
  if (keyGroup >= 0) yield { keyGroup, pages, parts };
}
