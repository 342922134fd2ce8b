import { expect, test } from 'vitest';
import { CombinedWatermark } from '../../../engine/time/combined-watermark.ts';
import { PausableClock } from '../../../engine/time/pausable-clock.ts';
import { StatusWatermarkValve } from '../../../engine/time/status-watermark-valve.ts';
import { MAX_TIMESTAMP_MS } from '../../../engine/time/timestamps.ts';
import { WatermarkMultiplexer } from '../../../engine/time/watermark-multiplexer.ts';
import { WatermarkStrategy } from '../../../engine/time/watermark-strategy.ts';
import { createWatermarkGenerator } from '../../../engine/time/watermarks-with-idleness.ts';

const IDLE = 'IDLE';
const ACTIVE = 'ACTIVE';

function recorder() {
  const log: (number | string)[] = [];
  return {
    log,
    output: {
      emitWatermark: (watermarkMs: number) => void log.push(watermarkMs === MAX_TIMESTAMP_MS ? 'MAX' : watermarkMs),
      emitStatus: (isIdle: boolean) => void log.push(isIdle ? IDLE : ACTIVE),
      markIdle: () => void log.push(IDLE),
      markActive: () => void log.push(ACTIVE),
    },
  };
}

for (const Combiner of [StatusWatermarkValve, CombinedWatermark]) {
  test(`${Combiner.name}: a finished input holds nothing back, and the rest going idle does not jump to MAX`, () => {
    const { log, output } = recorder();
    const combiner = new Combiner(3, output);
    combiner.inputWatermark(0, 10);
    combiner.inputWatermark(1, 20);
    combiner.inputWatermark(2, 30);
    combiner.finish(0);
    combiner.inputWatermark(2, MAX_TIMESTAMP_MS);
    combiner.inputStatus(1, true);
    expect(log).toEqual([10, 20, IDLE]);
    combiner.inputStatus(1, false);
    combiner.inputWatermark(1, 25);
    expect(log.splice(0)).toEqual([10, 20, IDLE, ACTIVE, 25]);
    combiner.inputStatus(1, true);
    combiner.finish(1);
    expect(log).toEqual([IDLE, ACTIVE, 'MAX']);
  });

  test(`${Combiner.name}: when the last active input finishes behind idle ones, they are flushed, then idle`, () => {
    const { log, output } = recorder();
    const combiner = new Combiner(2, output);
    combiner.inputWatermark(0, 10);
    combiner.inputWatermark(1, 50);
    combiner.inputStatus(1, true);
    combiner.finish(0);
    combiner.finish(0);
    expect(log).toEqual([10, 50, IDLE]);
  });
}

test('all splits idle: the maximum, then idle; a split that is back makes the source active at the next emit', () => {
  const { log, output } = recorder();
  const multiplexer = new WatermarkMultiplexer(output);
  multiplexer.register('a');
  multiplexer.register('b');
  multiplexer.immediateOutput('a').emitWatermark(5);
  multiplexer.immediateOutput('b').emitWatermark(9);
  multiplexer.immediateOutput('a').markIdle();
  multiplexer.immediateOutput('b').markIdle();
  multiplexer.deferredOutput('a').markActive();
  multiplexer.onPeriodicEmit();
  expect(log).toEqual([5, 9, IDLE, ACTIVE]);
});

test('the clock of idleness stands still while any reason to pause is there', () => {
  let nowMs = 100;
  const clock = new PausableClock({ monotonicMs: () => nowMs });
  nowMs = 110;
  clock.setPaused('backpressure', true);
  nowMs = 120;
  clock.setPaused('alignment', true);
  clock.setPaused('backpressure', false);
  nowMs = 150;
  expect(clock.nowMs()).toBe(110);
  clock.setPaused('alignment', false);
  clock.setPaused('alignment', false);
  nowMs = 155;
  expect(clock.nowMs()).toBe(115);
});

test('a quiet split turns idle after the timeout of unpaused time, and active with the next record', () => {
  const { log, output } = recorder();
  let nowMs = 0;
  const clock = new PausableClock({ monotonicMs: () => nowMs });
  const generator = createWatermarkGenerator(
    WatermarkStrategy.forMonotonousTimestamps<string>().withIdleness('1s'),
    clock,
  );
  const probe = (): void => {
    generator.onPeriodicEmit(output);
    if (log.at(-1) === log.at(-2)) log.pop();
  };
  generator.onEvent('x', 7, output);
  probe();
  probe();
  clock.setPaused('backpressure', true);
  nowMs = 5_000;
  clock.setPaused('backpressure', false);
  probe();
  nowMs = 6_000;
  probe();
  expect(log).toEqual([6]);
  nowMs = 6_001;
  probe();
  generator.onEvent('y', 8, output);
  probe();
  expect(log).toEqual([6, IDLE, ACTIVE, 7]);
});
