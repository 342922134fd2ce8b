import type { ChainedOperator } from './operator-chain.ts';

/** Asks the operators of a chain whether they can take records, and tells when one that could not can again. */
export class OperatorBlocks {
  readonly #chain: readonly ChainedOperator[];
  readonly #onFree: () => void;
  readonly #onError: (error: unknown) => void;
  #isBlocked = false;

  constructor(chain: readonly ChainedOperator[], onFree: () => void, onError: (error: unknown) => void) {
    this.#chain = chain;
    this.#onFree = onFree;
    this.#onError = onError;
  }

  /** Whether some operator can take no more records for now. */
  check(): boolean {
    if (this.#isBlocked) return true;
    for (let i = 0; i < this.#chain.length; i++) {
      const blocked = this.#chain[i]!.operator.blockedUntil();
      if (blocked === undefined) continue;
      this.#isBlocked = true;
      blocked.then(() => {
        this.#isBlocked = false;
        this.#onFree();
      }, this.#onError);
      return true;
    }
    return false;
  }
}
