import { expect, test } from 'vitest';
import { attributionRules } from '../../../jobs/attribution/rules.ts';
import { score } from '../../../jobs/attribution/scorer.ts';
import { Simulator } from '../../../jobs/simulator/simulator.ts';
import { computeTruth } from '../../../jobs/simulator/truth/compute-truth.ts';
import { rangeWithin } from '../../../jobs/simulator/truth/log-range.ts';
import { CROWDED } from './crowded-world.ts';
import { type EngineRunOptions, engineRun } from './engine-run.ts';

const DURATION_MS = 60_000;

const CASES: readonly { readonly title: string; readonly seed: number; readonly options: Partial<EngineRunOptions> }[] =
  [
    { title: 'alone', seed: 1, options: {} },
    { title: 'with two subtasks', seed: 2, options: { parallelism: 2 } },
    { title: 'with more subtasks than partitions', seed: 3, options: { parallelism: 4 } },
    { title: 'with failures', seed: 4, options: { parallelism: 2, failAfter: [900, 2_000, 1_500] } },
    { title: 'with a cache that holds almost nothing', seed: 5, options: { cacheBytes: 200_000 } },
  ];

for (const { title, seed, options } of CASES) {
  for (const userJoin of ['rows', 'all'] as const) {
    test(`on the engine, ${title}, every row is as the truth expects it, once (user join ${userJoin})`, async () => {
      const rules = attributionRules({ joinWindow: '15s', dedupeWindow: '10s', userJoin });
      const simulator = new Simulator({ ...CROWDED, seed });
      const truth = computeTruth(simulator, rangeWithin(simulator, DURATION_MS), rules);
      const { rows, checkpointCount, restartCount } = await engineRun({
        simulator,
        rules,
        durationMs: DURATION_MS,
        ...options,
      });
      const result = score(rows, truth);
      expect(result.differences).toEqual([]);
      expect(result.isPerfect).toBe(true);
      expect(checkpointCount).toBeGreaterThan(5);
      expect(restartCount).toBe(options.failAfter?.length ?? 0);
    });
  }
}
