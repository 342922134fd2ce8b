import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Doorbell } from './channel-ends.ts';

/*
 * The bells of a job's threads: an i32 per thread, 128 bytes apart.
 *   0  the thread is awake, or has been rung: it looks for work before it sleeps
 *   1  armed: it sleeps, or is about to
 *
 * A thread writes 1, looks once more for work, and sleeps until it is notified. Who has published a change for it looks at
 * the bell, and if it can change 1 to 0, notifies. All of these are sequentially consistent, so of the two looks at least
 * one sees what the other side has written (test/engine/exchange/thread-bell.test.ts walks through all orders).
 *
 * Measured on Node 24 (test/bench/exchange-bell.bench.ts): `Atomics.waitAsync` and a MessagePort wake a sleeping event loop
 * equally fast; notifying costs a tenth of posting, leaves nothing behind, and needs one piece of shared memory instead of a
 * port between any two threads.
 */
const AWAKE = 0;
const ARMED = 1;
const BELL_INTS = 32;

/** The bells of all threads that exchange records; can be sent to them. */
export interface SharedBells {
  readonly memory: SharedArrayBuffer;
}

export function createSharedBells(threadCount: number): SharedBells {
  return { memory: new SharedArrayBuffer(threadCount * BELL_INTS * 4) };
}

/** Rings another thread's bell. */
export class BellRinger {
  readonly #bells: Int32Array;
  readonly #index: number;

  constructor({ memory }: SharedBells, threadIndex: number) {
    this.#bells = new Int32Array(memory);
    this.#index = threadIndex * BELL_INTS;
  }

  /** To be called after a change is visible that the thread may sleep for. One look when it is not armed. */
  ring(): void {
    if (Atomics.load(this.#bells, this.#index) !== ARMED) return;
    if (Atomics.compareExchange(this.#bells, this.#index, ARMED, AWAKE) === ARMED) {
      Atomics.notify(this.#bells, this.#index);
    }
  }
}

/** This thread's own bell. Keeps the thread alive until it is closed. */
export class ThreadBell implements Doorbell {
  readonly #bells: Int32Array;
  readonly #index: number;
  /** `Atomics.waitAsync` does not keep a thread alive; an open port does. */
  readonly #anchor: MessagePort;
  /** A wait that is under way; it outlives a disarming, and serves the next arming. */
  #isWaiting = false;
  #isClosed = false;
  onRing: () => void = () => {};

  constructor({ memory }: SharedBells, threadIndex: number) {
    this.#bells = new Int32Array(memory);
    this.#index = threadIndex * BELL_INTS;
    this.#anchor = new MessageChannel().port1;
    this.#anchor.on('message', () => {});
  }

  /** From here on a ring calls `onRing`, in a later turn of the event loop. Calls without a ring are possible. */
  arm(): void {
    if (this.#isClosed) return;
    Atomics.store(this.#bells, this.#index, ARMED);
    if (this.#isWaiting) return;
    const wait = Atomics.waitAsync(this.#bells, this.#index, ARMED);
    const value: Promise<string> | string = wait.value;
    this.#isWaiting = true;
    void Promise.resolve(value).then(() => {
      this.#isWaiting = false;
      if (!this.#isClosed) this.onRing();
    });
  }

  disarm(): void {
    Atomics.store(this.#bells, this.#index, AWAKE);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.disarm();
    // Ends the wait that may be under way.
    Atomics.notify(this.#bells, this.#index);
    this.#anchor.close();
  }
}
