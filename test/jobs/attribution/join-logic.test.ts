import { expect, test } from 'vitest';
import { attributionRules } from '../../../jobs/attribution/rules.ts';
import { score } from '../../../jobs/attribution/scorer.ts';
import { Simulator } from '../../../jobs/simulator/simulator.ts';
import { computeTruth } from '../../../jobs/simulator/truth/compute-truth.ts';
import { rangeWithin } from '../../../jobs/simulator/truth/log-range.ts';
import { CROWDED } from './crowded-world.ts';
import { MemoryRun } from './memory-run.ts';

for (const userJoin of ['rows', 'all'] as const) {
  test(`every row is as the truth expects it, in any order of arrival (user join ${userJoin})`, () => {
    const rules = attributionRules({ joinWindow: '15s', dedupeWindow: '10s', userJoin });
    for (let seed = 1; seed <= 6; seed++) {
      const simulator = new Simulator({ ...CROWDED, seed });
      const range = rangeWithin(simulator, 70_000);
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
