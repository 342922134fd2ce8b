import { expect, test } from 'vitest';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import { runUndisturbed, simulate, type SimulatedJob } from './simulate.ts';
import { SIMULATED_JOBS } from './simulated-jobs.ts';

/*
 * Whole jobs through crashes, stops, zombies, slow and failing storage and sinks, at changing parallelism: every seed is
 * another story, and every story must end with the rows of an undisturbed run. A seed that fails is told with the command
 * that runs it again; TIDEMARK_SIM_SEEDS asks for more of them.
 */
const FILE = 'test/sim/determinism.sim.test.ts';
const { variables } = createNodeEnvironment();
const only = variables['TIDEMARK_SIM_SEED'];
const seedCount = Number(variables['TIDEMARK_SIM_SEEDS'] ?? 40);
const seeds = only === undefined ? Array.from({ length: seedCount }, (_, i) => i + 1) : [Number(only)];
const TIMEOUT_MS = 20_000 + seedCount * 2_000;

for (const job of SIMULATED_JOBS) {
  test(
    `${job.name}: whatever happens, the results are those of an undisturbed run`,
    async () => {
      const { rows } = await runUndisturbed(job);
      for (const uid of job.sinkUids) expect(rows[uid]!.length, `the job writes rows to ${uid}`).toBeGreaterThan(5);
      for (const seed of seeds) {
        await told(job, seed, async () => {
          const found = await simulate(job, seed);
          expect(found.violations, found.history.join('\n')).toEqual([]);
          for (const uid of job.sinkUids) expect(found.rows[uid], found.history.join('\n')).toEqual(rows[uid]);
        });
      }
    },
    TIMEOUT_MS,
  );

  test(
    `${job.name}: the same seed gives the same checkpoints and results, byte for byte`,
    async () => {
      for (const seed of seeds.filter((candidate) => only !== undefined || candidate % 4 === 0)) {
        await told(job, seed, async () => {
          const [first, second] = [await simulate(job, seed), await simulate(job, seed)];
          expect(second.history).toEqual(first.history);
          expect(second.fingerprint).toBe(first.fingerprint);
        });
      }
      const prints = await Promise.all([1, 2].map(async (seed) => (await simulate(job, seed)).fingerprint));
      expect(prints[0]).not.toBe(prints[1]);
    },
    TIMEOUT_MS,
  );
}

/** Runs the story of a seed; a failure says how to run it again. */
async function told(job: SimulatedJob, seed: number, story: () => Promise<void>): Promise<void> {
  try {
    await story();
  } catch (error) {
    const command = `TIDEMARK_SIM_SEED=${seed} npx vitest run ${FILE} -t '^${job.name}:'`;
    throw new Error(`seed ${seed}: ${(error as Error).message}\nrun it again: ${command}`, { cause: error });
  }
}
