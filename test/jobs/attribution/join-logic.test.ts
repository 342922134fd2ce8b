import { expect, test } from 'vitest';
import { attributionRules } from '../../../jobs/attribution/rules.ts';
import { score } from '../../../jobs/attribution/scorer.ts';
import { Simulator } from '../../../jobs/simulator/simulator.ts';
import type { SimulatorOptions } from '../../../jobs/simulator/options.ts';
import { computeTruth } from '../../../jobs/simulator/truth/compute-truth.ts';
import { rangeWithin } from '../../../jobs/simulator/truth/log-range.ts';
import { MemoryRun } from './memory-run.ts';

/** A small crowded world: users meet the same campaigns often, windows are short, trouble is frequent. */
const CROWDED: SimulatorOptions = {
  profile: 'dense',
  impressionsPerSecond: 100,
  partitions: 3,
  users: 200,
  campaigns: 12,
  advertisers: 4,
  creativesPerCampaign: 2,
  clickThroughRate: 0.15,
  clickDelayMax: '40s',
  conversionsPerClick: 0.4,
  conversionDelayScale: 60 / (30 * 86_400),
  clickWindow: '20s',
  beyondWindowRate: 0.1,
  legacyRate: 0.25,
  idlessClickRate: 0.05,
  trouble: {
    naturalDuplicate: 0.03,
    syntheticDuplicate: 0.02,
    late: 0.02,
    unparseable: 0.01,
    missingField: 0.01,
    badTimestamp: 0.01,
    futureTimestamp: 0.01,
    unknownReference: 0.01,
    badValue: 0.01,
    orphan: 0.02,
  },
};

for (const userJoin of ['rows', 'all'] as const) {
  test(`every row is as the truth expects it, in any order of arrival (user join ${userJoin})`, () => {
    const rules = attributionRules({ joinWindow: '15s', dedupeWindow: '10s', userJoin });
    for (let seed = 1; seed <= 8; seed++) {
      const simulator = new Simulator({ ...CROWDED, seed });
      const range = rangeWithin(simulator, 90_000);
      const truth = computeTruth(simulator, range, rules);
      const run = new MemoryRun(simulator, rules);
      run.read(simulator, range, seed * 31);
      const result = score(run.rows, truth);
      expect(result.differences, `seed ${seed}`).toEqual([]);
      expect(result.isPerfect, `seed ${seed}`).toBe(true);
      expect(run.pageCount(), `seed ${seed}`).toBe(0);
    }
  });
}
