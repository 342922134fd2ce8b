import { expect, test } from 'vitest';
import { attributionRules } from '../../../jobs/attribution/rules.ts';
import { type JobRows, score } from '../../../jobs/attribution/scorer.ts';
import { Simulator } from '../../../jobs/simulator/simulator.ts';
import { computeTruth } from '../../../jobs/simulator/truth/compute-truth.ts';
import { rangeWithin } from '../../../jobs/simulator/truth/log-range.ts';
import { CROWDED } from './crowded-world.ts';
import { MemoryRun } from './memory-run.ts';

const rules = attributionRules({ joinWindow: '15s' });
const simulator = new Simulator({ ...CROWDED, seed: 3 });
const range = rangeWithin(simulator, 30_000);
const truth = computeTruth(simulator, range, rules);
const run = new MemoryRun(simulator, rules);
run.read(simulator, range, 1);
const rows: JobRows = run.rows;

test('the right rows are perfect', () => {
  expect(score(rows, truth)).toMatchObject({ isPerfect: true, misplaced: 0, moneyErrorMicros: {} });
});

test('a lost row, a doubled one, a wrong one and one too many are told apart', () => {
  const [first, second, third, ...rest] = rows.joinedClicks;
  const joinedClicks = [
    second!,
    second!,
    { ...third!, impressionId: 'wrong' },
    { ...first!, clickId: 'unheard of' },
    ...rest,
  ];
  const result = score({ ...rows, joinedClicks }, truth);
  expect(result.isPerfect).toBe(false);
  expect(result.outputs.joinedClicks).toMatchObject({ lost: 1, doubled: 1, wrong: 1, surplus: 1 });
  expect(result.outputs.joinedClicks.recall).toBeCloseTo((rows.joinedClicks.length - 2) / rows.joinedClicks.length, 10);
  expect(result.differences).toHaveLength(4);
  expect(result.misplaced).toBe(1);
});

test('money that is off shows, by currency', () => {
  const attributions = rows.attributions.map((row) =>
    row.valueMicros === undefined ? row : { ...row, valueMicros: row.valueMicros + 1 },
  );
  const errors = Object.values(score({ ...rows, attributions }, truth).moneyErrorMicros);
  expect(errors.reduce((sum, error) => sum + error, 0)).toBe(
    attributions.filter((row) => row.valueMicros !== undefined).length,
  );
});

test('a key join finds every cause it can, the user join most', () => {
  const calm = new Simulator({ profile: 'dense', impressionsPerSecond: 200, clickDelayMax: '20s', seed: 5 });
  const all = rangeWithin(calm, 60_000);
  const calmRun = new MemoryRun(calm, attributionRules());
  calmRun.read(calm, all, 1);
  const { clicks } = score(calmRun.rows, computeTruth(calm, all, attributionRules())).causes;
  expect(clicks.precision).toBeGreaterThan(0.99);
  expect(clicks.recall).toBeGreaterThan(0.98);
});
