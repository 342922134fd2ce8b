import { parquetReadObjects } from 'hyparquet';
import { crc32, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VirtualEnvironment } from '../../../../engine/base/environment-virtual.ts';
import { readManifests } from '../../../../operators/sink/parquet/manifest.ts';
import { removeOrphans } from '../../../../operators/sink/parquet/orphans.ts';
import { parquetSink } from '../../../../operators/sink/parquet/parquet-sink.ts';
import type { RollPolicy } from '../../../../operators/sink/parquet/roll-policy.ts';
import { int, record } from '../../../../state/index.ts';
import { DirectoryStorage } from '../../../../state/storage/directory-storage.ts';
import type { ObjectStorage } from '../../../../state/storage/object-storage.ts';
import { type Fault, FaultPlan, FaultyStorage } from '../faulty-storage.ts';
import { SinkSimulation } from '../sink-simulation.ts';

const Row = record('Row', { n: int() });

/** Values of all rows that the manifests show, sorted; checks every file against what its manifest says. */
async function committedRows(lake: ObjectStorage): Promise<number[]> {
  const values: number[] = [];
  for (const { tidemark, entries } of await readManifests(lake)) {
    expect(entries.map((entry) => entry.url)).toEqual(tidemark.files.map((file) => lake.url(file.path)));
    for (const { path, bytes, rows, checksum, ranges, partition } of tidemark.files) {
      const file = (await lake.get(path))!.bytes;
      expect([file.length, crc32(file)]).toEqual([bytes, checksum]);
      const read = await parquetReadObjects({
        file: Uint8Array.from(file).buffer,
        compressors: { ZSTD: (input) => zstdDecompressSync(input) },
      });
      const numbers = read.map((row) => row['n'] as number);
      expect(numbers.length).toBe(rows);
      expect(ranges['n']).toEqual({ min: Math.min(...numbers), max: Math.max(...numbers) });
      for (const n of numbers) expect(`p=${n % 3}`).toBe(partition);
      values.push(...numbers);
    }
  }
  return values.sort((a, b) => a - b);
}

const fault = fc.tuple(
  fc.nat(25),
  fc.constantFrom<Fault>('crash-before', 'crash-after', 'error-before', 'error-after'),
);
const script = fc.record({
  parallelism: fc.integer({ min: 1, max: 3 }),
  isNotifiedLate: fc.boolean(),
  faults: fc.array(fault, { maxLength: 3 }),
  epochs: fc.array(fc.nat(9), { maxLength: 5 }),
});
const rollPolicy: fc.Arbitrary<RollPolicy | undefined> = fc.option(
  fc.record({ rows: fc.integer({ min: 1, max: 12 }) }),
  { nil: undefined },
);

test('law: after crashes at any operation, rescaling and repeated commits, the lake shows every row exactly once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(script, { maxLength: 5 }),
      rollPolicy,
      fc.integer({ min: 1, max: 3 }),
      async (scripts, policy, parallelism) => {
        const environment = new VirtualEnvironment();
        const lake = new DirectoryStorage(environment, '/lake');
        const rows = Array.from({ length: 60 }, (_, n) => ({ value: { n } }));
        const simulation = new SinkSimulation({
          environment,
          rows,
          checkpointStorage: new DirectoryStorage(environment, '/checkpoints'),
          createSink: (plan) =>
            parquetSink({
              path: '/lake',
              schema: Row,
              partitionBy: (row) => `p=${row.n % 3}`,
              rollPolicy: policy,
              storage: new FaultyStorage(lake, plan),
            }),
        });
        const expectRows = async (count: number): Promise<void> =>
          expect(await committedRows(lake)).toEqual(Array.from({ length: count }, (_, n) => n));
        await environment.run(
          (async () => {
            for (const attempt of scripts) {
              const outcome = await simulation.attempt({ ...attempt, faults: new FaultPlan(attempt.faults) });
              if (outcome === 'done' && policy === undefined) await expectRows(simulation.position);
            }
            await simulation.finish(new FaultPlan(), parallelism);
            await expectRows(rows.length);
            await simulation.commitAgain(new FaultPlan());
            await environment.scheduler.delay(8 * 86_400_000);
            await removeOrphans(lake, { environment });
            await expectRows(rows.length);
            const files = (await lake.list('p=')).map((entry) => entry.key);
            const named = (await readManifests(lake)).flatMap((manifest) =>
              manifest.tidemark.files.map((file) => file.path),
            );
            expect(files).toEqual(named.sort());
          })(),
        );
      },
    ),
    { numRuns: 150 },
  );
});
