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

/** Ranges of blocks that are read at the same time. */
const PARALLEL_READS = 16;

/**
 * The newest version of every page in `cells`, tombstones included, from files given oldest first.
 *
 * @throws CheckpointCorruptError when what it reads is damaged.
 */
export async function lookUpCells(files: readonly OpenFile[], cells: readonly Cell[]): Promise<StoredPage[]> {
  const wanted = new CellSet();
  for (const { keyGroup, hash } of cells) wanted.add(keyGroup, hash);
  const newest = new Map<string, { readonly place: number; readonly page: StoredPage }>();
  const reads: (() => Promise<void>)[] = [];
  files.forEach((file, place) => {
    for (const { start, end } of blocksOf(file.reader, cells)) {
      reads.push(async () => {
        const run = file.reader.blockRun(start, end, file.formats);
        await run.load();
        while (run.next()) {
          if (!wanted.has(run.keyGroup, run.hash)) continue;
          const { keyGroup, hash, buffer, keyOffset, keyLength, pageOffset, pageLength, format } = run;
          const key = `${keyGroup}/${buffer.toString('latin1', keyOffset, keyOffset + keyLength)}`;
          if ((newest.get(key)?.place ?? -1) > place) continue;
          const page = { keyGroup, hash, buffer, keyOffset, keyLength, pageOffset, pageLength, format };
          newest.set(key, { place, page });
        }
      });
    }
  });
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
