import { expect, test } from 'vitest';
import { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import type { RestartStrategyOptions } from '../../../engine/graph/job-options.ts';
import { createRestartStrategy } from '../../../engine/runtime/restart-strategy.ts';

/** Delays decided for failures that come `gapsMs` after the one before; undefined: given up. */
async function delays(options: RestartStrategyOptions | undefined, gapsMs: readonly number[]) {
  const environment = new VirtualEnvironment({ seed: 3 });
  const strategy = createRestartStrategy(options);
  const found: (number | undefined)[] = [];
  for (const gapMs of gapsMs) {
    await environment.advance(gapMs);
    found.push(strategy.onFailure(environment));
  }
  return found;
}

test('none gives up at the first failure', async () => {
  expect(await delays({ kind: 'none' }, [0])).toEqual([undefined]);
});

test('fixed delay tries again so many times', async () => {
  expect(await delays({ kind: 'fixed-delay', attempts: 2, delay: '3s' }, [0, 0, 0])).toEqual([3000, 3000, undefined]);
  expect(await delays({ kind: 'fixed-delay' }, [0, 0])).toEqual([1000, undefined]);
});

test('failure rate gives up when more failures than allowed lie within the interval', async () => {
  const options = { kind: 'failure-rate', failures: 2, interval: '10s', delay: 5 } as const;
  expect(await delays(options, [0, 1000, 9000, 1000])).toEqual([5, 5, 5, 5]);
  expect(await delays(options, [0, 1000, 8999])).toEqual([5, 5, undefined]);
});

test('exponential delay grows to its maximum and starts again after a quiet time', async () => {
  const options = { kind: 'exponential-delay', jitter: 0, max: '4s', resetAfter: '1m' } as const;
  expect(await delays(options, [0, 0, 0, 0, 0, 0])).toEqual([1000, 1500, 2250, 3375, 4000, 4000]);
  // The next delay was to be 1.5 s: quiet means a minute after it.
  expect(await delays(options, [0, 61_500, 61_501])).toEqual([1000, 1500, 2250]);
  expect(await delays(options, [0, 61_501])).toEqual([1000, 1000]);
});

test('exponential delay is the default and stays within its jitter', async () => {
  const found = await delays(undefined, new Array<number>(12).fill(0));
  const expected = Array.from({ length: 12 }, (_, i) => Math.min(60_000, 1000 * 1.5 ** i));
  for (const [i, delayMs] of found.entries()) {
    expect(delayMs).toBeGreaterThanOrEqual(expected[i]! * 0.9);
    expect(delayMs).toBeLessThanOrEqual(expected[i]! * 1.1);
  }
  expect(new Set(found.slice(-2)).size).toBe(2);
});
