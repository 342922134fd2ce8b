import type { VirtualEnvironment } from '../../engine/base/environment-virtual.ts';
import { ExternalError } from '../../engine/base/errors.ts';
import { SeededRandom } from '../../engine/base/random.ts';
import type { ObjectEntry, ObjectStorage, PutCondition, StoredObject } from '../../state/storage/object-storage.ts';

/** Rates are per operation, 0 to 1. */
export interface StorageFaults {
  /** Every operation takes a random time up to this, and may be cut off by a crash before or after its effect. */
  readonly latencyMsMax: number;
  /** The operation is not done and fails. */
  readonly errorRate: number;
  /** The operation is done, but fails: the answer is lost. */
  readonly lostAnswerRate: number;
  /** A put fails and leaves the beginning of the object behind. Never of the pointer, which is swapped. */
  readonly tornPutRate: number;
  /** The client repeats a put whose answer was lost: a conditional one then finds its own object. */
  readonly repeatedPutRate: number;
}

export const NO_STORAGE_FAULTS: StorageFaults = {
  latencyMsMax: 0,
  errorRate: 0,
  lostAnswerRate: 0,
  tornPutRate: 0,
  repeatedPutRate: 0,
};

/** A storage that is slow and fails now and then, as the seed says. */
export class FaultyStorage implements ObjectStorage {
  readonly description: string;
  readonly #storage: ObjectStorage;
  readonly #environment: VirtualEnvironment;
  readonly #faults: StorageFaults;
  readonly #random: SeededRandom;

  constructor(options: {
    readonly storage: ObjectStorage;
    readonly environment: VirtualEnvironment;
    readonly faults: StorageFaults;
    readonly seed: number;
  }) {
    this.description = options.storage.description;
    this.#storage = options.storage;
    this.#environment = options.environment;
    this.#faults = options.faults;
    this.#random = new SeededRandom(options.seed);
  }

  url(key: string): string {
    return this.#storage.url(key);
  }

  get(key: string): Promise<StoredObject | undefined> {
    return this.#do(`get ${key}`, () => this.#storage.get(key));
  }

  getRange(key: string, offset: number, length: number): Promise<Uint8Array> {
    return this.#do(`get ${key}`, () => this.#storage.getRange(key, offset, length));
  }

  put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<string> {
    return this.#do(`put ${key}`, async () => {
      if (this.#random.next() < this.#faults.tornPutRate && !key.endsWith('/latest')) {
        await this.#storage.put(key, bytes.subarray(0, this.#random.below(bytes.length + 1)), condition);
        throw new ExternalError('STORAGE', `simulated: put ${key} broke off`);
      }
      const etag = await this.#storage.put(key, bytes, condition);
      if (this.#random.next() >= this.#faults.repeatedPutRate) return etag;
      await this.#wait();
      return await this.#storage.put(key, bytes, condition);
    });
  }

  delete(keys: readonly string[]): Promise<void> {
    return this.#do(`delete ${keys.length} objects`, () => this.#storage.delete(keys));
  }

  list(prefix: string): Promise<ObjectEntry[]> {
    return this.#do(`list ${prefix}`, () => this.#storage.list(prefix));
  }

  async #do<T>(what: string, operation: () => Promise<T>): Promise<T> {
    const { errorRate, lostAnswerRate } = this.#faults;
    await this.#wait();
    if (this.#random.next() < errorRate) throw new ExternalError('CONNECTION', `simulated: ${what} was refused`);
    const result = await operation();
    await this.#wait();
    if (this.#random.next() < lostAnswerRate)
      throw new ExternalError('CONNECTION', `simulated: ${what} is done, its answer lost`);
    return result;
  }

  async #wait(): Promise<void> {
    const { latencyMsMax } = this.#faults;
    if (latencyMsMax > 0) await this.#environment.scheduler.delay(this.#random.below(latencyMsMax + 1));
    else await this.#environment.scheduler.yield();
  }
}
