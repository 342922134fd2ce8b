import { assert } from '../../engine/base/assert.ts';
import type { Logger } from '../../engine/base/logger.ts';
import { groupFiles, planFold } from '../snapshot/fold-plan.ts';
import { MergedRun } from '../snapshot/merged-run.ts';
import type { PageRun } from '../snapshot/page-run.ts';
import { StateFileReader } from '../snapshot/state-file-reader.ts';
import type { StateFileHeader } from '../snapshot/state-file-format.ts';
import type { StateFile } from '../snapshot/state-file.ts';
import { writeStateFiles, type WriteOptions } from '../snapshot/write-state-files.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import { chunkBytesOf } from './restore-pages.ts';
import { EntriesRun } from './changes-run.ts';
import type { Cut } from './cut.ts';
import type { SnapshotOptions } from './keyed-state-backend.ts';
import type { PageCache } from './page-cache.ts';
import { PageCodec } from './page-codec.ts';
import type { StoreAreas } from './store-areas.ts';

export interface SnapshotsOptions {
  readonly operatorUid: string;
  readonly maxParallelism: number;
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  readonly cache: PageCache;
  readonly codec: PageCodec;
  readonly areas: StoreAreas;
  readonly storage: ObjectStorage;
  readonly logger: Logger;
  readonly yield: (() => Promise<void>) | undefined;
  readonly fileBytesMax: number | undefined;
  /** Bytes of segments that are sorted and written as one run. */
  readonly runBytes: number;
  /** Decoded pages that are encoded, or tombstones that are forgotten, before records get a turn. */
  readonly sweepPages: number;
  /** Key prefix of what is written between checkpoints. */
  readonly filePrefix: string;
  /** The files restored from, oldest first. */
  readonly files: readonly StateFile[];
  /** Resolves when all of them were read. */
  readonly whenRestored: () => Promise<void>;
}

/** Writes what changed since the last checkpoint as delta files, and folds files in the background. */
export class Snapshots {
  readonly #options: SnapshotsOptions;
  /** All state as of the last completed checkpoint, oldest first. */
  #files: readonly StateFile[];
  #isRunning = false;
  #isClosed = false;
  #folding: Promise<void> | undefined = undefined;
  #foldCount = 0;
  #evictedCount = 0;
  /** For metrics: bytes and pages of the last delta, bytes folded so far. */
  lastDeltaBytes = 0;
  lastDeltaPages = 0;
  foldedBytes = 0;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
    this.#files = options.files;
  }

  /** See `KeyedStateBackend.snapshot`. The part before the first `await` sees the state as it is now. */
  async take(options: SnapshotOptions): Promise<readonly StateFile[]> {
    const { cache } = this.#options;
    const { encoded } = cache;
    assert(
      !this.#isRunning,
      () => `a snapshot of ${this.#options.operatorUid} is running, found another for ${options.checkpointId}`,
    );
    this.#isRunning = true;
    cache.seal();
    const { cut, log } = cache.cut();
    let isComplete = false;
    try {
      while (cache.sweep(this.#options.sweepPages)) await this.#pause();
      const written = await this.#writeCut(options, cut);
      cache.endCut();
      // What was evicted before its turn is older than what was in memory.
      const evicted = await log.files();
      // Folding may have replaced files meanwhile; the files of now and these changes are the state of the barrier.
      this.#files = [...this.#files, ...evicted, ...written];
      encoded.completedEpoch = cut.epoch;
      isComplete = true;
      this.#note([...evicted, ...written]);
      await this.#forgetTombstones(cut);
      // What was not read yet may be damaged: then this checkpoint is none either.
      await this.#options.whenRestored();
      const files = this.#files;
      if (options.isFull) return this.#withoutDropped(await this.#writeFull(options, files));
      this.#startFold(options);
      return this.#withoutDropped(files);
    } finally {
      if (!isComplete) {
        cache.endCut();
        await log.idle();
        encoded.log.prepend(log);
      }
      cut.end();
      this.#isRunning = false;
    }
  }

  /** Stops folding; resolves when nothing of it runs any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#folding;
    await this.#options.cache.encoded.log.idle();
  }

  /** Writes changes that leave memory between two checkpoints. */
  writeEvicted(run: PageRun): Promise<readonly StateFile[]> {
    const { codec, filePrefix } = this.#options;
    const options = { checkpointId: 0, filePrefix };
    const header = this.#header(options.checkpointId, 'delta', codec);
    return writeStateFiles(run, this.#writeOptions(options, header, `evicted-${this.#evictedCount++}`));
  }

  /** Resolves when no folding runs. For tests. */
  async foldDone(): Promise<void> {
    await this.#folding;
  }

  /** The files may hold states that the job has no longer. */
  #withoutDropped(files: readonly StateFile[]): readonly StateFile[] {
    const { droppedStates } = this.#options.codec;
    if (droppedStates.length === 0) return files;
    return files.map((file) => ({
      ...file,
      droppedStates: [...new Set([...(file.droppedStates ?? []), ...droppedStates])],
    }));
  }

  /** Writes what a barrier cut off as sorted runs, one after the other. */
  async #writeCut(options: SnapshotOptions, cut: Cut): Promise<StateFile[]> {
    const { codec, keyGroupStart, keyGroupEnd, runBytes } = this.#options;
    const header = this.#header(options.checkpointId, 'delta', codec);
    const written: StateFile[] = [];
    for (let changes = cut.next(runBytes); changes !== undefined; changes = cut.next(runBytes)) {
      const run = new EntriesRun(changes, keyGroupStart, keyGroupEnd, false);
      const write = this.#writeOptions(options, header, 'delta');
      written.push(...(await writeStateFiles(run, { ...write, firstPart: written.length })));
      cut.pass();
      await this.#pause();
    }
    return written;
  }

  async #writeFull(options: SnapshotOptions, files: readonly StateFile[]): Promise<StateFile[]> {
    // The formats of the files and our own, so that pages can be copied as they are.
    const { codec } = this.#options;
    const runs = await this.#openRuns(files, codec);
    const header = this.#header(options.checkpointId, 'base', codec);
    return writeStateFiles(new MergedRun(runs), this.#writeOptions(options, header, 'full'));
  }

  async #forgetTombstones(cut: Cut): Promise<void> {
    const { encoded } = this.#options.cache;
    for (let at = 0; at < cut.tombstoneCount;) {
      at = cut.forEachTombstone(at, this.#options.sweepPages, (ref) => encoded.forget(ref));
      await this.#pause();
    }
  }

  #note(written: readonly StateFile[]): void {
    this.lastDeltaBytes = written.reduce((sum, file) => sum + file.bytes, 0);
    this.lastDeltaPages = written.reduce((sum, file) => sum + file.pageCount, 0);
  }

  /** Gives records a turn. */
  async #pause(): Promise<void> {
    await this.#options.yield?.();
  }

  #startFold(options: SnapshotOptions): void {
    if (this.#folding !== undefined || this.#isClosed) return;
    const groups = groupFiles(this.#files);
    const plan = planFold(groups);
    if (plan === undefined) return;
    const files = groups.slice(plan.start, plan.end).flatMap((group) => group.files);
    this.#folding = this.#fold(options, files, plan.start === 0)
      .catch((error: unknown) => {
        this.#options.logger.warn('folding of state files failed; the files stay as they are', {
          operator: this.#options.operatorUid,
          error: String(error),
        });
      })
      .finally(() => {
        this.#folding = undefined;
      });
  }

  async #fold(options: SnapshotOptions, files: readonly StateFile[], isBase: boolean): Promise<void> {
    // A codec of its own only collects the formats of these files.
    const formats = new PageCodec(this.#options.operatorUid);
    const runs = await this.#openRuns(files, formats);
    const kind = isBase ? 'base' : 'delta';
    const header = this.#header(options.checkpointId, kind, formats);
    const stem = `fold-${this.#foldCount++}`;
    const folded = await writeStateFiles(new MergedRun(runs), this.#writeOptions(options, header, stem));
    if (this.#isClosed) return;
    const at = this.#files.indexOf(files[0]!);
    assert(at >= 0, () => 'folded files are no longer in the list');
    this.#files = [...this.#files.slice(0, at), ...folded, ...this.#files.slice(at + files.length)];
    this.foldedBytes += folded.reduce((sum, file) => sum + file.bytes, 0);
  }

  async #openRuns(files: readonly StateFile[], codec: PageCodec): Promise<PageRun[]> {
    const { storage } = this.#options;
    const runs: PageRun[] = [];
    const chunkBytes = chunkBytesOf(files.length);
    for (const file of files) {
      const reader = await StateFileReader.open(storage, file, chunkBytes);
      const formats = reader.header.formats.map((format) => codec.addFormat(format));
      runs.push(reader.run(formats, { chunkBytes }));
    }
    return runs;
  }

  #header(checkpointId: number, kind: 'base' | 'delta', codec: PageCodec): StateFileHeader {
    const { operatorUid, maxParallelism } = this.#options;
    return { operatorUid, maxParallelism, checkpointId, kind, formats: codec.formats };
  }

  #writeOptions(
    options: Pick<SnapshotOptions, 'checkpointId' | 'filePrefix'>,
    header: StateFileHeader,
    name: string,
  ): WriteOptions {
    const { storage, areas, keyGroupStart, keyGroupEnd, fileBytesMax } = this.#options;
    const place = `op${areas.operatorId}-kg${keyGroupStart}-${keyGroupEnd}`;
    return {
      storage,
      header,
      stem: `${options.filePrefix}/${options.checkpointId}-${place}-${name}`,
      keyGroupStart,
      keyGroupEnd,
      keepsTombstones: header.kind === 'delta',
      fileBytesMax,
      yield: this.#options.yield,
      isCanceled: () => this.#isClosed,
    };
  }
}
