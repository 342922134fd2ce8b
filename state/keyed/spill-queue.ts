import type { PageStore, PageWrite } from '../store/page-store.ts';

/** Bytes of spilled pages on their way to the store at most; then records wait for it. */
const IN_FLIGHT_BYTES_MAX = 8 << 20;

/** What is on its way to the store. Nobody waits for a write unless too many are under way. */
export class SpillQueue {
  readonly #store: PageStore;
  #inFlightBytes = 0;
  /** Bytes in flight whose arrival was waited for by a blocking read, though their promises have not told yet. */
  #arrivedBytes = 0;
  #done: Promise<void> = Promise.resolve();
  #failure: Error | undefined = undefined;

  constructor(store: PageStore) {
    this.#store = store;
  }

  get isFull(): boolean {
    return this.#inFlightBytes > IN_FLIGHT_BYTES_MAX;
  }

  write(batch: readonly PageWrite[], bytes: number): void {
    this.#inFlightBytes += bytes;
    const written = this.#store.write(batch).then(
      () => {
        this.#inFlightBytes -= bytes;
        this.#arrivedBytes = Math.min(this.#arrivedBytes, this.#inFlightBytes);
      },
      (error: unknown) => {
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
      },
    );
    this.#done = Promise.all([this.#done, written]).then(() => undefined);
  }

  /** Throws what a write failed with. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when everything written has reached the store; rejects when a write failed. */
  async done(): Promise<void> {
    await this.#done;
    this.check();
  }

  /** The same with this thread stopped, for user code that spills much at once; does nothing while little is under way. */
  waitBlocking(): void {
    if (this.#inFlightBytes - this.#arrivedBytes <= IN_FLIGHT_BYTES_MAX) return;
    // Answered when all writes before it are.
    this.#store.getManyBlocking([]);
    this.#arrivedBytes = this.#inFlightBytes;
  }
}
