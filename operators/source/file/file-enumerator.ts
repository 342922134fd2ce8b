import { basename, dirname } from 'node:path';
import type { TimerHandle } from '../../../engine/base/environment.ts';
import { UserError } from '../../../engine/base/errors.ts';
import type { EnumeratorContext, Json, SplitEnumerator } from '../../../engine/task/source.ts';
import type { ObjectStorage } from '../../../state/storage/object-storage.ts';
import { openStorage, type StorageOptions } from '../../../state/storage/storage-url.ts';
import { type FileSplit, splitsOfFile } from './file-split.ts';

export interface FileEnumeratorOptions {
  readonly context: EnumeratorContext<FileSplit>;
  readonly restored: Json | undefined;
  readonly path: string;
  readonly storage: StorageOptions | undefined;
  readonly include: (relativePath: string) => boolean;
  readonly splitBytesOf: (file: string) => number;
  readonly watchMs: number | undefined;
}

interface EnumeratorState {
  /** Not yet handed out, in order. */
  readonly pending: readonly FileSplit[];
  /** Watching only: files that have been found so far. */
  readonly seen: readonly string[];
}

/** Opens what a file source reads: a folder, a prefix, or the folder of a single file. */
export async function openFiles(
  environment: EnumeratorContext<never>['environment'],
  path: string,
  options: StorageOptions | undefined,
): Promise<{ readonly storage: ObjectStorage; readonly onlyFile: string | undefined }> {
  const isSingleFile =
    !path.startsWith('s3://') && (await environment.files.stat(path.replace(/^file:\/\//, ''))) !== undefined;
  const folder = isSingleFile ? dirname(path) : path;
  return {
    storage: await openStorage(environment, folder, options),
    onlyFile: isSingleFile ? basename(path) : undefined,
  };
}

/** Finds files and hands them out one piece at a time, in the order of their names, to whichever reader is ready. */
export class FileEnumerator implements SplitEnumerator<FileSplit> {
  readonly #options: FileEnumeratorOptions;
  readonly #seen = new Set<string>();
  readonly #waiting = new Set<number>();
  readonly #pending: FileSplit[] = [];
  #isListed = false;
  #timer: TimerHandle | undefined;
  #isClosed = false;

  constructor(options: FileEnumeratorOptions) {
    this.#options = options;
    if (options.restored === undefined) return;
    const state = options.restored as unknown as EnumeratorState;
    this.#pending.push(...state.pending);
    for (const file of state.seen) this.#seen.add(file);
    this.#isListed = true;
  }

  async start(): Promise<void> {
    const { path, watchMs, context } = this.#options;
    if (!this.#isListed) {
      await this.#list();
      if (this.#pending.length === 0 && watchMs === undefined) {
        throw new UserError('NOT_FOUND', `there are no files to read in ${path}`, {
          hint: 'Check the path; files whose name starts with . or _ are passed over.',
        });
      }
    }
    if (watchMs !== undefined) this.#schedule(watchMs);
    context.logger.debug('files found', { path, splits: this.#pending.length });
  }

  addReader(subtaskIndex: number): void {
    this.handleSplitRequest(subtaskIndex);
  }

  handleSplitRequest(subtaskIndex: number): void {
    const split = this.#pending.shift();
    if (split !== undefined) this.#options.context.assign(subtaskIndex, [split]);
    else if (this.#options.watchMs === undefined) this.#options.context.signalNoMoreSplits(subtaskIndex);
    else this.#waiting.add(subtaskIndex);
  }

  addSplitsBack(splits: readonly FileSplit[]): void {
    this.#pending.unshift(...splits);
    this.#serveWaiting();
  }

  snapshotState(): Json {
    const state: EnumeratorState = {
      pending: [...this.#pending],
      seen: this.#options.watchMs === undefined ? [] : [...this.#seen],
    };
    return state as unknown as Json;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #list(): Promise<void> {
    const { context, path, storage: options, include, splitBytesOf } = this.#options;
    const { storage, onlyFile } = await openFiles(context.environment, path, options);
    for (const { key, bytes } of await storage.list('')) {
      if (onlyFile === undefined ? !include(key) : key !== onlyFile) continue;
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      this.#pending.push(...splitsOfFile(key, bytes, splitBytesOf(key)));
    }
    this.#isListed = true;
  }

  #schedule(watchMs: number): void {
    this.#timer = this.#options.context.environment.scheduler.setTimer(watchMs, () => {
      this.#list().then(
        () => {
          this.#serveWaiting();
          if (!this.#isClosed) this.#schedule(watchMs);
        },
        (error: unknown) => this.#options.context.fail(error),
      );
    });
  }

  #serveWaiting(): void {
    for (const subtaskIndex of this.#waiting) {
      if (this.#pending.length === 0) return;
      this.#waiting.delete(subtaskIndex);
      this.handleSplitRequest(subtaskIndex);
    }
  }
}
