import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import { ExternalError, type RecordError } from '../../../engine/base/errors.ts';
import type { OpenFile } from '../../../engine/base/file-system.ts';
import type { ReaderContext, ReaderStatus, SourceOutput, SourceReader } from '../../../engine/task/source.ts';
import type { ObjectStorage } from '../../../state/storage/object-storage.ts';
import { Availability } from '../base/availability.ts';
import { openFiles } from './file-enumerator.ts';
import { type FileSourceOptions, isCompressed } from './file-source-options.ts';
import type { FileSplit } from './file-split.ts';
import { OpenSplit } from './open-split.ts';

const FETCH_BYTES_DEFAULT = 1024 * 1024;
/** Bytes of a file on disk that are read at once: few enough to stay in the processor's cache until they are decoded. */
const READ_BYTES = 256 * 1024;
/** A read that took longer than this, milliseconds, came from the disk and not from the system's memory. */
const SLOW_READ_MS = 2;
/** After a slow read so many pieces are fetched in the background before one is read at once again. */
const FETCHES_AFTER_SLOW_READ = 16;

/**
 * Reads splits one after another. Files that the system has in memory are read where they are decoded, into one buffer;
 * all others in the background, the next piece while the one before is decoded.
 */
export class FileReader<T, E> implements SourceReader<T | E, FileSplit> {
  readonly #options: FileSourceOptions<T, E>;
  readonly #context: ReaderContext;
  readonly #availability = new Availability();
  readonly #queue: FileSplit[] = [];
  #storage: ObjectStorage | undefined;
  #open: OpenSplit<T, E> | undefined;
  /** The file of `open`, where it can be read piece by piece. */
  #file: OpenFile | undefined;
  #fileName: string | undefined;
  #fetchBuffer: Buffer | undefined;
  /** Pieces to be fetched in the background before one is read at once: the first ones of a file, and after a slow read. */
  #fetchesLeft = 1;
  #isFetching = false;
  #hasAskedForSplit = false;
  #hasAllSplits = false;
  #isPaused = false;
  #failure: Error | undefined;
  #isClosed = false;

  constructor(options: FileSourceOptions<T, E>, context: ReaderContext) {
    this.#options = options;
    this.#context = context;
  }

  async start(): Promise<void> {
    this.#storage = (await openFiles(this.#context.environment, this.#options.path, this.#options.storage)).storage;
  }

  addSplits(splits: readonly FileSplit[]): void {
    this.#hasAskedForSplit = false;
    this.#queue.push(...splits);
    this.#availability.signal();
  }

  noMoreSplits(): void {
    this.#hasAllSplits = true;
    this.#availability.signal();
  }

  poll(output: SourceOutput<T | E>, recordCountMax: number): ReaderStatus {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isPaused) return 'empty';
    this.#open ??= this.#openNext(output);
    const open = this.#open;
    if (open === undefined) {
      if (this.#hasAllSplits && this.#queue.length === 0) return 'end';
      this.#askForSplit();
      return 'empty';
    }
    const state = open.decode(recordCountMax);
    if (state === 'finished') {
      output.releaseSplit(open.split.splitId);
      this.#open = undefined;
      // Asked before the queue is empty, so that the next split is on its way while this poll returns.
      if (this.#queue.length === 0 && !this.#hasAllSplits) this.#askForSplit();
      return 'more';
    }
    if (state === 'empty' && this.#readNow(open)) return 'more';
    if (this.#fetchesLeft > 0 || state === 'empty') this.#fetch(open);
    return state === 'more' ? 'more' : 'empty';
  }

  available(): Promise<void> {
    return this.#availability.wait();
  }

  snapshotState(): readonly FileSplit[] {
    return this.#open === undefined ? [...this.#queue] : [this.#open.snapshot(), ...this.#queue];
  }

  pauseOrResumeSplits(toPause: readonly string[], toResume: readonly string[]): void {
    const splitId = this.#open?.split.splitId;
    if (splitId === undefined) return;
    if (toPause.includes(splitId)) this.#isPaused = true;
    if (toResume.includes(splitId)) {
      this.#isPaused = false;
      this.#availability.signal();
    }
  }

  /** A file is there as a whole. */
  hasBacklog(): boolean {
    return true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // A read that is under way ends by itself, and closes the file then.
    if (!this.#isFetching) await this.#closeFile();
  }

  #openNext(output: SourceOutput<T | E>): OpenSplit<T, E> | undefined {
    const split = this.#queue.shift();
    if (split === undefined) return undefined;
    const { format, onError = 'fail' } = this.#options;
    return new OpenSplit<T, E>({
      split,
      decoder: format.createDecoder('stream'),
      output: output.forSplit(split.splitId),
      isWhole: isCompressed(split.file),
      reject: (error, offset, bytes) => {
        if (onError === 'fail') throw this.#unreadable(split.file, offset, error);
        return onError({ file: split.file, offset, bytes, error });
      },
    });
  }

  #askForSplit(): void {
    if (this.#hasAskedForSplit || this.#hasAllSplits) return;
    this.#hasAskedForSplit = true;
    this.#context.requestSplit();
  }

  /** Reads the next piece at once, where that takes no time. Returns false when it is to be fetched. */
  #readNow(open: OpenSplit<T, E>): boolean {
    const file = this.#file;
    if (file === undefined || this.#fileName !== open.split.file) return false;
    if (this.#isFetching || this.#fetchesLeft > 0 || !open.wantsBytes) return false;
    const { clock } = this.#context.environment;
    const startMs = clock.monotonicMs();
    const offset = open.fetchOffset;
    const byteCount = open.readNow(file, Math.min(this.#options.fetchBytes ?? READ_BYTES, READ_BYTES));
    if (byteCount === 0 && offset < open.split.fileBytes) throw this.#missing(open.split.file);
    if (clock.monotonicMs() - startMs > SLOW_READ_MS) this.#fetchesLeft = FETCHES_AFTER_SLOW_READ;
    return true;
  }

  /** Fetches what the split needs next, in the background. */
  #fetch(open: OpenSplit<T, E>): void {
    if (this.#isFetching || !open.wantsBytes) return;
    this.#isFetching = true;
    this.#load(open)
      .catch((error: Error) => void (this.#failure ??= error))
      .finally(() => {
        this.#isFetching = false;
        if (this.#isClosed) void this.#closeFile();
        else this.#availability.signal();
      });
  }

  async #load(open: OpenSplit<T, E>): Promise<void> {
    const storage = this.#storage!;
    const { file, fileBytes } = open.split;
    if (isCompressed(file)) {
      const stored = await storage.get(file);
      if (stored === undefined) throw this.#missing(file);
      open.addBytes(await this.#unpack(file, stored.bytes), true);
      return;
    }
    if (this.#fileName !== file) {
      await this.#closeFile();
      this.#file = await storage.openFile?.(file);
      this.#fileName = file;
      this.#fetchesLeft = 1;
    }
    if (this.#fetchesLeft > 0) this.#fetchesLeft--;
    const offset = open.fetchOffset;
    const wanted = Math.min(this.#options.fetchBytes ?? FETCH_BYTES_DEFAULT, fileBytes - offset);
    const bytes = await (this.#file === undefined
      ? storage.getRange(file, offset, wanted)
      : this.#readPiece(offset, wanted));
    if (bytes.length === 0 && offset < fileBytes) throw this.#missing(file);
    open.addBytes(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset + bytes.length >= fileBytes);
  }

  async #readPiece(offset: number, wanted: number): Promise<Buffer> {
    const byteCountMax = Math.min(wanted, READ_BYTES);
    let buffer = this.#fetchBuffer;
    if (buffer === undefined || buffer.length < byteCountMax) {
      buffer = Buffer.allocUnsafeSlow(byteCountMax);
      this.#fetchBuffer = buffer;
    }
    const byteCount = await this.#file!.read(buffer, 0, byteCountMax, offset);
    return buffer.subarray(0, byteCount);
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#fileName = undefined;
    await file?.close();
  }

  async #unpack(file: string, bytes: Uint8Array): Promise<Buffer> {
    try {
      return await (file.endsWith('.gz') ? promisify(gunzip)(bytes) : promisify(zstdDecompress)(bytes));
    } catch (error) {
      throw new ExternalError('RECORD', `${this.#storage!.url(file)} cannot be unpacked: ${(error as Error).message}`, {
        cause: error,
        retryable: false,
        hint: 'The file is damaged or not what its ending says.',
      });
    }
  }

  #missing(file: string): ExternalError {
    return new ExternalError('NOT_FOUND', `the file ${this.#storage!.url(file)} is gone or shorter than it was`, {
      retryable: false,
      hint: 'Files must stay as they are until the job has read them.',
    });
  }

  #unreadable(file: string, offset: number, error: RecordError): ExternalError {
    return new ExternalError('RECORD', `${this.#storage!.url(file)}, byte ${offset}: ${error.message}`, {
      cause: error,
      retryable: false,
      hint: 'Mend the file, or give the source an onError function that puts such records aside.',
    });
  }
}
