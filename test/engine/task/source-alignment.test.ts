import { expect, test } from 'vitest';
import { Counter } from '../../../engine/base/metrics.ts';
import { DISCARDING_OUTPUT } from '../../../engine/task/output.ts';
import type { SourceReader, SourceSplit } from '../../../engine/task/source.ts';
import { SourceAlignment } from '../../../engine/task/source-alignment.ts';
import { TimedSplit } from '../../../engine/task/timed-split.ts';
import { AlignmentGroup } from '../../../engine/time/alignment-group.ts';
import { PausableClock } from '../../../engine/time/pausable-clock.ts';
import { WatermarkMultiplexer } from '../../../engine/time/watermark-multiplexer.ts';
import { WatermarkStrategy } from '../../../engine/time/watermark-strategy.ts';

type Reader = Pick<SourceReader<unknown, SourceSplit>, 'pauseOrResumeSplits' | 'hasBacklog'>;

/** A subtask of splits of times, in a group with one that says itself where it is. */
function aligned(
  splitIds: readonly string[],
  options: { readonly pauses?: boolean; readonly isByDefault?: boolean } = {},
) {
  const { pauses = true, isByDefault = false } = options;
  let nowMs = 0;
  let changes = 0;
  const calls: string[] = [];
  const hasBacklog = new Map<string, boolean>();
  const reader: Reader = {
    ...(pauses && { pauseOrResumeSplits: (toPause, toResume) => void calls.push(`-${toPause} +${toResume}`) }),
    hasBacklog: (splitId) => hasBacklog.get(splitId) ?? true,
  };
  const group = new AlignmentGroup(() => changes++);
  const other = group.join(() => {});
  const settings = { group: 'g', maxDriftMs: 100, updateIntervalMs: 1_000, isByDefault };
  const alignment = new SourceAlignment({ group, settings }, reader as SourceReader<unknown, SourceSplit>);
  const nothing = { emitWatermark: () => {}, markIdle: () => {}, markActive: () => {} };
  const multiplexer = new WatermarkMultiplexer(nothing);
  const splits = splitIds.map((splitId) => {
    const split = new TimedSplit({
      splitId,
      strategy: WatermarkStrategy.forMonotonousTimestamps<unknown>().withTimestamp(Number),
      clock: new PausableClock({ monotonicMs: () => nowMs }),
      multiplexer,
      output: DISCARDING_OUTPUT,
      recordsOut: new Counter(),
    });
    alignment.add(split);
    return split;
  });
  return {
    group,
    other,
    alignment,
    multiplexer,
    calls,
    hasBacklog,
    split: (id: string) => splits.find(({ splitId }) => splitId === id)!,
    read(id: string, ...times: readonly number[]): void {
      for (const at of times) this.split(id).collect(at, 0);
      alignment.report();
    },
    advance: (byMs: number) => void (nowMs += byMs),
    changes: () => changes,
  };
}

test('splits that are ahead of the group are paused one by one, and go on when it has caught up', () => {
  const run = aligned(['a', 'b', 'c']);
  const { alignment, other, calls } = run;
  other.report(1_000);
  run.read('a', 1_050);
  run.read('b', 1_102);
  run.read('c', 2_000);
  // Before all were read nobody goes on. The watermark is the time less 1.
  expect(calls).toEqual(['-a +', '-b +', '-c +a']);
  expect(alignment.mayRead()).toBe(true);
  run.read('a', 1_300);
  expect(alignment.mayRead()).toBe(false);
  other.report(1_150);
  expect(alignment.mayRead()).toBe(true);
  expect(calls.slice(3)).toEqual(['-a +', '- +b']);
  alignment.leave();
  other.report(5_000);
  expect(run.group.minimumMs).toBe(5_000);
});

test('a reader that cannot pause splits is held as a whole, while all of its splits are ahead', () => {
  const run = aligned(['a', 'b'], { pauses: false });
  run.other.report(0);
  run.read('a', 500);
  run.read('b', 50);
  expect(run.alignment.mayRead()).toBe(true);
  run.read('b', 200);
  expect(run.alignment.mayRead()).toBe(false);
  expect(run.alignment.driftMs).toBe(499);
  run.other.report(100);
  expect(run.alignment.mayRead()).toBe(true);
});

test('an idle split is not paused and holds nobody back; with no member that does, nobody is held', () => {
  const run = aligned(['a', 'b']);
  run.other.report(0);
  run.multiplexer.immediateOutput('a').markIdle();
  run.read('b', 50);
  run.alignment.report();
  expect(run.calls).toEqual([]);
  run.split('a').collect(5_000, 0);
  run.multiplexer.immediateOutput('a').markIdle();
  run.alignment.report();
  expect(run.calls).toEqual([]);
  run.multiplexer.immediateOutput('b').markIdle();
  run.other.report(Infinity);
  run.alignment.report();
  expect(run.group.minimumMs).toBe(Infinity);
  expect(run.alignment.driftMs).toBe(0);
  expect(run.alignment.mayRead()).toBe(true);
});

test('the idleness clock of a held split stands still, and of that split only', () => {
  const run = aligned(['a', 'b']);
  run.other.report(0);
  run.read('a', 1_000);
  run.advance(300);
  expect([run.split('a').clock.nowMs(), run.split('b').clock.nowMs()]).toEqual([0, 300]);
  run.other.report(1_000);
  run.read('b', 1_000);
  run.advance(5);
  expect(run.split('a').clock.nowMs()).toBe(5);
});

test('where nobody asked for alignment: by timestamps, without quiet splits and those read up to their end', () => {
  const run = aligned(['a', 'b'], { isByDefault: true });
  run.other.report(1_000);
  expect(run.group.minimumMs).toBeLessThan(0);
  run.read('a', 1_000);
  run.read('b', 900);
  expect(run.group.minimumMs).toBe(900);
  run.hasBacklog.set('b', false);
  run.alignment.report();
  expect(run.group.minimumMs).toBe(1_000);
  run.hasBacklog.set('b', true);
  run.alignment.report();
  expect(run.group.minimumMs).toBe(900);
  run.advance(10_001);
  run.group.refresh();
  expect(run.group.minimumMs).toBe(1_000);
  run.calls.length = 0;
  // One record from the future is not believed, two are.
  run.read('a', 9_000);
  expect(run.calls).toEqual([]);
  run.read('a', 9_001);
  expect(run.calls).toEqual(['-a +']);
});
