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
import type { PageStore } from '../store/page-store.ts';
import { EntriesRun, SpilledChangesRun } from './changes-run.ts';
import type { SnapshotOptions } from './keyed-state-backend.ts';
import type { PageCache } from './page-cache.ts';
import { PageCodec } from './page-codec.ts';
import { offsetOf } from './segment.ts';
import type { StoreAreas } from './store-areas.ts';

export interface SnapshotsOptions {
  readonly operatorUid: string;
  readonly maxParallelism: number;
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  readonly cache: PageCache;
  readonly codec: PageCodec;
  readonly areas: StoreAreas;
  readonly store: PageStore;
  readonly storage: ObjectStorage;
  readonly logger: Logger;
  readonly yield: (() => Promise<void>) | undefined;
  readonly fileBytesMax: number | undefined;
  /** The files restored from, oldest first. */
  readonly files: readonly StateFile[];
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
    const { cache, areas, store } = this.#options;
    const { encoded } = cache;
    assert(
      !this.#isRunning,
      () => `a snapshot of ${this.#options.operatorUid} is running, found another for ${options.checkpointId}`,
    );
    this.#isRunning = true;
    cache.seal();
    cache.encodeDirty();
    const epoch = encoded.epoch++;
    const changes = encoded.changes();
    const firstEpoch = encoded.completedEpoch + 1;
    // Folding may replace files meanwhile; the files of now and these changes are the state of now.
    const filesBefore = this.#files;
    encoded.retain();
    try {
      await cache.spillsDone();
      const runs: PageRun[] = [];
      if (encoded.hasSpilled) {
        for (let e = firstEpoch; e <= epoch; e++) {
          const { start, end } = areas.changesOf(e);
          runs.push(new SpilledChangesRun(store.iterate(start, end)));
        }
      }
      // Changes still in memory are newer than those spilled.
      runs.push(new EntriesRun(encoded, changes, this.#options.keyGroupStart, this.#options.keyGroupEnd));
      if (options.isFull) return this.#withoutDropped(await this.#writeFull(options, filesBefore, runs));
      const written = await this.#writeDelta(options, runs, filesBefore.length === 0);
      this.#files = [...this.#files, ...written];
      encoded.completedEpoch = epoch;
      for (let i = 0; i < changes.count; i++) {
        const ref = changes.refs[i]!;
        if (encoded.segmentOf(ref).pageLengthAt(offsetOf(ref)) === 0) encoded.forget(ref);
      }
      if (encoded.hasSpilled) await store.deleteRange(areas.changesOf(firstEpoch).start, areas.changesOf(epoch).end);
      const files = this.#files;
      this.#startFold(options);
      return this.#withoutDropped(files);
    } finally {
      encoded.release();
      this.#isRunning = false;
    }
  }

  /** Stops folding; resolves when nothing of it runs any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#folding;
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

  async #writeDelta(options: SnapshotOptions, runs: readonly PageRun[], isFirst: boolean): Promise<StateFile[]> {
    const kind = isFirst ? 'base' : 'delta';
    const header = this.#header(options.checkpointId, kind, this.#options.codec);
    const run = runs.length === 1 ? runs[0]! : new MergedRun(runs);
    const written = await writeStateFiles(run, this.#writeOptions(options, header, kind));
    this.lastDeltaBytes = written.reduce((sum, file) => sum + file.bytes, 0);
    this.lastDeltaPages = written.reduce((sum, file) => sum + file.pageCount, 0);
    return written;
  }

  async #writeFull(
    options: SnapshotOptions,
    files: readonly StateFile[],
    changes: readonly PageRun[],
  ): Promise<StateFile[]> {
    // The formats of the files and our own, so that pages can be copied as they are.
    const { codec } = this.#options;
    const older = await this.#openRuns(files, codec);
    const header = this.#header(options.checkpointId, 'base', codec);
    return writeStateFiles(new MergedRun([...older, ...changes]), this.#writeOptions(options, header, 'full'));
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
    for (const file of files) {
      const reader = await StateFileReader.open(storage, file);
      const formats = reader.header.formats.map((format) => codec.addFormat(format));
      runs.push(reader.run(formats));
    }
    return runs;
  }

  #header(checkpointId: number, kind: 'base' | 'delta', codec: PageCodec): StateFileHeader {
    const { operatorUid, maxParallelism } = this.#options;
    return { operatorUid, maxParallelism, checkpointId, kind, formats: codec.formats };
  }

  #writeOptions(options: SnapshotOptions, header: StateFileHeader, name: string): WriteOptions {
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
