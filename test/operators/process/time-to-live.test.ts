import { expect, test } from 'vitest';
import { TEST_BACKENDS } from '../../harness/operators/backends.ts';
import { keyedOneInputHarness } from '../../harness/operators/operator-harness.ts';
import { isRecord } from '../../harness/operators/stream-elements.ts';
import { type Command, type Config, type Op, ttlProbe } from '../../property/ttl-probe.ts';

test.each(TEST_BACKENDS.slice(1))('what has expired is cleaned up without being read ($name)', async (backend) => {
  for (const isEventTime of [true, false]) {
    const config: Config = { isEventTime, ttlMs: 80, refreshesOnRead: false, returnsExpired: false };
    const harness = await keyedOneInputHarness<Command, string>(
      () => ttlProbe(config),
      (it: Command) => it.key,
      { backend },
    );
    await harness.processWatermark(0);
    for (let i = 0; i < 20; i++) {
      harness.processElement({ key: `k${i}`, op: { state: 'list', do: 'add', v: i } });
      harness.processElement({ key: `k${i}`, op: { state: 'map', do: 'set', k: 'x', v: i } });
      harness.processElement({ key: `k${i}`, op: { state: 'aggregating', do: 'add', v: i } });
    }
    expect(harness.numKeyedStateEntries()).toBe(20);
    await harness.initializeState(await harness.snapshot());
    // An eighth of the time-to-live later everything is gone.
    for (const timeMs of [0, 79, 91, 92]) {
      if (isEventTime) await harness.processWatermark(timeMs);
      else await harness.setProcessingTime(timeMs);
      if (timeMs < 80) expect(harness.numKeyedStateEntries()).toBe(20);
    }
    for (let timeMs = 100; timeMs < 140; timeMs++) {
      if (isEventTime) await harness.processWatermark(timeMs);
      else await harness.setProcessingTime(timeMs);
    }
    expect(harness.numKeyedStateEntries()).toBe(0);
    await harness.close();
  }
});

test.each(TEST_BACKENDS)(
  'what has expired is returned once, or folded, until it is cleaned up ($name)',
  async (backend) => {
    const config: Config = { isEventTime: false, ttlMs: 80, refreshesOnRead: true, returnsExpired: true };
    const harness = await keyedOneInputHarness<Command, string>(
      () => ttlProbe(config),
      (it: Command) => it.key,
      { backend },
    );
    const answer = (op: Op): unknown => {
      harness.processElement({ key: 'a', op });
      return harness.takeOutput().filter(isRecord)[0]?.value;
    };
    for (const state of ['value', 'list', 'map', 'reducing', 'aggregating'] as const) {
      await harness.setProcessingTime(0);
      if (state === 'value') answer({ state, do: 'update', v: 1 });
      else if (state === 'map') answer({ state, do: 'set', k: 'x', v: 1 });
      else answer({ state, do: 'add', v: 1 });
    }
    // Expired, and not yet cleaned up: that comes an eighth later.
    await harness.setProcessingTime(80);
    expect(answer({ state: 'map', do: 'isEmpty' })).toBe('false');
    expect(answer({ state: 'map', do: 'has', k: 'x' })).toBe('true');
    expect(answer({ state: 'map', do: 'has', k: 'x' })).toBe('false');
    expect(answer({ state: 'value', do: 'get' })).toBe('1');
    expect(answer({ state: 'value', do: 'get' })).toBe('null');
    expect(answer({ state: 'list', do: 'get' })).toBe('[1]');
    expect(answer({ state: 'list', do: 'get' })).toBe('[]');
    answer({ state: 'reducing', do: 'add', v: 5 });
    expect(answer({ state: 'reducing', do: 'get' })).toBe('7');
    expect(answer({ state: 'aggregating', do: 'get' })).toBe('"<4>"');
    answer({ state: 'aggregating', do: 'add', v: 1 });
    expect(answer({ state: 'aggregating', do: 'get' })).toBe('"<4>"');
    await harness.close();
  },
);
