import type { Key } from '../../../state/keyed/key.ts';

interface Waiting<K extends Key, V> {
  readonly key: K;
  readonly answer: PromiseWithResolvers<readonly V[]>;
}

const NO_ROWS: readonly never[] = [];

/**
 * Puts the keys that are asked for in one turn into one request. While as many requests as allowed are under way, keys
 * gather: the slower the other side, the larger the requests.
 */
export class KeyBatches<K extends Key, V> {
  readonly #load: (keys: readonly K[]) => Promise<ReadonlyMap<string, readonly V[]>>;
  readonly #keysPerRequestMax: number;
  readonly #requestsMax: number;
  #waiting: Waiting<K, V>[] = [];
  #requestCount = 0;
  #isSendPlanned = false;

  /** @param load returns rows by `String(key)`: databases give keys back in types of their own. */
  constructor(
    load: (keys: readonly K[]) => Promise<ReadonlyMap<string, readonly V[]>>,
    limits: { readonly keysPerRequestMax: number; readonly requestsMax: number },
  ) {
    this.#load = load;
    this.#keysPerRequestMax = limits.keysPerRequestMax;
    this.#requestsMax = limits.requestsMax;
  }

  lookup(key: K): Promise<readonly V[]> {
    const answer = Promise.withResolvers<readonly V[]>();
    this.#waiting.push({ key, answer });
    if (!this.#isSendPlanned) {
      this.#isSendPlanned = true;
      // Behind everything that runs now: the task's turn.
      void Promise.resolve().then(() => this.#send());
    }
    return answer.promise;
  }

  #send(): void {
    this.#isSendPlanned = false;
    while (this.#waiting.length > 0 && this.#requestCount < this.#requestsMax) {
      const batch = this.#waiting.slice(0, this.#keysPerRequestMax);
      this.#waiting = this.#waiting.slice(batch.length);
      void this.#request(batch);
    }
  }

  async #request(batch: readonly Waiting<K, V>[]): Promise<void> {
    this.#requestCount++;
    try {
      const rows = await this.#load([...new Set(batch.map(({ key }) => key))]);
      for (const { key, answer } of batch) answer.resolve(rows.get(String(key)) ?? NO_ROWS);
    } catch (error) {
      for (const { answer } of batch) answer.reject(error);
    } finally {
      this.#requestCount--;
      this.#send();
    }
  }
}
