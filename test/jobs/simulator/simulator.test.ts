import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { SourceName } from '../../../jobs/attribution/schemas.ts';
import { NO_TROUBLE, type SimulatorOptions } from '../../../jobs/simulator/options.ts';
import { Simulator, STREAMS } from '../../../jobs/simulator/simulator.ts';

const SMALL: SimulatorOptions = { profile: 'dense', impressionsPerSecond: 200, clickDelayMax: '20s', partitions: 2 };

const bytesAt = (simulator: Simulator, stream: SourceName, index: number): string =>
  Buffer.from(simulator.recordAt(stream, index).bytes).toString('latin1');

test('law: a record is a function of options, stream and index, from wherever reading starts', () => {
  const read = new Simulator(SMALL);
  const inOrder = new Map(
    STREAMS.map((stream) => [stream, Array.from({ length: 3_000 }, (_, i) => bytesAt(read, stream, i))]),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...STREAMS),
      fc.array(fc.nat(2_999), { minLength: 1, maxLength: 20 }),
      (stream, indices) => {
        const simulator = new Simulator(SMALL);
        for (const index of indices) expect(bytesAt(simulator, stream, index)).toBe(inOrder.get(stream)![index]);
      },
    ),
    { numRuns: 60 },
  );
});

test('other seeds give other worlds', () => {
  expect(bytesAt(new Simulator({ ...SMALL, seed: 2 }), 'impressions', 0)).not.toBe(
    bytesAt(new Simulator(SMALL), 'impressions', 0),
  );
});

test('records far ahead can be read at once', () => {
  const simulator = new Simulator(SMALL);
  const far = simulator.recordAt('impressions', 2 ** 40);
  // 2^40 slots of about 5 ms.
  expect((far.receivedAtMs - simulator.options.startMs) / 2 ** 40).toBeCloseTo(5, 0);
});

test('a partition is in the order in which it was logged, and nobody is lost or doubled by the sorting', () => {
  const simulator = new Simulator({ ...SMALL, trouble: NO_TROUBLE });
  for (const stream of STREAMS) {
    const log = simulator.log(stream, 1);
    const indices = new Set<string>();
    const kinds = new Map<string, number>();
    let lastMs = -Infinity;
    for (let offset = 0; offset < 6_000; offset++) {
      const { event, receivedAtMs } = log.entryAt(offset);
      expect(receivedAtMs).toBe(log.receivedAtMs(offset));
      expect(receivedAtMs).toBeGreaterThanOrEqual(lastMs);
      lastMs = receivedAtMs;
      indices.add(`${event.kind} ${event.index}`);
      kinds.set(event.kind, Math.max(kinds.get(event.kind) ?? 0, event.index));
    }
    expect(indices.size).toBe(6_000);
  }
});

test('on-time records keep the bound of disorder, late ones pass it by far', () => {
  const simulator = new Simulator({
    ...SMALL,
    trouble: { naturalDuplicate: 0.05, syntheticDuplicate: 0.05, late: 0.05 },
  });
  const { disorderMaxMs, lateMinMs, lateMaxMs } = simulator.options;
  for (const stream of STREAMS) {
    for (let offset = 0; offset < 4_000; offset++) {
      const { event, trouble, receivedAtMs } = simulator.log(stream, 0).entryAt(offset);
      const ageMs = receivedAtMs - event.timeMs;
      if (trouble === 'late') {
        expect(ageMs).toBeGreaterThanOrEqual(lateMinMs);
        expect(ageMs).toBeLessThan(lateMaxMs + 1000);
      } else if (trouble !== 'futureTimestamp') {
        expect(ageMs).toBeLessThan(disorderMaxMs);
      }
    }
  }
});

test('rates are about those of the options', () => {
  const simulator = new Simulator({ profile: 'dense', impressionsPerSecond: 1000, seed: 11 });
  const minutes = 4;
  const rate = (counts: Map<string, number>, name: string): number => counts.get(name) ?? 0;
  const counts = new Map<string, number>();
  let clickFirst = 0;
  let clicks = 0;
  const impressionArrivals = new Map<string, number>();
  const clickArrivals = new Map<string, number>();
  for (const stream of STREAMS) {
    for (let partition = 0; partition < 4; partition++) {
      const log = simulator.log(stream, partition);
      const count = simulator.countWithin(stream, partition, minutes * 60_000);
      for (let offset = 0; offset < count; offset++) {
        const { event, trouble, receivedAtMs } = log.entryAt(offset);
        const name = trouble === 'good' ? event.kind : `${stream} ${trouble}`;
        counts.set(name, rate(counts, name) + 1);
        if (trouble !== 'good') continue;
        if (event.kind === 'impression' && event.impressionId !== undefined)
          impressionArrivals.set(event.impressionId, receivedAtMs);
        if (event.kind === 'click' && event.impressionId !== undefined)
          clickArrivals.set(event.impressionId, receivedAtMs);
      }
    }
  }
  for (const [impressionId, arrival] of clickArrivals) {
    const impressionArrival = impressionArrivals.get(impressionId);
    if (impressionArrival === undefined) continue;
    clicks++;
    if (impressionArrival > arrival) clickFirst++;
  }
  const impressions = rate(counts, 'impression');
  expect(impressions / (minutes * 60_000)).toBeCloseTo(1, 1);
  expect(rate(counts, 'click') / impressions).toBeGreaterThan(0.045);
  expect(rate(counts, 'click') / impressions).toBeLessThan(0.052);
  expect(rate(counts, 'conversion') / rate(counts, 'click')).toBeCloseTo(1 / 12, 1);
  expect(rate(counts, 'bid_request') / impressions).toBeCloseTo(1, 1);
  expect(rate(counts, 'impressions naturalDuplicate') / impressions).toBeCloseTo(0.003, 3);
  expect(rate(counts, 'impressions late') / impressions).toBeCloseTo(0.002, 3);
  expect(rate(counts, 'clicks_conversions orphan') / rate(counts, 'click')).toBeGreaterThan(0.003);
  // Clicks logged before their impression: 1 to 2 %.
  expect(clickFirst / clicks).toBeGreaterThan(0.005);
  expect(clickFirst / clicks).toBeLessThan(0.025);
});

test('a click is on an impression of its user and campaign, after it; clicks prefer what is appealing', () => {
  const simulator = new Simulator({ ...SMALL, clickThroughRate: 0.02 });
  const byDevice = new Map<number, number>();
  for (let index = 0; index < 5_000; index++) {
    const click = simulator.clickAt(index);
    const impression = simulator.impressionAt(click.cause!);
    expect(click.user).toBe(impression.user);
    expect(click.campaign).toBe(impression.campaign);
    expect(click.timeMs).toBeGreaterThanOrEqual(impression.timeMs);
    byDevice.set(impression.device, (byDevice.get(impression.device) ?? 0) + 1);
  }
  // Mobile is four times as appealing as television.
  expect(byDevice.get(0)! / byDevice.get(3)!).toBeGreaterThan(3);
  expect(byDevice.get(0)! / byDevice.get(3)!).toBeLessThan(5);
});

test('wrong options are refused, naming the option', () => {
  expect(() => new Simulator({ clickThroughRate: 2 })).toThrow(
    /clickThroughRate: expected a number from 0 to 1, found 2/,
  );
  expect(() => new Simulator({ disorderMax: '30s', lateMin: '40s' })).toThrow(/lateMin/);
  expect(() => new Simulator({ partitions: 0.5 })).toThrow(/partitions/);
});
