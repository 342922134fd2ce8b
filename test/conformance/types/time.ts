import { IdlenessTimer } from '../../../engine/time/idleness-timer.ts';
import { StatusWatermarkValve } from '../../../engine/time/status-watermark-valve.ts';
import { MIN_TIMESTAMP_MS } from '../../../engine/time/timestamps.ts';
import { WatermarkMultiplexer } from '../../../engine/time/watermark-multiplexer.ts';
import { WatermarkStrategy } from '../../../engine/time/watermark-strategy.ts';
import { NotCovered, type VectorType } from '../observed.ts';
import { printTime, timeMs } from '../vector.ts';

export const watermarkValve: VectorType = (vector, observed) => {
  const valve = new StatusWatermarkValve(vector.operator['channels'] as number, {
    emitWatermark: (watermarkMs) => observed.emit({ wm: printTime(watermarkMs) }),
    emitStatus: (isIdle) => observed.emit({ status: isIdle ? 'IDLE' : 'ACTIVE' }),
  });
  return {
    step(step) {
      if (step.t === 'wm') valve.inputWatermark(step.channel!, timeMs(step.ts));
      else valve.inputStatus(step.channel!, step.status === 'IDLE');
    },
  };
};

export const watermarkMultiplexer: VectorType = (_vector, observed) => {
  let lastWatermarkMs: number | undefined;
  let isIdle = false;
  const multiplexer = new WatermarkMultiplexer({
    emitWatermark: (watermarkMs) => void (lastWatermarkMs = watermarkMs),
    markIdle: () => void (isIdle = true),
    markActive: () => void (isIdle = false),
  });
  return {
    step(step) {
      const splitId = step.output!;
      if (step.t === 'register') multiplexer.register(splitId);
      else if (step.t === 'unregister') multiplexer.unregister(splitId);
      else if (step.t === 'periodic') multiplexer.onPeriodicEmit();
      else {
        const output =
          step.mode === 'deferred' ? multiplexer.deferredOutput(splitId) : multiplexer.immediateOutput(splitId);
        if (step.t === 'idle') output.markIdle();
        else output.emitWatermark(timeMs(step.ts));
      }
      observed.assert({
        lastWatermark: lastWatermarkMs === undefined ? null : printTime(lastWatermarkMs),
        idle: isIdle,
      });
    },
  };
};

export const watermarkGenerator: VectorType = (vector, observed) => {
  if (vector.operator['kind'] !== 'boundedOutOfOrderness')
    throw new NotCovered(`generator ${String(vector.operator['kind'])}`);
  const strategy = WatermarkStrategy.forBoundedOutOfOrderness(vector.operator['maxOutOfOrderness'] as number);
  const generator = strategy.createGenerator();
  let lastWatermarkMs = MIN_TIMESTAMP_MS;
  let hasEmitted = false;
  const output = {
    emitWatermark: (watermarkMs: number): void => {
      hasEmitted = true;
      lastWatermarkMs = Math.max(lastWatermarkMs, watermarkMs);
    },
    markIdle: (): void => {},
    markActive: (): void => {},
  };
  return {
    step(step) {
      if (step.t === 'rec') generator.onEvent(undefined, timeMs(step.ts), output);
      else generator.onPeriodicEmit(output);
      observed.assert({ wm: hasEmitted ? printTime(lastWatermarkMs) : null });
    },
  };
};

export const idlenessTimer: VectorType = (vector, observed) => {
  let nowMs = 0;
  const timer = new IdlenessTimer({ nowMs: () => nowMs }, vector.operator['timeout'] as number);
  return {
    step(step) {
      if (step.t === 'advance') nowMs += step.ms!;
      else if (step.t === 'activity') timer.activity();
      else observed.assert({ idle: timer.checkIfIdle() });
    },
  };
};
