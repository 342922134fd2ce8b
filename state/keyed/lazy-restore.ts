import { MergedRun } from '../snapshot/merged-run.ts';
import { StateClosedError } from '../store/state-closed-error.ts';
import { type Cell, lookUpCells, type OpenFile } from './cell-lookup.ts';
import { CellSet } from './cell-set.ts';
import type { RestoredPages } from './restored-pages.ts';

export interface LazyRestoreOptions {
  /** Oldest first. */
  readonly files: readonly OpenFile[];
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  readonly pages: RestoredPages;
  /** Gives records a turn. */
  readonly pause: () => Promise<void>;
  /** Bytes of state files restored in one go, about. Default 32 MB. */
  readonly unitBytes?: number | undefined;
}

const UNIT_BYTES = 32 << 20;
/** Bytes of all files read at a time. */
const READ_BYTES = 16 << 20;
const READ_BYTES_MIN = 1 << 15;
const READ_BYTES_MAX = 1 << 20;
/** Pages restored before records get a turn. */
const PAGES_PER_TURN = 2048;

interface Waiting {
  readonly isReady: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What is being loaded, and the page it is at. */
interface Active {
  readonly start: number;
  readonly end: number;
  keyGroup: number;
  hash: number;
  /** The page is taken over; others of its hash may follow. */
  isTaken: boolean;
}

/**
 * Restores state while it is in use already: key groups one after the other in the background, and what is asked for before by
 * look-ups in the files. Each page is taken over once: from then on it is the cache's.
 *
 * Everything in the files is read and checked before it is complete, and no checkpoint completes before that: so damage that
 * is found late costs nothing but time.
 */
export class LazyRestore {
  readonly #options: Omit<LazyRestoreOptions, 'files'>;
  /** By key group, from `keyGroupStart` on. */
  readonly #loaded: Uint8Array;
  #lookedUp: CellSet = new CellSet();
  /** None when it is complete: their indexes take memory. */
  #files: readonly OpenFile[];
  /** Groups wanted before others. */
  readonly #urgent: Set<number> = new Set();
  readonly #unitGroups: number;
  readonly #waiting: Set<Waiting> = new Set();
  #active: Active | undefined = undefined;
  #next: number;
  #isClosed = false;
  #failure: Error | undefined = undefined;
  /** Resolves when it is over, one way or the other. */
  #running: Promise<void> = Promise.resolve();
  isComplete = false;
  /** The earliest timers in what is not loaded, or before them. */
  firstEventMs = -Infinity;
  firstProcessingMs = -Infinity;

  constructor(options: LazyRestoreOptions) {
    const { files, ...others } = options;
    this.#options = others;
    this.#files = files;
    const groups = options.keyGroupEnd - options.keyGroupStart;
    this.#loaded = new Uint8Array(groups);
    this.#next = options.keyGroupStart;
    const bytes = files.reduce((sum, { reader }) => sum + reader.file.bytes, 0);
    this.#unitGroups = Math.max(1, Math.floor((groups * (options.unitBytes ?? UNIT_BYTES)) / (bytes + 1)));
    this.#findFirstTimers();
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Throws what it failed with. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Whether pages of this hash may be in the files only. */
  isMissing(keyGroup: number, hash: number): boolean {
    if (this.isComplete || this.isLoaded(keyGroup)) return false;
    const active = this.#active;
    if (active !== undefined && keyGroup >= active.start && keyGroup < active.end) {
      if (keyGroup < active.keyGroup) return false;
      if (keyGroup === active.keyGroup && hash >>> 0 < active.hash >>> 0) return false;
    }
    return !this.#lookedUp.has(keyGroup, hash);
  }

  isLoaded(keyGroup: number): boolean {
    return this.isComplete || this.#loaded[keyGroup - this.#options.keyGroupStart] === 1;
  }

  /** Restores the pages of some hashes now. */
  async lookUp(cells: readonly Cell[]): Promise<void> {
    this.check();
    const found = await lookUpCells(this.#files, cells, this.#options.pause);
    for (let edge = cells.find(this.#isAtEdge); edge !== undefined; edge = cells.find(this.#isAtEdge)) {
      const cell = edge;
      await this.#until(() => !this.#isAtEdge(cell));
    }
    // Meanwhile they may have been loaded.
    const isWanted = found.map(({ keyGroup, hash }) => this.isMissing(keyGroup, hash));
    found.forEach((page, i) => {
      if (isWanted[i]!) this.#options.pages.take(page);
    });
    for (const { keyGroup, hash } of cells) if (this.isMissing(keyGroup, hash)) this.#lookedUp.add(keyGroup, hash);
  }

  /** Some pages of the cell are taken over, and perhaps not all. */
  readonly #isAtEdge = ({ keyGroup, hash }: Cell): boolean => {
    const active = this.#active;
    return active !== undefined && active.isTaken && active.keyGroup === keyGroup && active.hash === hash;
  };

  /** Resolves when a key group is loaded, before others. */
  loadGroup(keyGroup: number): Promise<void> {
    this.#urgent.add(keyGroup);
    return this.#until(() => this.isLoaded(keyGroup));
  }

  /** Resolves when nothing is left in the files that has a timer up to `limitMs`. */
  loadDue(isEventTime: boolean, limitMs: number): Promise<void> {
    for (const { reader } of this.#files) {
      const { blocks } = reader;
      for (let i = 0; i < blocks.count; i++) {
        const firstMs = isEventTime ? blocks.firstEventTimerMs(i) : blocks.firstProcessingTimerMs(i);
        if (firstMs > limitMs) continue;
        for (let group = blocks.firstKeyGroup(i); group <= blocks.lastKeyGroup(i); group++) {
          if (this.#isOurs(group) && !this.isLoaded(group)) this.#urgent.add(group);
        }
      }
    }
    return this.#until(() => (isEventTime ? this.firstEventMs : this.firstProcessingMs) > limitMs);
  }

  /** Resolves when everything is restored; rejects with what it failed with. */
  done(): Promise<void> {
    return this.#until(() => this.isComplete);
  }

  /** Stops; resolves when nothing of it runs any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
    if (this.isComplete) return;
    this.#fail(new StateClosedError('keyed state'));
    this.#closeFiles();
  }

  #until(isReady: () => boolean): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (isReady()) return Promise.resolve();
    return new Promise<void>((resolve, reject) => {
      this.#waiting.add({ isReady, resolve, reject });
    });
  }

  async #run(): Promise<void> {
    try {
      for (let unit = this.#nextUnit(); unit !== undefined && !this.#isClosed; unit = this.#nextUnit()) {
        await this.#load(unit);
        if (this.#isClosed) return;
        this.#loaded.fill(1, unit.start - this.#options.keyGroupStart, unit.end - this.#options.keyGroupStart);
        this.#active = undefined;
        this.#findFirstTimers();
        this.#wake();
      }
      if (this.#isClosed) return;
      this.isComplete = true;
      this.#closeFiles();
      this.#lookedUp = new CellSet();
      this.firstEventMs = Infinity;
      this.firstProcessingMs = Infinity;
      this.#wake();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #closeFiles(): void {
    for (const { reader } of this.#files) reader.close().catch(() => {});
    this.#files = [];
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting) reject(this.#failure);
    this.#waiting.clear();
  }

  #wake(): void {
    for (const waiting of this.#waiting) {
      if (!waiting.isReady()) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }

  /** Key groups [start, end) to load next: urgent ones first. */
  #nextUnit(): { readonly start: number; readonly end: number } | undefined {
    const { keyGroupEnd } = this.#options;
    for (const group of this.#urgent) {
      if (this.isLoaded(group)) {
        this.#urgent.delete(group);
        continue;
      }
      let end = group + 1;
      while (end - group < this.#unitGroups && this.#urgent.has(end) && !this.isLoaded(end)) end++;
      return { start: group, end };
    }
    while (this.#next < keyGroupEnd && this.isLoaded(this.#next)) this.#next++;
    const start = this.#next;
    if (start === keyGroupEnd) return undefined;
    let end = start + 1;
    while (end < keyGroupEnd && end - start < this.#unitGroups && !this.isLoaded(end)) end++;
    return { start, end };
  }

  async #load({ start, end }: { readonly start: number; readonly end: number }): Promise<void> {
    const { pages, pause } = this.#options;
    const files = this.#files;
    const active: Active = { start, end, keyGroup: start, hash: 0, isTaken: false };
    this.#active = active;
    const chunkBytes = Math.min(READ_BYTES_MAX, Math.max(READ_BYTES_MIN, READ_BYTES / files.length));
    const range = { keyGroupStart: start, keyGroupEnd: end, chunkBytes };
    const run = new MergedRun(files.map(({ reader, formats }) => reader.run(formats, range)));
    let left = PAGES_PER_TURN;
    do {
      while (run.next()) {
        const { keyGroup, hash } = run;
        const isNext = keyGroup !== active.keyGroup || hash !== active.hash;
        active.keyGroup = keyGroup;
        active.hash = hash;
        if (isNext) active.isTaken = false;
        // Not between two pages of the same hash.
        if (--left <= 0 && isNext) {
          left = PAGES_PER_TURN;
          this.#wake();
          await pages.settle();
          await pause();
          if (this.#isClosed) return;
        }
        active.isTaken = true;
        if (!this.#lookedUp.has(keyGroup, hash)) pages.take(run);
      }
    } while (!this.#isClosed && (await run.load()));
    await pages.settle();
  }

  #findFirstTimers(): void {
    let event = Infinity;
    let processing = Infinity;
    for (const { reader } of this.#files) {
      const { blocks } = reader;
      for (let i = 0; i < blocks.count; i++) {
        const eventMs = blocks.firstEventTimerMs(i);
        const processingMs = blocks.firstProcessingTimerMs(i);
        if (eventMs >= event && processingMs >= processing) continue;
        if (!this.#hasUnloaded(blocks.firstKeyGroup(i), blocks.lastKeyGroup(i))) continue;
        event = Math.min(event, eventMs);
        processing = Math.min(processing, processingMs);
      }
    }
    this.firstEventMs = event;
    this.firstProcessingMs = processing;
  }

  #isOurs(group: number): boolean {
    return group >= this.#options.keyGroupStart && group < this.#options.keyGroupEnd;
  }

  #hasUnloaded(first: number, last: number): boolean {
    for (let group = first; group <= last; group++) if (this.#isOurs(group) && !this.isLoaded(group)) return true;
    return false;
  }
}
