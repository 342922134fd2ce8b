import type { ChainedOperator } from './operator-chain.ts';

/** Asks the operators of a chain whether they can take records, and tells when one that could not can again. */
export class OperatorBlocks {
  readonly #chain: readonly ChainedOperator[];
  readonly #onFree: () => void;
  readonly #onError: (error: unknown) => void;
  /** By position in the chain. */
  readonly #isBlocked: boolean[];

  constructor(chain: readonly ChainedOperator[], onFree: () => void, onError: (error: unknown) => void) {
    this.#chain = chain;
    this.#onFree = onFree;
    this.#onError = onError;
    this.#isBlocked = chain.map(() => false);
  }

  /** Whether some operator of the chain, from position `from` on, can take no more records for now. */
  check(from: number): boolean {
    for (let i = from; i < this.#chain.length; i++) {
      if (this.#isBlocked[i]!) return true;
      const blocked = this.#chain[i]!.operator.blockedUntil();
      if (blocked === undefined) continue;
      this.#isBlocked[i] = true;
      blocked.then(() => {
        this.#isBlocked[i] = false;
        this.#onFree();
      }, this.#onError);
      return true;
    }
    return false;
  }
}
