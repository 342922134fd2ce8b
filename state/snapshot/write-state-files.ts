import type { ObjectStorage } from '../storage/object-storage.ts';
import type { PageRun } from './page-run.ts';
import type { StateFileHeader } from './state-file-format.ts';
import { StateFileWriter } from './state-file-writer.ts';
import type { StateFile } from './state-file.ts';

/** Bytes after which a file is closed and the next one begun. */
export const STATE_FILE_BYTES_MAX = 8 << 20;
/** Bytes written between two turns given to others. */
const YIELD_BYTES = 1 << 20;

export interface WriteOptions {
  readonly storage: ObjectStorage;
  readonly header: StateFileHeader;
  /** Key of the files, without `-<part>-<checksum>.state`. */
  readonly stem: string;
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  /** A base keeps no tombstones: nothing lies under it. */
  readonly keepsTombstones: boolean;
  readonly fileBytesMax?: number | undefined;
  /** Number of the first file. Default 0. */
  readonly firstPart?: number | undefined;
  /** Gives other work on this thread a turn. */
  readonly yield?: (() => Promise<void>) | undefined;
  /** Asked now and then; true gives up (the promise resolves to what was written so far). */
  readonly isCanceled?: (() => boolean) | undefined;
}

/** Writes a run of pages as state files; none when the run is empty. */
export async function writeStateFiles(run: PageRun, options: WriteOptions): Promise<StateFile[]> {
  const { storage, header, stem, keepsTombstones } = options;
  const bytesMax = options.fileBytesMax ?? STATE_FILE_BYTES_MAX;
  const files: StateFile[] = [];
  let writer: StateFileWriter | undefined = undefined;
  let nextYield = YIELD_BYTES;
  let firstKeyGroup = options.keyGroupStart;
  let lastKeyGroup = options.keyGroupStart;
  const finish = async (open: StateFileWriter, keyGroupEnd: number): Promise<void> => {
    const { bytes, checksum } = open.finish();
    // The checksum in the name keeps files of different content apart, whoever writes them.
    const part = (options.firstPart ?? 0) + files.length;
    const key = `${stem}-${String(part).padStart(3, '0')}-${checksum.toString(16).padStart(8, '0')}.state`;
    await storage.put(key, bytes);
    open.release();
    const pageCount = open.pageCount;
    files.push({
      key,
      bytes: bytes.length,
      checksum,
      kind: header.kind,
      pageCount,
      keyGroupStart: firstKeyGroup,
      keyGroupEnd,
    });
  };
  do {
    while (run.next()) {
      if (run.pageLength === 0 && !keepsTombstones) continue;
      lastKeyGroup = run.keyGroup;
      writer ??= new StateFileWriter(header);
      writer.add(run);
      if (writer.byteLength < nextYield) continue;
      if (writer.byteLength >= bytesMax) {
        await finish(writer, run.keyGroup + 1);
        writer = undefined;
        firstKeyGroup = run.keyGroup;
        nextYield = YIELD_BYTES;
      } else {
        nextYield = writer.byteLength + YIELD_BYTES;
        if (options.yield !== undefined) await options.yield();
      }
      if (options.isCanceled?.() === true) return files;
    }
  } while (await run.load());
  if (writer !== undefined) await finish(writer, Math.max(lastKeyGroup + 1, options.keyGroupEnd));
  return files;
}
