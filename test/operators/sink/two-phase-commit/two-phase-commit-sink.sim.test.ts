import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VirtualEnvironment } from '../../../../engine/base/environment-virtual.ts';
import {
  twoPhaseCommitSink,
  type TwoPhaseCommitTarget,
} from '../../../../operators/sink/two-phase-commit/two-phase-commit-sink.ts';
import { DirectoryStorage } from '../../../../state/storage/directory-storage.ts';
import { type Fault, FaultPlan } from '../faulty-storage.ts';
import { SinkSimulation } from '../sink-simulation.ts';

/** A database that outlives its clients: transactions by id, and the rows that committed ones have made visible. */
class Database {
  readonly transactions = new Map<number, { readonly rows: number[]; isPrepared: boolean }>();
  readonly visible: number[] = [];
  #nextId = 0;

  begin(): number {
    this.transactions.set(this.#nextId, { rows: [], isPrepared: false });
    return this.#nextId++;
  }
}

class Client implements TwoPhaseCommitTarget<number, { readonly id: number }> {
  readonly #database: Database;
  readonly #plan: FaultPlan;

  constructor(database: Database, plan: FaultPlan) {
    this.#database = database;
    this.#plan = plan;
  }

  beginTransaction(): { readonly id: number } {
    return { id: this.#database.begin() };
  }

  write({ id }: { readonly id: number }, value: number): void {
    const transaction = this.#database.transactions.get(id)!;
    expect(transaction.isPrepared).toBe(false);
    transaction.rows.push(value);
  }

  preCommit({ id }: { readonly id: number }): Promise<void> {
    return this.#plan.perform('preCommit', async () => void (this.#database.transactions.get(id)!.isPrepared = true));
  }

  commit({ id }: { readonly id: number }): Promise<void> {
    return this.#plan.perform('commit', async () => {
      const transaction = this.#database.transactions.get(id);
      if (transaction === undefined) return;
      expect(transaction.isPrepared).toBe(true);
      this.#database.visible.push(...transaction.rows);
      this.#database.transactions.delete(id);
    });
  }

  abort({ id }: { readonly id: number }): Promise<void> {
    return this.#plan.perform('abort', async () => void this.#database.transactions.delete(id));
  }
}

const fault = fc.tuple(fc.nat(25), fc.constantFrom<Fault>('crash-before', 'crash-after'));
const script = fc.record({
  parallelism: fc.integer({ min: 1, max: 3 }),
  isNotifiedLate: fc.boolean(),
  faults: fc.array(fault, { maxLength: 3 }),
  epochs: fc.array(fc.nat(9), { maxLength: 5 }),
});

test('law: after crashes at any operation, rescaling and repeated commits, every row is visible exactly once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(script, { maxLength: 5 }),
      fc.integer({ min: 1, max: 3 }),
      async (scripts, parallelism) => {
        const environment = new VirtualEnvironment();
        const database = new Database();
        const rows = Array.from({ length: 60 }, (_, value) => ({ value }));
        const simulation = new SinkSimulation<number>({
          environment,
          rows,
          checkpointStorage: new DirectoryStorage(environment, '/checkpoints'),
          createSink: (plan) =>
            twoPhaseCommitSink({ description: 'database', createTarget: () => new Client(database, plan) }),
        });
        const expectRows = (count: number): void =>
          expect(database.visible.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, n) => n));
        await environment.run(
          (async () => {
            for (const attempt of scripts) {
              const outcome = await simulation.attempt({ ...attempt, faults: new FaultPlan(attempt.faults) });
              if (outcome === 'done') expectRows(simulation.position);
            }
            await simulation.finish(new FaultPlan(), parallelism);
            expectRows(rows.length);
            await simulation.commitAgain(new FaultPlan());
            expectRows(rows.length);
          })(),
        );
      },
    ),
    { numRuns: 150 },
  );
});
