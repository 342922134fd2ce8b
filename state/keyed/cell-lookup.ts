import type { PageRun } from '../snapshot/page-run.ts';
import type { StateFileReader } from '../snapshot/state-file-reader.ts';
import { CellSet } from './cell-set.ts';
import type { StoredPage } from './restored-pages.ts';

/** A state file, and for each format of its header the number by which we know it. */
export interface OpenFile {
  readonly reader: StateFileReader;
  readonly formats: readonly number[];
}

/** Pages whose keys have one hash, in one key group: what a look-up finds together. */
export interface Cell {
  readonly keyGroup: number;
  readonly hash: number;
}

/** Ranges of blocks that are read at the same time where each read waits for others. */
const PARALLEL_READS = 16;
/** Ranges read from open files before records get a turn. */
const READS_PER_TURN = 64;

/** Bytes of blocks read at once; read by one look-up at a time. */
const SCRATCH: Buffer = Buffer.allocUnsafeSlow(1 << 18);

/**
 * The newest version of every page in `cells`, tombstones included, from files given oldest first.
 *
 * @throws CheckpointCorruptError when what it reads is damaged.
 */
export async function lookUpCells(
  files: readonly OpenFile[],
  cells: readonly Cell[],
  pause: () => Promise<void>,
): Promise<StoredPage[]> {
  const wanted = new CellSet();
  for (const { keyGroup, hash } of cells) wanted.add(keyGroup, hash);
  const newest = new Map<string, { readonly place: number; readonly page: StoredPage }>();
  const reads: (() => Promise<void>)[] = [];
  const take = (run: PageRun, place: number): void => {
    while (run.next()) {
      if (!wanted.has(run.keyGroup, run.hash)) continue;
      const { keyGroup, hash, keyOffset, keyLength, pageOffset, pageLength, format } = run;
      const key = `${keyGroup}/${run.buffer.toString('latin1', keyOffset, keyOffset + keyLength)}`;
      if ((newest.get(key)?.place ?? -1) > place) continue;
      const buffer = Buffer.from(run.buffer.subarray(keyOffset, pageOffset + pageLength));
      const page = { keyGroup, hash, buffer, keyOffset: 0, keyLength, pageOffset: keyLength, pageLength, format };
      newest.set(key, { place, page });
    }
  };
  let readNow = 0;
  for (const [place, file] of files.entries()) {
    for (const { start, end } of blocksOf(file.reader, cells)) {
      const run = file.reader.blockRun(start, end, file.formats);
      if (run.loadNow(SCRATCH)) {
        take(run, place);
        if (++readNow % READS_PER_TURN === 0) await pause();
      } else {
        reads.push(async () => {
          await run.load();
          take(run, place);
        });
      }
    }
  }
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < reads.length) await reads[next++]!();
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL_READS, reads.length) }, work));
  return [...newest.values()].map(({ page }) => page);
}

/** Ranges of blocks to read; neighbours are read together. */
function blocksOf(reader: StateFileReader, cells: readonly Cell[]): { start: number; end: number }[] {
  const { file, blocks } = reader;
  const ranges: { start: number; end: number }[] = [];
  for (const { keyGroup, hash } of cells) {
    if (keyGroup < file.keyGroupStart || keyGroup >= file.keyGroupEnd || !reader.mayHave(hash)) continue;
    const { start, end } = blocks.ofHash(keyGroup, hash);
    if (start < end) ranges.push({ start, end });
  }
  ranges.sort((a, b) => a.start - b.start);
  const merged: { start: number; end: number }[] = [];
  for (const range of ranges) {
    const last = merged[merged.length - 1];
    if (last !== undefined && range.start <= last.end) last.end = Math.max(last.end, range.end);
    else merged.push(range);
  }
  return merged;
}
