import { mkdirSync, rmSync } from 'node:fs';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { ExternalError } from '../../engine/base/errors.ts';
import type { PageEntry, PageStore, PageStoreCapabilities, PageWrite } from './page-store.ts';
import { StateClosedError } from './state-closed-error.ts';
import {
  packKeys,
  packWrites,
  type StoreAnswer,
  type StoreOperation,
  type StoreRequest,
  unpackEntries,
  unpackValues,
} from './store-messages.ts';

/** Entries fetched per step of an iteration. */
const SCAN_ENTRIES = 1000;
/** RocksDB's own memory: block cache and write buffers, which the binding does not let us set. */
const ROCKSDB_MEMORY_BYTES = 72 * 1024 * 1024;
const NOTHING = new ArrayBuffer(0);

interface Waiting {
  resolve(bytes: ArrayBuffer | undefined): void;
  reject(error: unknown): void;
}

/**
 * Opens a RocksDB page store in a folder, which is emptied first: the store is a working copy.
 *
 * @throws ExternalError STORAGE when the folder cannot be used.
 */
export async function openRocksDbPageStore(options: { readonly directory: string }): Promise<PageStore> {
  try {
    rmSync(options.directory, { recursive: true, force: true });
    mkdirSync(options.directory, { recursive: true });
  } catch (error) {
    throw new ExternalError('STORAGE', `the folder ${options.directory} cannot be used for state`, {
      cause: error,
      hint: 'Give another --data folder, or check its permissions and free space.',
    });
  }
  const store = new RocksDbPageStore(options.directory);
  await store.opened;
  return store;
}

/** RocksDB in a thread of its own; requests and answers cross as packed buffers, a batch at a time. */
class RocksDbPageStore implements PageStore {
  readonly capabilities: PageStoreCapabilities = { name: 'rocksdb', isLargerThanMemory: true };
  readonly opened: Promise<unknown>;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #waiting = new Map<number, Waiting>();
  readonly #directory: string;
  #nextId = 0;
  #isClosed = false;

  constructor(directory: string) {
    this.#directory = directory;
    // A channel of our own, since answers are also received while this thread sleeps.
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#worker = new Worker(new URL('./rocksdb-thread.ts', import.meta.url), {
      workerData: { directory, port: port2 },
      transferList: [port2],
    });
    this.opened = new Promise((resolve, reject) => this.#waiting.set(-1, { resolve, reject }));
    this.#port.on('message', (answer: StoreAnswer) => this.#onAnswer(answer));
    this.#worker.on('error', (error) => this.#onFailure(error));
    this.#worker.unref();
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return unpackValues((await this.#request('get', packKeys(keys)))!);
  }

  getManyBlocking(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    this.#checkOpen();
    const signal = new SharedArrayBuffer(4);
    const id = this.#send('get', packKeys(keys), 0, signal);
    Atomics.wait(new Int32Array(signal), 0, 0);
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { readonly message: StoreAnswer } | undefined;
      if (received === undefined)
        throw new ExternalError('STORAGE', `the state store in ${this.#directory} does not answer`);
      const { message } = received;
      if (message.id !== id) {
        this.#onAnswer(message);
        continue;
      }
      if (message.error !== undefined) throw this.#failed(message.error);
      return unpackValues(message.bytes!);
    }
  }

  async write(batch: readonly PageWrite[]): Promise<void> {
    await this.#request('write', packWrites(batch));
  }

  async *iterate(start: Uint8Array, end: Uint8Array): AsyncIterable<PageEntry> {
    let from = start;
    for (;;) {
      const entries = unpackEntries((await this.#request('scan', packKeys([from, end]), SCAN_ENTRIES))!);
      yield* entries;
      if (entries.length < SCAN_ENTRIES) return;
      // The smallest key behind the last one.
      from = Buffer.concat([entries.at(-1)!.key, Buffer.of(0)]);
    }
  }

  async deleteRange(start: Uint8Array, end: Uint8Array): Promise<void> {
    await this.#request('delete-range', packKeys([start, end]));
  }

  memoryBytes(): number {
    return ROCKSDB_MEMORY_BYTES;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    const closed = this.#request('close', NOTHING);
    this.#isClosed = true;
    await closed;
    this.#port.close();
    await this.#worker.terminate();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #request(operation: StoreOperation, bytes: ArrayBuffer, limit: number = 0): Promise<ArrayBuffer | undefined> {
    this.#checkOpen();
    const id = this.#send(operation, bytes, limit, undefined);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #send(operation: StoreOperation, bytes: ArrayBuffer, limit: number, signal: SharedArrayBuffer | undefined): number {
    const id = this.#nextId++;
    const request: StoreRequest = { id, operation, bytes, signal, limit };
    this.#port.postMessage(request, bytes === NOTHING ? [] : [bytes]);
    this.#port.ref(); // An answer is awaited: the process must not end before it.
    return id;
  }

  #onAnswer(answer: StoreAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#port.unref();
    if (answer.error === undefined) waiting?.resolve(answer.bytes);
    else waiting?.reject(this.#failed(answer.error));
  }

  #onFailure(error: unknown): void {
    for (const waiting of this.#waiting.values()) waiting.reject(this.#failed(String(error)));
    this.#waiting.clear();
  }

  #failed(reason: string): ExternalError {
    return new ExternalError(
      /no space/i.test(reason) ? 'STORAGE_FULL' : 'STORAGE',
      `the state store in ${this.#directory} failed: ${reason}`,
    );
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StateClosedError('page store');
  }
}
