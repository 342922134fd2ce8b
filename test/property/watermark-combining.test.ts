import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CombinedWatermark } from '../../engine/time/combined-watermark.ts';
import { StatusWatermarkValve } from '../../engine/time/status-watermark-valve.ts';
import { MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS } from '../../engine/time/timestamps.ts';
import { WatermarkMultiplexer } from '../../engine/time/watermark-multiplexer.ts';

type Status = 'active' | 'idle' | 'finished';

type Step =
  | { readonly do: 'watermark'; readonly on: number; readonly ms: number }
  | { readonly do: 'idle' | 'active' | 'finish'; readonly on: number };

const INPUTS = 3;

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('watermark' as const),
        on: fc.nat(INPUTS - 1),
        ms: fc.oneof({ weight: 20, arbitrary: fc.integer({ min: -5, max: 20 }) }, fc.constant(MAX_TIMESTAMP_MS)),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('idle' as const, 'active'), on: fc.nat(INPUTS - 1) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('finish' as const), on: fc.nat(INPUTS - 1) }) },
  ),
  { maxLength: 40, size: 'max' },
);

type Emitted = number | 'idle' | 'active';

function recorder() {
  const log: Emitted[] = [];
  const emitStatus = (isIdle: boolean): void => void log.push(isIdle ? 'idle' : 'active');
  return {
    log,
    emitWatermark: (watermarkMs: number) => void log.push(watermarkMs),
    emitStatus,
    markIdle: () => emitStatus(true),
    markActive: () => emitStatus(false),
  };
}

/** What is known of one input in the oracles: everything it has said, read again from the start at every step. */
interface Told {
  readonly status: Status;
  /** Largest watermark accepted. */
  readonly ms: number;
}

/** The inputs after the steps, when watermarks on idle inputs are ignored or make active. */
function tell(told: readonly Step[], wakes: boolean): Told[] {
  const inputs = Array.from({ length: INPUTS }, (): Told => ({ status: 'active', ms: MIN_TIMESTAMP_MS }));
  for (const step of told) {
    const { status, ms } = inputs[step.on]!;
    if (status === 'finished') continue;
    if (step.do === 'finish' || (step.do === 'watermark' && step.ms === MAX_TIMESTAMP_MS))
      inputs[step.on] = { status: 'finished', ms };
    else if (step.do !== 'watermark') inputs[step.on] = { status: step.do, ms };
    else if (status === 'active' || wakes) inputs[step.on] = { status: 'active', ms: Math.max(ms, step.ms) };
  }
  return inputs;
}

function send(target: StatusWatermarkValve | CombinedWatermark, step: Step): void {
  if (step.do === 'watermark') target.inputWatermark(step.on, step.ms);
  else if (step.do === 'finish') target.finish(step.on);
  else target.inputStatus(step.on, step.do === 'idle');
}

/** The laws that any combination keeps, step by step. */
function checkLaws(log: readonly Emitted[], inputs: readonly Told[]): void {
  const watermarks = log.filter((element) => typeof element === 'number');
  for (let i = 1; i < watermarks.length; i++) expect(watermarks[i]).toBeGreaterThan(watermarks[i - 1]!);
  const statuses = log.filter((element) => typeof element !== 'number');
  statuses.forEach((status, i) => expect(status).toBe(i % 2 === 0 ? 'idle' : 'active'));
  const isAllFinished = inputs.every(({ status }) => status === 'finished');
  const isIdle = !isAllFinished && inputs.every(({ status }) => status !== 'active');
  expect(statuses.at(-1) ?? 'active').toBe(isIdle ? 'idle' : 'active');
  expect(watermarks.includes(MAX_TIMESTAMP_MS)).toBe(isAllFinished);
  // Nobody's promise is exceeded: what is emitted has been promised by some unfinished input.
  const highestMs = Math.max(MIN_TIMESTAMP_MS, ...inputs.map(({ ms }) => ms));
  if (!isAllFinished) expect(watermarks.at(-1) ?? MIN_TIMESTAMP_MS).toBeLessThanOrEqual(highestMs);
}

test('two or more inputs: the minimum of the active ones whenever it is higher, the maximum when none is active', () => {
  fc.assert(
    fc.property(steps, (given) => {
      const output = recorder();
      const combined = new CombinedWatermark(INPUTS, output);
      let emittedMs = MIN_TIMESTAMP_MS;
      given.forEach((step, i) => {
        send(combined, step);
        const inputs = tell(given.slice(0, i + 1), true);
        const open = inputs.filter(({ status }) => status !== 'finished');
        const active = open.filter(({ status }) => status === 'active');
        const reachedMs =
          open.length === 0
            ? MAX_TIMESTAMP_MS
            : active.length > 0
              ? Math.min(...active.map(({ ms }) => ms))
              : Math.max(...open.map(({ ms }) => ms));
        emittedMs = Math.max(emittedMs, reachedMs);
        expect(combined.watermarkMs).toBe(emittedMs);
        checkLaws(output.log, inputs);
      });
    }),
    { numRuns: 500 },
  );
});

test('channels of one input: those back from idle count when they have caught up; nothing an unfinished active and aligned channel has not promised', () => {
  fc.assert(
    fc.property(steps, (given) => {
      const output = recorder();
      const valve = new StatusWatermarkValve(INPUTS, output);
      /** Aligned by the book: once out of step by idleness, back at a watermark that is not below what was emitted. */
      const isAligned = new Array<boolean>(INPUTS).fill(true);
      let before = tell([], false);
      given.forEach((step, i) => {
        const emittedMs = valve.watermarkMs;
        send(valve, step);
        const inputs = tell(given.slice(0, i + 1), false);
        const { status, ms } = inputs[step.on]!;
        const heldMinimum = before[step.on]!.ms === emittedMs;
        const hasLeft = before[step.on]!.status === 'active' && status !== 'active';
        if (status !== 'active') isAligned[step.on] = false;
        else if (ms >= emittedMs) isAligned[step.on] = true;
        const aligned = inputs.filter((_input, channel) => isAligned[channel]);
        const open = inputs.filter((input) => input.status !== 'finished');
        const hasRaised = step.do === 'watermark' && ms > before[step.on]!.ms;
        let expectedMs = emittedMs;
        if (open.length === 0) expectedMs = MAX_TIMESTAMP_MS;
        else if (open.every((input) => input.status === 'idle')) {
          if (hasLeft && heldMinimum) expectedMs = Math.max(emittedMs, ...open.map((input) => input.ms));
        } else if ((hasRaised || (hasLeft && heldMinimum)) && aligned.length > 0) {
          expectedMs = Math.max(emittedMs, Math.min(...aligned.map((input) => input.ms)));
        }
        expect(valve.watermarkMs).toBe(expectedMs);
        checkLaws(output.log, inputs);
        before = inputs;
      });
    }),
    { numRuns: 500 },
  );
});

type SplitStep =
  | { readonly do: 'add' | 'remove' | 'idle' | 'active'; readonly split: string; readonly isDeferred: boolean }
  | { readonly do: 'emit'; readonly split: string; readonly isDeferred: boolean; readonly ms: number }
  | { readonly do: 'periodic' };

const split = fc.constantFrom('a', 'b', 'c');
const splitSteps: fc.Arbitrary<SplitStep[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('emit' as const),
        split,
        isDeferred: fc.boolean(),
        ms: fc.integer({ min: -5, max: 20 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom('add' as const, 'add', 'remove', 'idle', 'active'),
        split,
        isDeferred: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('periodic' as const) }) },
  ),
  { maxLength: 50, size: 'max' },
);

test('splits of a source: the minimum of those not idle as of the last combination, told once', () => {
  fc.assert(
    fc.property(splitSteps, (given) => {
      const output = recorder();
      const multiplexer = new WatermarkMultiplexer(output);
      const splits = new Map<string, { ms: number; isIdle: boolean }>();
      const expected: Emitted[] = [];
      let emittedMs = MIN_TIMESTAMP_MS;
      let isIdle = false;
      const combine = (): void => {
        const all = [...splits.values()];
        const active = all.filter((one) => !one.isIdle);
        if (all.length === 0) return;
        const turnsIdle = active.length === 0;
        if (isIdle && !turnsIdle) expected.push('active');
        const reachedMs = turnsIdle ? Math.max(...all.map(({ ms }) => ms)) : Math.min(...active.map(({ ms }) => ms));
        if (reachedMs > emittedMs) expected.push((emittedMs = reachedMs));
        if (!isIdle && turnsIdle) expected.push('idle');
        isIdle = turnsIdle;
      };
      for (const step of given) {
        if (step.do === 'periodic') {
          multiplexer.onPeriodicEmit();
          combine();
          continue;
        }
        const known = splits.get(step.split);
        if (step.do === 'add') {
          if (known !== undefined) continue;
          multiplexer.register(step.split);
          splits.set(step.split, { ms: MIN_TIMESTAMP_MS, isIdle: false });
          continue;
        }
        if (step.do === 'remove') {
          expect(multiplexer.unregister(step.split)).toBe(known !== undefined);
          splits.delete(step.split);
          continue;
        }
        if (known === undefined) continue;
        const target = step.isDeferred
          ? multiplexer.deferredOutput(step.split)
          : multiplexer.immediateOutput(step.split);
        if (step.do === 'emit') {
          target.emitWatermark(step.ms);
          const isHigher = step.ms > known.ms;
          splits.set(step.split, { ms: Math.max(known.ms, step.ms), isIdle: false });
          if (!step.isDeferred && isHigher) combine();
        } else {
          if (step.do === 'idle') target.markIdle();
          else target.markActive();
          splits.set(step.split, { ms: known.ms, isIdle: step.do === 'idle' });
          if (!step.isDeferred) combine();
        }
        expect(output.log).toEqual(expected);
      }
      expect(output.log).toEqual(expected);
      expect(multiplexer.watermarkMs).toBe(emittedMs);
    }),
    { numRuns: 500 },
  );
});
