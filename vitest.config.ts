import { globSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** Tests that run whole jobs: what they say must hold at any parallelism. */
const jobTests = globSync('test/**/*.test.ts').filter((file) =>
  /from '.*(test-job|virtual-job)\.ts'/.test(readFileSync(file, 'utf8')),
);

/**
 * `unit` needs Node and nothing else; `parallel-2` and `parallel-3` are its tests of whole jobs again, with so many
 * subtasks. `integration` runs its files one after the other against real servers; each server starts when the first test
 * asks for it (test/harness/services).
 */
export default defineConfig({
  test: {
    reporters: ['default', './test/harness/closing-line-reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/integration/**'],
          sequence: { groupOrder: 0 },
          testTimeout: 20_000,
        },
      },
      ...['2', '3'].map((parallelism) => ({
        test: {
          name: `parallel-${parallelism}`,
          include: jobTests,
          env: { TIDEMARK_TEST_PARALLELISM: parallelism },
          sequence: { groupOrder: 0 },
          testTimeout: 20_000,
        },
      })),
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/harness/services/vitest-setup.ts'],
          // After the unit tests, so that servers and clients under test do not fight them for two cores.
          sequence: { groupOrder: 1 },
          fileParallelism: false,
          testTimeout: 120_000,
          // A cold machine downloads the servers in the first test's set-up.
          hookTimeout: 600_000,
          // kafkajs computes negative timer values, which Node 24 reports and treats as 1 ms.
          execArgv: ['--disable-warning=TimeoutNegativeWarning'],
        },
      },
    ],
  },
});
