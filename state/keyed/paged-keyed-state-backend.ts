import { assert } from '../../engine/base/assert.ts';
import { UserError } from '../../engine/base/errors.ts';
import { SILENT_LOGGER } from '../../engine/base/logger.ts';
import type { MetricGroup } from '../../engine/base/metrics.ts';
import type { PageRun } from '../snapshot/page-run.ts';
import type { StateFile } from '../snapshot/state-file.ts';
import type { PageStore } from '../store/page-store.ts';
import { createStateHandle } from './create-state-handle.ts';
import { Expiry } from './expiry.ts';
import type { OpenFile } from './cell-lookup.ts';
import { inspectPage } from './inspect-page.ts';
import type { KeyedStateBackendOptions } from './keyed-state-backend-options.ts';
import { KeyTypes } from './key-types.ts';
import type { Key, Namespace } from './key.ts';
import type { KeyedStateBackend, OnTimer, SnapshotOptions } from './keyed-state-backend.ts';
import { KeyScan } from './key-scan.ts';
import { LazyRestore } from './lazy-restore.ts';
import { LargeContext } from './large-factory.ts';
import { PageCache } from './page-cache.ts';
import { PageCodec } from './page-codec.ts';
import { NO_PAGE, PageCursor } from './page.ts';
import { filesOfRange, openFiles, openStateFiles } from './restore-pages.ts';
import { RestoredPages } from './restored-pages.ts';
import { Snapshots } from './snapshots.ts';
import type { NamespacedState, StateDescriptor, StateOf } from './state.ts';
import { StoreAreas } from './store-areas.ts';
import type { TimeIndex } from './time-index.ts';
import { Timers } from './timers.ts';

const DECODED_PAGES_MAX = 65_536;

/** Decoded pages encoded, or tombstones forgotten, before records get a turn. */
const SWEEP_PAGES = 512;

/** Bytes of changes sorted and written as one run: a share of the encoded tier, within bounds. */
const RUN_SHARE = 1 / 4;
const RUN_BYTES_MIN = 1 << 12;
const RUN_BYTES_MAX = 8 << 20;

/**
 * Opens the keyed state of one operator subtask: empty, or as the restored files hold it.
 *
 * @throws CheckpointCorruptError naming the file when restored files are damaged; UserError STATE_INCOMPATIBLE for another
 * max parallelism.
 */
export async function createKeyedStateBackend(options: KeyedStateBackendOptions): Promise<PagedKeyedStateBackend> {
  assert(
    options.keyGroupStart >= 0 &&
      options.keyGroupStart < options.keyGroupEnd &&
      options.keyGroupEnd <= options.maxParallelism,
    () =>
      `expected key groups in [0, ${options.maxParallelism}), found [${options.keyGroupStart}, ${options.keyGroupEnd})`,
  );
  const large = new LargeContext(new PageCursor(), options.cache.splitBytes);
  const codec = new PageCodec(options.operatorUid, large);
  const files = filesOfRange(options.restoreFiles, options.keyGroupStart, options.keyGroupEnd);
  // Another attempt may have used the store under the same number.
  const { start, end } = new StoreAreas(options.storeOperatorId).all();
  await options.store.deleteRange(start, end);
  const backend = new PagedKeyedStateBackend(options, { codec, large, files });
  if (files.length > 0) {
    const { operatorUid, maxParallelism, storage } = options;
    const openOptions = { operatorUid, maxParallelism, storage, codec };
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    if (options.lazyRestore === undefined || bytes < options.lazyRestore.fromBytes)
      await backend.restore(await openStateFiles(files, openOptions));
    else backend.restoreLazily(await openFiles(files, openOptions, true));
  }
  return backend;
}

/** Keyed state in pages: see `PageCache` for where they are, `Timers` for what fires, `Snapshots` for checkpoints. */
export class PagedKeyedStateBackend implements KeyedStateBackend {
  readonly #codec: PageCodec;
  readonly #cache: PageCache;
  readonly #cursor: PageCursor;
  readonly #eventTimers: Timers;
  readonly #processingTimers: Timers;
  readonly #eventExpiry: Expiry;
  readonly #processingExpiry: Expiry;
  readonly #indexes: readonly TimeIndex[];
  readonly #keyScan: KeyScan;
  readonly #snapshots: Snapshots;
  readonly #store: PageStore;
  readonly #keyTypes: KeyTypes;
  readonly #options: KeyedStateBackendOptions;
  readonly #restored: RestoredPages;
  #restore: LazyRestore | undefined = undefined;
  #isClosed = false;

  constructor(
    options: KeyedStateBackendOptions,
    {
      codec,
      large,
      files,
    }: { readonly codec: PageCodec; readonly large: LargeContext; readonly files: readonly StateFile[] },
  ) {
    this.#options = options;
    this.#cursor = large.cursor;
    const areas = new StoreAreas(options.storeOperatorId);
    const { cache, store, maxParallelism, scheduler, keyGroupStart, keyGroupEnd } = options;
    const runBytes = Math.min(RUN_BYTES_MAX, Math.max(RUN_BYTES_MIN, cache.encodedBytesMax * RUN_SHARE));
    this.#codec = codec;
    this.#store = store;
    this.#keyTypes = new KeyTypes(options.operatorUid);
    this.#cache = new PageCache({
      codec,
      areas,
      store,
      maxParallelism,
      decodedPagesMax: cache.decodedPagesMax ?? DECODED_PAGES_MAX,
      decodedBytesMax: cache.decodedBytesMax,
      encodedBytesMax: cache.encodedBytesMax,
      large,
      log: {
        keyGroupStart,
        keyGroupEnd,
        partBytesMax: runBytes,
        write: (run) => this.#snapshots.writeEvicted(run),
      },
    });
    this.#eventTimers = new Timers({ cache: this.#cache, cursor: this.#cursor, isEventTime: true });
    this.#processingTimers = new Timers({ cache: this.#cache, cursor: this.#cursor, isEventTime: false });
    this.#eventExpiry = new Expiry({ cache: this.#cache, codec, clock: this.#cursor.eventClock, isEventTime: true });
    this.#processingExpiry = new Expiry({
      cache: this.#cache,
      codec,
      clock: this.#cursor.processingClock,
      isEventTime: false,
    });
    const looks = [this.#eventTimers, this.#processingTimers, this.#eventExpiry, this.#processingExpiry];
    this.#indexes = looks.map(({ index }) => index);
    this.#restored = new RestoredPages({
      cache: this.#cache,
      keyTypes: this.#keyTypes,
      eventTimers: this.#eventTimers,
      processingTimers: this.#processingTimers,
      eventExpiry: this.#eventExpiry,
      processingExpiry: this.#processingExpiry,
    });
    this.#keyScan = new KeyScan({ cache: this.#cache, areas, store, keyGroupStart, keyGroupEnd });
    this.#snapshots = new Snapshots({
      operatorUid: options.operatorUid,
      maxParallelism,
      keyGroupStart,
      keyGroupEnd,
      cache: this.#cache,
      codec,
      areas,
      storage: options.storage,
      logger: options.logger ?? SILENT_LOGGER,
      yield: scheduler === undefined ? undefined : () => scheduler.yield(),
      fileBytesMax: options.stateFileBytesMax,
      runBytes,
      sweepPages: cache.sweepPages ?? SWEEP_PAGES,
      filePrefix: options.filePrefix ?? 'changes',
      files,
      whenRestored: () => this.whenRestored(),
    });
    if (options.metrics !== undefined) this.#publish(options.metrics);
  }

  /** Takes over the pages of restored files. Only right after construction. */
  async restore(run: PageRun): Promise<void> {
    do {
      while (run.next()) this.#restored.take(run);
      await this.#restored.settle();
    } while (await run.load());
  }

  /** Begins to restore from files in the background. Only right after construction. */
  restoreLazily(files: readonly OpenFile[]): void {
    const { keyGroupStart, keyGroupEnd, scheduler, lazyRestore } = this.#options;
    this.#restore = new LazyRestore({
      files,
      keyGroupStart,
      keyGroupEnd,
      pages: this.#restored,
      pause: async () => scheduler?.yield(),
      unitBytes: lazyRestore?.unitBytes,
    });
    this.#cache.fetch.restore = this.#restore;
    this.#restore.start();
  }

  async whenRestored(): Promise<void> {
    await this.#restore?.done();
  }

  get descriptors(): readonly StateDescriptor[] {
    return this.#codec.descriptors;
  }

  state<D extends StateDescriptor>(descriptor: D): StateOf<D> & NamespacedState {
    const index = this.#codec.declare(descriptor);
    return createStateHandle(descriptor, {
      cursor: this.#cursor,
      index,
      large: this.#codec.largeOf(index),
      schedule: (isEventTime, timestampMs) => {
        (isEventTime ? this.#eventExpiry : this.#processingExpiry).schedule(this.#cursor.page, timestampMs);
      },
    }) as unknown as StateOf<D> & NamespacedState;
  }

  prepare(keys: readonly Key[], from: number, to: number): number | Promise<number> {
    this.#takeAddedBytes();
    this.#cursor.page = NO_PAGE;
    this.#restore?.check();
    if (this.#keyTypes.isPending && this.#restore?.isComplete !== false) this.#keyTypes.check(keys, from, to);
    this.#cache.times.shrink(this.#indexes);
    return this.#cache.prepare(keys, from, to);
  }

  prefetch(keys: readonly Key[], from: number, to: number): void {
    this.#cache.fetch.prefetch.request(keys, from, to);
  }

  select(index: number): void {
    this.#cursor.page = this.#cache.preparedPage(index);
  }

  setCurrentKey(key: Key): void {
    this.#cursor.page = this.#cache.pageOf(key);
  }

  currentKey(): Key {
    const { page } = this.#cursor;
    if (page !== NO_PAGE) return this.#cache.passing.keyOf(page);
    throw new UserError('JOB_DEFINITION', 'there is no current key', {
      hint: 'Keys exist while a record or a timer of a keyed operator is processed.',
    });
  }

  clearCurrentKey(): void {
    this.#cursor.page = NO_PAGE;
  }

  forEachKey(visit: (key: Key) => void): void {
    this.#takeAddedBytes();
    this.#cursor.page = NO_PAGE;
    try {
      this.#keyScan.forEachRun((keys) => {
        for (const key of keys) {
          this.#cursor.page = this.#cache.pageOf(key);
          visit(key);
        }
        this.#takeAddedBytes();
      });
    } finally {
      this.#cursor.page = NO_PAGE;
    }
  }

  inspect(key: Key, stateName: string): unknown {
    const index = this.#codec.descriptors.findIndex(({ name }) => name === stateName);
    assert(index >= 0, () => `no state ${stateName} is declared`);
    return inspectPage(this.#cache.pageOf(key), index, this.#codec.descriptors[index]!, this.#cursor);
  }

  registerEventTimeTimer(namespace: Namespace, timestampMs: number): void {
    this.#eventTimers.register(namespace, timestampMs);
  }

  deleteEventTimeTimer(namespace: Namespace, timestampMs: number): void {
    this.#eventTimers.delete(namespace, timestampMs);
  }

  registerProcessingTimeTimer(namespace: Namespace, timestampMs: number): void {
    this.#processingTimers.register(namespace, timestampMs);
  }

  deleteProcessingTimeTimer(namespace: Namespace, timestampMs: number): void {
    this.#processingTimers.delete(namespace, timestampMs);
  }

  fireEventTimeTimers(watermarkMs: number, countMax: number, onTimer: OnTimer): boolean | Promise<boolean> {
    this.#takeAddedBytes();
    if (this.#restore !== undefined && this.#restore.firstEventMs <= watermarkMs) {
      const due = this.#restore.loadDue(true, watermarkMs);
      return due.then(() => this.fireEventTimeTimers(watermarkMs, countMax, onTimer));
    }
    return this.#thenSweep(this.#eventTimers.fire(watermarkMs, countMax, onTimer));
  }

  fireProcessingTimeTimers(nowMs: number, countMax: number, onTimer: OnTimer): boolean | Promise<boolean> {
    this.#takeAddedBytes();
    if (this.#restore !== undefined && this.#restore.firstProcessingMs <= nowMs) {
      const due = this.#restore.loadDue(false, nowMs);
      return due.then(() => this.fireProcessingTimeTimers(nowMs, countMax, onTimer));
    }
    return this.#thenSweep(this.#processingTimers.fire(nowMs, countMax, onTimer));
  }

  /** May be too early by a timer that was deleted meanwhile: firing then finds nothing and moves on. */
  nextProcessingTimeTimerMs(): number | undefined {
    const firstMs = this.#processingTimers.count === 0 ? undefined : this.#processingTimers.index.firstMs();
    const notRestoredMs = this.#restore?.firstProcessingMs ?? Infinity;
    if (notRestoredMs === Infinity) return firstMs;
    // What is not known is looked at now.
    return Math.max(0, Math.min(firstMs ?? Infinity, notRestoredMs));
  }

  eventTimeTimerCount(): number {
    return this.#eventTimers.count;
  }

  processingTimeTimerCount(): number {
    return this.#processingTimers.count;
  }

  setWatermark(watermarkMs: number): void {
    this.#cursor.eventClock.advance(watermarkMs);
  }

  setProcessingTime(nowMs: number): void {
    this.#cursor.processingClock.advance(nowMs);
  }

  snapshot(options: SnapshotOptions): Promise<readonly StateFile[]> {
    this.#takeAddedBytes();
    return this.#snapshots.take(options);
  }

  /** Resolves when no state files are being folded. For tests. */
  foldDone(): Promise<void> {
    return this.#snapshots.foldDone();
  }

  pageCount(): number {
    return this.#cache.pageCount();
  }

  memoryBytes(): { readonly decoded: number; readonly encoded: number; readonly store: number } {
    const timeBytes = this.#indexes.reduce((sum, index) => sum + index.byteLength, 0);
    return {
      decoded: this.#cache.decoded.bytes,
      encoded: this.#cache.encoded.byteLength + timeBytes,
      store: this.#store.memoryBytes(),
    };
  }

  /** Stops background work. The store is shared and stays open. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cursor.page = NO_PAGE;
    await this.#restore?.close();
    await this.#snapshots.close();
    await this.#cache.spillsDone();
  }

  #thenSweep(fired: boolean | Promise<boolean>): boolean | Promise<boolean> {
    if (typeof fired !== 'boolean') return fired.then((done) => this.#thenSweep(done));
    // Clean-up is in no hurry, and what it looks at must be there with all of its parts.
    if (this.#restore?.isComplete === false) return fired;
    const event = this.#eventExpiry.sweep();
    if (event !== undefined) return event.then(() => this.#sweepProcessing(fired));
    return this.#sweepProcessing(fired);
  }

  #sweepProcessing(fired: boolean): boolean | Promise<boolean> {
    const processing = this.#processingExpiry.sweep();
    return processing === undefined ? fired : processing.then(() => fired);
  }

  #takeAddedBytes(): void {
    this.#cache.addBytes(this.#cursor.addedBytes);
    this.#cursor.addedBytes = 0;
  }

  #publish(metrics: MetricGroup): void {
    metrics.gauge('stateKeyCount', () => this.pageCount());
    metrics.gauge('stateDecodedBytes', () => this.#cache.decoded.bytes);
    metrics.gauge('stateEncodedBytes', () => this.#cache.encoded.byteLength);
    metrics.gauge('lastCheckpointDeltaBytes', () => this.#snapshots.lastDeltaBytes);
    metrics.gauge('lastCheckpointDeltaPages', () => this.#snapshots.lastDeltaPages);
    metrics.gauge('numEventTimeTimers', () => this.#eventTimers.count);
    metrics.gauge('numProcessingTimeTimers', () => this.#processingTimers.count);
  }
}
