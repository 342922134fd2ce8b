import { testCreateSinkContext } from '../sink-context.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VirtualEnvironment } from '../../../../engine/base/environment-virtual.ts';
import { DELETE, INSERT, type RowKind, UPDATE_AFTER, UPDATE_BEFORE } from '../../../../engine/task/row-kind.ts';
import { warehouseSink } from '../../../../operators/sink/warehouse/warehouse-sink.ts';
import { int, record } from '../../../../state/index.ts';
import { DirectoryStorage } from '../../../../state/storage/directory-storage.ts';
import { SimulatedDatabase, SimulatedWarehouse } from '../../../sim/warehouse/simulated-warehouse.ts';
import { type Fault, FaultPlan } from '../faulty-storage.ts';
import { SinkSimulation, type SimulatedRow } from '../sink-simulation.ts';

const Row = record('Row', { k: int(), n: int() });

const fault = fc.tuple(
  fc.nat(30),
  fc.constantFrom<Fault>('crash-before', 'crash-after', 'error-before', 'error-after'),
);
const scripts = fc.array(
  fc.record({
    parallelism: fc.integer({ min: 1, max: 3 }),
    isNotifiedLate: fc.boolean(),
    faults: fc.array(fault, { maxLength: 4 }),
    epochs: fc.array(fc.nat(9), { maxLength: 5 }),
  }),
  { maxLength: 5 },
);

type Scripts = typeof scripts extends fc.Arbitrary<infer S> ? S : never;

async function runAll(
  mode: 'append' | 'upsert',
  rows: readonly SimulatedRow<{ k: number; n: number }>[],
  attempts: Scripts,
  modelAfter: (position: number) => unknown,
): Promise<void> {
  const environment = new VirtualEnvironment();
  const database = new SimulatedDatabase();
  const storage = new DirectoryStorage(environment, '/checkpoints');
  const simulation = new SinkSimulation({
    environment,
    rows,
    checkpointStorage: storage,
    createSink: (plan) =>
      warehouseSink({
        connection: () => new SimulatedWarehouse(database, plan),
        table: 'fact_x',
        schema: Row,
        mode,
        key: mode === 'upsert' ? ['k'] : undefined,
      }),
  });
  const view = (): unknown =>
    [...database.rows('fact_x')]
      .map(({ k, n }) => [k, n])
      .sort((a, b) => Number(a[0]) - Number(b[0]) || Number(a[1]) - Number(b[1]));
  await environment.run(
    (async () => {
      for (const attempt of attempts) {
        try {
          const outcome = await simulation.attempt({ ...attempt, faults: new FaultPlan(attempt.faults) });
          if (outcome === 'done') expect(view()).toEqual(modelAfter(simulation.position));
        } catch (error) {
          // The committer could not be opened: an engine restarts the attempt.
          if (!(error as Error).message.includes('simulated: prepare')) throw error;
        }
      }
      await simulation.finish(new FaultPlan(), 2);
      expect(view()).toEqual(modelAfter(rows.length));
      await simulation.commitAgain(new FaultPlan());
      expect(view()).toEqual(modelAfter(rows.length));
      // Every load was made once, in order.
      const ids = database.ledger.map((entry) => entry.checkpointId);
      expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
    })(),
  );
}

test('law: in mode append the table has every row exactly once, whatever fails and however often commits are repeated', async () => {
  await fc.assert(
    fc.asyncProperty(scripts, (attempts) => {
      const rows = Array.from({ length: 50 }, (_, n) => ({ value: { k: n, n } }));
      return runAll('append', rows, attempts, (position) =>
        rows.slice(0, position).map(({ value }) => [value.k, value.n]),
      );
    }),
    { numRuns: 150 },
  );
});

test('law: in mode upsert the table is what the changes leave, whatever fails', async () => {
  const change = fc.record({
    k: fc.nat(6),
    n: fc.nat(99),
    kind: fc.constantFrom<RowKind>(INSERT, UPDATE_BEFORE, UPDATE_AFTER, DELETE),
  });
  await fc.assert(
    fc.asyncProperty(scripts, fc.array(change, { maxLength: 60 }), (attempts, changes) => {
      const rows = changes.map(({ k, n, kind }) => ({ value: { k, n }, kind, key: k }));
      return runAll('upsert', rows, attempts, (position) => {
        const byKey = new Map<number, number>();
        for (const { k, n, kind } of changes.slice(0, position)) {
          if (kind === INSERT || kind === UPDATE_AFTER) byKey.set(k, n);
          else byKey.delete(k);
        }
        return [...byKey].sort((a, b) => a[0] - b[0]);
      });
    }),
    { numRuns: 150 },
  );
});

test('staged rows are gone when everything is loaded without faults', async () => {
  const environment = new VirtualEnvironment();
  const storage = new DirectoryStorage(environment, '/checkpoints');
  const database = new SimulatedDatabase();
  const simulation = new SinkSimulation({
    environment,
    rows: Array.from({ length: 20 }, (_, n) => ({ value: { k: n, n } })),
    checkpointStorage: storage,
    createSink: (plan) =>
      warehouseSink({
        connection: () => new SimulatedWarehouse(database, plan),
        table: 't',
        schema: Row,
        mode: 'append',
      }),
  });
  await environment.run(simulation.attempt({ parallelism: 2, faults: new FaultPlan(), epochs: [5, 5] }));
  expect(database.rows('t').length).toBe(10);
  expect(await storage.list('')).toEqual([]);
});

test('an epoch of a failed checkpoint is loaded although an earlier history has loaded its id', async () => {
  const environment = new VirtualEnvironment();
  const storage = new DirectoryStorage(environment, '/checkpoints');
  const database = new SimulatedDatabase();
  const sink = warehouseSink<{ k: number; n: number }>({
    connection: () => new SimulatedWarehouse(database, new FaultPlan()),
    table: 't',
    schema: Row,
    mode: 'append',
  });
  const context = (attempt: number) => testCreateSinkContext({ environment, storage, attempt });
  await environment.run(
    (async () => {
      const before = await sink.createWriter(context(1));
      before.write({ k: 1, n: 6 }, 0, INSERT);
      await (await sink.createCommitter!(context(1))).commit(6, await before.prepareCommit(6));
      // Taken back to checkpoint 5: its own checkpoint 6 failed, so 7 brings both.
      const after = await sink.createWriter(context(2));
      const epochs = [];
      for (const n of [6, 7]) {
        after.write({ k: 2, n }, 0, INSERT);
        epochs.push(...(await after.prepareCommit(n)));
      }
      await (await sink.createCommitter!(context(2))).commit(7, epochs);
    })(),
  );
  expect(database.rows('t').map(({ k, n }) => [k, n])).toEqual([
    [1, 6],
    [2, 6],
    [2, 7],
  ]);
});
