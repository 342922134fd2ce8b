import { expect, test } from 'vitest';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import { createRandomJob } from './random-job.ts';
import { runUndisturbed, simulate, type SimulationResult } from './simulate.ts';
import { SIMULATED_JOBS } from './simulated-jobs.ts';

/*
 * Whole jobs through crashes, stops, zombies, slow and failing storage and sinks, at changing parallelism: every seed is
 * another story, and every story must end with the rows of an undisturbed run. A seed that fails is told with the command
 * that runs it again; TIDEMARK_SIM_SEEDS asks for more of them.
 */
const FILE = 'test/sim/determinism.sim.test.ts';
const { variables } = createNodeEnvironment();
const only = variables['TIDEMARK_SIM_SEED'];
const seedCount = Number(variables['TIDEMARK_SIM_SEEDS'] ?? 50);
const TIMEOUT_MS = 20_000 + seedCount * 2_000;

/** One in `weight` of the seeds there are. */
function seedsOf(weight: number): number[] {
  if (only !== undefined) return [Number(only)];
  return Array.from({ length: Math.max(1, Math.floor(seedCount / weight)) }, (_, i) => i + 1);
}

for (const job of SIMULATED_JOBS) {
  const weight = job.weight ?? 1;

  test(
    `${job.name}: whatever happens, the results are those of an undisturbed run`,
    async () => {
      const { rows, log } = await runUndisturbed(job);
      expect(log).toEqual([]);
      for (const uid of job.sinkUids) expect(rows[uid]!.length, `the job writes rows to ${uid}`).toBeGreaterThan(5);
      for (const seed of seedsOf(weight))
        await told(job.name, seed, async () => verify(await simulate(job, seed), rows));
    },
    TIMEOUT_MS,
  );

  test(
    `${job.name}: the same seed gives the same checkpoints and results, byte for byte`,
    async () => {
      const prints = new Set<string>();
      for (const seed of seedsOf(weight * 4)) {
        await told(job.name, seed, async () => {
          const [first, second] = [await simulate(job, seed), await simulate(job, seed)];
          expect(second.history).toEqual(first.history);
          expect(second.fingerprint).toBe(first.fingerprint);
          expect(prints).not.toContain(first.fingerprint);
          prints.add(first.fingerprint);
        });
      }
    },
    TIMEOUT_MS,
  );
}

test(
  'random: jobs wired at random give what a model of lists says, undisturbed and through everything',
  async () => {
    for (const seed of seedsOf(1 / 3)) {
      await told('random', seed, async () => {
        const job = createRandomJob(seed);
        const undisturbed = await runUndisturbed(job);
        verify(undisturbed, job.expected);
        expect(undisturbed.log).toEqual([]);
        verify(await simulate(job, seed), job.expected);
      });
    }
  },
  TIMEOUT_MS,
);

function verify(found: SimulationResult, rows: SimulationResult['rows']): void {
  const history = found.history.join('\n');
  expect(found.violations, history).toEqual([]);
  for (const [uid, expected] of Object.entries(rows)) expect(found.rows[uid], `${uid}\n${history}`).toEqual(expected);
}

/** Runs the story of a seed; a failure says how to run it again. */
async function told(name: string, seed: number, story: () => Promise<void>): Promise<void> {
  try {
    await story();
  } catch (error) {
    const command = `TIDEMARK_SIM_SEED=${seed} npx vitest run ${FILE} -t '^${name}:'`;
    throw new Error(`seed ${seed}: ${(error as Error).message}\nrun it again: ${command}`, { cause: error });
  }
}
