import { MergedRun } from '../snapshot/merged-run.ts';
import type { PageRun } from '../snapshot/page-run.ts';
import { StateFileReader } from '../snapshot/state-file-reader.ts';
import type { StateFileHeader } from '../snapshot/state-file-format.ts';
import type { StateFile } from '../snapshot/state-file.ts';
import { writeStateFiles } from '../snapshot/write-state-files.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';

/** Bytes of pages held in memory before a sorted run is written out. */
export const SORT_BYTES_MAX = 64 << 20;
/** Runs merged at a time: each holds about a megabyte. */
const MERGE_RUNS_MAX = 64;
/** What a page costs beside its bytes. */
const PAGE_OVERHEAD_BYTES = 128;

export interface SortOptions {
  readonly storage: ObjectStorage;
  /** Key prefix of the files. */
  readonly stem: string;
  readonly operatorUid: string;
  readonly maxParallelism: number;
  /** Formats of the pages, known when the first one is written. */
  readonly formats: () => StateFileHeader['formats'];
  /** Default 64 MiB. */
  readonly bytesMax?: number | undefined;
}

interface SortedPage {
  readonly keyGroup: number;
  readonly hash: number;
  readonly key: Buffer;
  readonly page: Buffer;
}

/**
 * Writes pages that come in any order as state files in file order: sorted in memory up to a limit, then merged from
 * sorted files. Of pages with the same key the last one counts.
 */
export class SortedPages {
  readonly #options: SortOptions;
  #pages: SortedPage[] = [];
  #bytes = 0;
  readonly #runs: StateFile[][] = [];
  #runCount = 0;

  constructor(options: SortOptions) {
    this.#options = options;
  }

  /** Takes the buffers over. An empty page takes those before it back. Returns a promise when a run has to be written first. */
  add(keyGroup: number, hash: number, key: Buffer, page: Buffer): undefined | Promise<void> {
    this.#pages.push({ keyGroup, hash, key, page });
    this.#bytes += key.length + page.length + PAGE_OVERHEAD_BYTES;
    return this.#bytes < (this.#options.bytesMax ?? SORT_BYTES_MAX) ? undefined : this.#writeRun();
  }

  /** Everything as files that need no others. */
  async finish(): Promise<StateFile[]> {
    if (this.#runs.length === 0) return await this.#write(new PagesInMemory(this.#sorted()), 'base');
    if (this.#pages.length > 0) await this.#writeRun();
    while (this.#runs.length > 1) {
      const merged = this.#runs.splice(0, MERGE_RUNS_MAX);
      const isLast = this.#runs.length === 0;
      const result = await this.#write(await this.#open(merged), isLast ? 'base' : 'delta');
      await this.#options.storage.delete(merged.flat().map(({ key }) => key));
      if (isLast) return result;
      this.#runs.unshift(result);
    }
    const [only] = this.#runs;
    const result = await this.#write(await this.#open([only!]), 'base');
    await this.#options.storage.delete(only!.map(({ key }) => key));
    return result;
  }

  async #writeRun(): Promise<void> {
    this.#runs.push(await this.#write(new PagesInMemory(this.#sorted()), 'delta'));
    this.#pages = [];
    this.#bytes = 0;
  }

  #sorted(): SortedPage[] {
    const sorted = this.#pages
      .map((page, index) => ({ page, index }))
      .sort((a, b) => compareSorted(a.page, b.page) || b.index - a.index);
    const last = sorted.filter(({ page }, i) => i === 0 || compareSorted(page, sorted[i - 1]!.page) !== 0);
    return last.map(({ page }) => page);
  }

  async #open(runs: readonly (readonly StateFile[])[]): Promise<PageRun> {
    const opened: PageRun[] = [];
    const numbers = this.#options.formats().map((_, index) => index);
    for (const run of runs)
      for (const file of run) opened.push((await StateFileReader.open(this.#options.storage, file)).run(numbers));
    return new MergedRun(opened);
  }

  #write(run: PageRun, kind: 'base' | 'delta'): Promise<StateFile[]> {
    const { storage, stem, operatorUid, maxParallelism, formats } = this.#options;
    return writeStateFiles(run, {
      storage,
      header: { operatorUid, maxParallelism, checkpointId: 0, kind, formats: formats() },
      stem: kind === 'base' ? stem : `${stem}-run${this.#runCount++}`,
      keyGroupStart: 0,
      keyGroupEnd: maxParallelism,
      keepsTombstones: kind === 'delta',
    });
  }
}

/** The order of `comparePages`. */
function compareSorted(a: SortedPage, b: SortedPage): number {
  if (a.keyGroup !== b.keyGroup) return a.keyGroup - b.keyGroup;
  if (a.hash !== b.hash) return (a.hash >>> 0) - (b.hash >>> 0);
  return a.key.compare(b.key);
}

/** Sorted pages as a run. */
class PagesInMemory implements PageRun {
  readonly #pages: readonly SortedPage[];
  #at = 0;
  keyGroup = 0;
  hash = 0;
  buffer: Buffer = Buffer.alloc(0);
  readonly keyOffset = 0;
  keyLength = 0;
  pageOffset = 0;
  pageLength = 0;
  format = 0;

  constructor(pages: readonly SortedPage[]) {
    this.#pages = pages;
  }

  next(): boolean {
    const page = this.#pages[this.#at];
    if (page === undefined) return false;
    this.#at++;
    this.keyGroup = page.keyGroup;
    this.hash = page.hash;
    this.buffer = Buffer.concat([page.key, page.page]);
    this.keyLength = page.key.length;
    this.pageOffset = page.key.length;
    this.pageLength = page.page.length;
    this.format = page.page[0] ?? 0;
    return true;
  }

  load(): Promise<boolean> {
    return Promise.resolve(this.#at < this.#pages.length);
  }
}
