import { BellRinger, type SharedBells, ThreadBell } from '../../../engine/exchange/thread-bell.ts';

export interface PassNumbersOptions {
  readonly bells: SharedBells;
  /** Two i32, 128 bytes apart. */
  readonly numbers: SharedArrayBuffer;
  readonly count: number;
  readonly threadIndex: 0 | 1;
}

/**
 * One of two threads that pass numbers to and fro through shared memory, and sleep on their bells when they have looked for
 * the next one a few times in vain. Returns how often this one slept.
 */
export async function testPassNumbers(options: PassNumbersOptions): Promise<number> {
  const { threadIndex } = options;
  const cells = new Int32Array(options.numbers);
  const mine = threadIndex * 32;
  const bell = new ThreadBell(options.bells, threadIndex);
  const other = new BellRinger(options.bells, 1 - threadIndex);
  let wake = (): void => {};
  bell.onRing = () => wake();
  let sleeps = 0;
  const receive = async (wanted: number): Promise<void> => {
    for (let look = (wanted * 7919) % 3000; look > 0; look--) if (Atomics.load(cells, mine) >= wanted) return;
    for (;;) {
      const rung = new Promise<void>((resolve) => void (wake = resolve));
      bell.arm();
      if (Atomics.load(cells, mine) >= wanted) break;
      sleeps++;
      await rung;
    }
    bell.disarm();
  };
  for (let n = 1; n <= options.count; n++) {
    if (threadIndex === 1) await receive(n);
    Atomics.store(cells, 32 - mine, n);
    other.ring();
    if (threadIndex === 0) await receive(n);
  }
  bell.close();
  return sleeps;
}
