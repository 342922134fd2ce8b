import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import { ExternalError } from '../../engine/base/errors.ts';
import type { PageEntry, PageStore, PageStoreCapabilities, PageWrite } from './page-store.ts';
import {
  packKeys,
  packRange,
  packedBytes,
  packWrites,
  packWritesInto,
  unpackEntries,
  unpackValues,
  type RocksDbAnswer,
  type RocksDbOperation,
  type RocksDbRequest,
  type RocksDbThreadData,
} from './rocksdb-messages.ts';
import { StateClosedError } from './state-closed-error.ts';

/** Entries per request of an iteration. */
const ITERATE_ENTRIES = 1000;
/** A blocking read that takes longer than this has lost its thread. */
const BLOCKING_TIMEOUT_MS = 60_000;
/** A batch of writes up to this size goes through shared memory, of which so many pieces are kept. */
const WRITE_MEMORY_BYTES = 2 << 20;
const WRITE_MEMORY_COUNT = 4;
const NOTHING = new ArrayBuffer(0);

export interface RocksDbPageStoreOptions {
  /** A folder of its own; what it holds is removed. */
  readonly path: string;
  /** Bytes of one of the up to three write buffers. Default 32 MB. */
  readonly writeBufferBytes?: number | undefined;
}

/**
 * Opens a RocksDB page store in a folder, which is emptied first: the store is a working copy.
 *
 * @throws ExternalError STORAGE when the folder cannot be used.
 */
export async function openRocksDbPageStore(options: { readonly directory: string }): Promise<PageStore> {
  const store = new RocksDbPageStore({ path: options.directory });
  try {
    // The first answer tells whether the database could be opened.
    await store.getMany([]);
  } catch (error) {
    await store.close().catch(() => undefined);
    throw error;
  }
  return store;
}

interface Waiting {
  readonly resolve: (content: ArrayBuffer) => void;
  readonly reject: (error: unknown) => void;
}

/** Pages in RocksDB, on a thread of its own. A folder that cannot be used is reported by the first use. */
export class RocksDbPageStore implements PageStore {
  readonly capabilities: PageStoreCapabilities = { name: 'rocksdb', isLargerThanMemory: true };
  readonly #path: string;
  readonly #thread: Worker;
  readonly #port: MessagePort;
  readonly #signal: Int32Array;
  readonly #waiting: Map<number, Waiting> = new Map();
  readonly #writeMemory: SharedArrayBuffer[] = [];
  #nextId = 1;
  #memoryBytes = 0;
  #isClosed = false;
  #failure: unknown = undefined;

  constructor(options: RocksDbPageStoreOptions) {
    const signal = new SharedArrayBuffer(4);
    const { port1, port2 } = new MessageChannel();
    const workerData: RocksDbThreadData = {
      path: options.path,
      writeBufferBytes: options.writeBufferBytes ?? 32 << 20,
      signal,
      port: port2,
    };
    this.#path = options.path;
    this.#signal = new Int32Array(signal);
    this.#port = port1;
    this.#thread = new Worker(new URL('./rocksdb-thread.ts', import.meta.url), {
      name: 'rocksdb',
      workerData,
      transferList: [port2],
    });
    this.#port.on('message', (answer: RocksDbAnswer) => this.#settle(answer));
    this.#thread.on('error', (error) => this.#fail(error));
    this.#thread.on('exit', () => {
      if (!this.#isClosed) this.#fail(new Error('the thread ended'));
    });
    // An open store alone keeps no process alive.
    this.#thread.unref();
    this.#port.unref();
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return unpackValues(await this.#ask('getMany', packKeys(keys)));
  }

  getManyBlocking(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return unpackValues(this.#askBlocking('getMany', packKeys(keys)));
  }

  async write(batch: readonly PageWrite[]): Promise<void> {
    if (batch.length === 0) return this.#assertOpen();
    if (packedBytes(batch) > WRITE_MEMORY_BYTES) {
      await this.#ask('write', packWrites(batch));
      return;
    }
    // Memory that is there already: new memory for each batch costs more than filling it.
    const memory = this.#writeMemory.pop() ?? new SharedArrayBuffer(WRITE_MEMORY_BYTES);
    packWritesInto(memory, batch);
    try {
      await this.#ask('write', memory);
    } finally {
      if (this.#writeMemory.length < WRITE_MEMORY_COUNT) this.#writeMemory.push(memory);
    }
  }

  async *iterate(start: Uint8Array, end: Uint8Array): AsyncGenerator<PageEntry> {
    let from = start;
    for (;;) {
      const entries = unpackEntries(await this.#ask('iterate', packRange(from, end, ITERATE_ENTRIES)));
      yield* entries;
      if (entries.length < ITERATE_ENTRIES) return;
      // The smallest key behind the last one.
      from = Buffer.concat([entries[entries.length - 1]!.key, Buffer.alloc(1)]);
    }
  }

  rangeBlocking(start: Uint8Array, end: Uint8Array, limit: number): PageEntry[] {
    return unpackEntries(this.#askBlocking('iterate', packRange(start, end, limit)));
  }

  async deleteRange(start: Uint8Array, end: Uint8Array): Promise<void> {
    await this.#ask('deleteRange', packRange(start, end, 0));
  }

  memoryBytes(): number {
    return this.#memoryBytes;
  }

  /** Closes the database, removes its folder and ends the thread. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    const closed = this.#ask('close', NOTHING);
    this.#isClosed = true;
    try {
      await closed;
    } finally {
      await this.#thread.terminate();
      this.#port.close();
    }
  }

  // Not async: what is sent is sent before the caller goes on.
  #ask(operation: RocksDbOperation, content: ArrayBuffer | SharedArrayBuffer): Promise<ArrayBuffer> {
    try {
      this.#assertOpen();
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const id = this.#send(operation, content, false);
    if (this.#waiting.size === 0) this.#port.ref();
    return new Promise<ArrayBuffer>((resolve, reject) => {
      this.#waiting.set(id, {
        resolve,
        reject: (error) => reject(this.#error(operation, error)),
      });
    });
  }

  #askBlocking(operation: RocksDbOperation, content: ArrayBuffer): ArrayBuffer {
    this.#assertOpen();
    Atomics.store(this.#signal, 0, 0);
    const id = this.#send(operation, content, true);
    if (Atomics.wait(this.#signal, 0, 0, BLOCKING_TIMEOUT_MS) === 'timed-out') {
      throw this.#error(operation, `no answer in ${BLOCKING_TIMEOUT_MS} ms`);
    }
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { readonly message: RocksDbAnswer } | undefined;
      if (received === undefined) throw this.#error(operation, 'no answer');
      const answer = received.message;
      if (answer.id !== id) {
        // Of an earlier request, which waits for it asynchronously.
        this.#settle(answer);
        continue;
      }
      if (answer.error !== undefined) throw this.#error(operation, answer.error);
      return answer.content;
    }
  }

  #send(operation: RocksDbOperation, content: ArrayBuffer | SharedArrayBuffer, isBlocking: boolean): number {
    const id = this.#nextId++;
    const request: RocksDbRequest = { id, operation, content, isBlocking };
    this.#port.postMessage(request, content instanceof ArrayBuffer && content.byteLength > 0 ? [content] : []);
    return id;
  }

  #settle(answer: RocksDbAnswer): void {
    this.#memoryBytes = answer.memoryBytes;
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#port.unref();
    if (answer.error === undefined) waiting.resolve(answer.content);
    else waiting.reject(answer.error);
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #error(operation: RocksDbOperation, reason: unknown): ExternalError {
    const text = reason instanceof Error ? reason.message : String(reason);
    const code = /no space/i.test(text) ? 'STORAGE_FULL' : 'STORAGE';
    return new ExternalError(code, `the state store in ${this.#path} failed (${operation}): ${text}`, {
      hint: 'Give another --data folder, or check its permissions and free space.',
    });
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new StateClosedError('rocksdb page store');
    if (this.#failure !== undefined) throw this.#error('write', this.#failure);
  }
}
