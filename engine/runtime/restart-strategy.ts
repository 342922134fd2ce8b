import type { Environment } from '../base/environment.ts';
import type { RestartStrategyOptions } from '../graph/job-options.ts';
import { durationMs } from '../time/duration.ts';

/** Decides after a failure: how long to wait before the next attempt, or undefined to give up. */
export interface RestartStrategy {
  onFailure(environment: Environment): number | undefined;
}

/** Makes a strategy; the default, and the values left out, are Flink's: exponential delay, 1 s × 1.5 up to 1 min. */
export function createRestartStrategy(
  options: RestartStrategyOptions = { kind: 'exponential-delay' },
): RestartStrategy {
  switch (options.kind) {
    case 'none':
      return { onFailure: () => undefined };
    case 'fixed-delay':
      return fixedDelay(options.attempts ?? 1, durationMs(options.delay ?? '1s'));
    case 'failure-rate':
      return failureRate(
        options.failures ?? 1,
        durationMs(options.interval ?? '1m'),
        durationMs(options.delay ?? '1s'),
      );
    case 'exponential-delay':
      return exponentialDelay({
        initialMs: durationMs(options.initial ?? '1s'),
        maxMs: durationMs(options.max ?? '1m'),
        multiplier: options.multiplier ?? 1.5,
        jitter: options.jitter ?? 0.1,
        resetAfterMs: durationMs(options.resetAfter ?? '1h'),
      });
  }
}

function fixedDelay(attempts: number, delayMs: number): RestartStrategy {
  let failureCount = 0;
  return { onFailure: () => (++failureCount > attempts ? undefined : delayMs) };
}

function failureRate(failuresMax: number, intervalMs: number, delayMs: number): RestartStrategy {
  const failedAtMs: number[] = [];
  return {
    onFailure({ clock }) {
      const nowMs = clock.monotonicMs();
      while (failedAtMs.length > 0 && failedAtMs[0]! <= nowMs - intervalMs) failedAtMs.shift();
      failedAtMs.push(nowMs);
      return failedAtMs.length > failuresMax ? undefined : delayMs;
    },
  };
}

function exponentialDelay(options: {
  initialMs: number;
  maxMs: number;
  multiplier: number;
  jitter: number;
  resetAfterMs: number;
}): RestartStrategy {
  let delayMs = options.initialMs;
  let lastFailureMs = -Infinity;
  return {
    onFailure({ clock, random }) {
      const nowMs = clock.monotonicMs();
      if (nowMs - lastFailureMs > options.resetAfterMs + delayMs) delayMs = options.initialMs;
      lastFailureMs = nowMs;
      const current = delayMs;
      delayMs = Math.min(options.maxMs, delayMs * options.multiplier);
      return Math.max(0, current * (1 + options.jitter * (2 * random.next() - 1)));
    },
  };
}
