import { twoPhaseCommitSink } from '../../../operators/sink/two-phase-commit/two-phase-commit-sink.ts';
import { SinkHarness, type SinkSnapshot } from '../../harness/operators/sink-harness.ts';
import { NotCovered, type VectorType } from '../observed.ts';

/** A target whose transactions live in memory, outside of the sink. */
class MemoryTarget {
  readonly open = new Map<number, unknown[]>();
  readonly committed: unknown[] = [];
  isFailing = false;
  #begunCount = 0;

  beginTransaction(): number {
    this.open.set(this.#begunCount, []);
    return this.#begunCount++;
  }

  write(transaction: number, value: unknown): void {
    if (this.isFailing) throw new Error('the write fails');
    this.open.get(transaction)!.push(value);
  }

  preCommit(): void {}

  commit(transaction: number): void {
    this.committed.push(...(this.open.get(transaction) ?? []));
    this.open.delete(transaction);
  }

  abort(transaction: number): void {
    this.open.delete(transaction);
  }
}

/** The sink over a memory target. */
export const twoPhaseCommitSinkType: VectorType = async (_vector, observed) => {
  const target = new MemoryTarget();
  const harness = await SinkHarness.open(
    twoPhaseCommitSink<unknown, number>({ description: 'memory', createTarget: () => target }),
  );
  const snapshots = new Map<number, SinkSnapshot>();

  return {
    async step(step) {
      const checkpointId = step.checkpointId ?? 0;
      switch (step.t) {
        case 'rec':
          harness.processElement(step.value);
          break;
        case 'snapshot':
          snapshots.set(checkpointId, await harness.snapshot(checkpointId));
          break;
        case 'notifyCheckpointComplete':
          await harness.notifyCheckpointComplete(checkpointId);
          break;
        case 'fail':
          target.isFailing = true;
          try {
            harness.processElement('lost');
          } catch {
            await harness.close();
          }
          target.isFailing = false;
          break;
        case 'restore':
          await harness.restore(snapshots.get(checkpointId)!);
          break;
        default:
          throw new NotCovered(`step ${step.t}`);
      }
      observed.assert({ committed: [...target.committed] }, { openTransactions: target.open.size });
    },
    close: () => harness.close(),
  };
};
