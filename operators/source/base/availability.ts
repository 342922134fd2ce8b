/**
 * What a source reader's `available()` waits for: background work signals, the task polls again. A signal that comes
 * before the wait is kept, so none is lost; one too many only costs a poll that finds nothing.
 */
export class Availability {
  #isSignalled = false;
  #waiting: Promise<void> | undefined;
  #resolve: (() => void) | undefined;

  /** Resolves at the next signal, at once when one came since the last wait. */
  wait(): Promise<void> {
    if (this.#isSignalled) {
      this.#isSignalled = false;
      return Promise.resolve();
    }
    this.#waiting ??= new Promise((resolve) => void (this.#resolve = resolve));
    return this.#waiting;
  }

  signal(): void {
    const resolve = this.#resolve;
    if (resolve === undefined) {
      this.#isSignalled = true;
      return;
    }
    this.#waiting = undefined;
    this.#resolve = undefined;
    resolve();
  }
}
