import { expect, test } from 'vitest';
import type { BroadcastState } from '../../../engine/task/operator-state.ts';
import { StreamOperator } from '../../../engine/task/stream-operator.ts';
import type { RowKind } from '../../../engine/task/row-kind.ts';
import { long, type ValueState } from '../../../operators/index.ts';
import { CollectedRows, collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { int, string } from '../../../state/schema/scalars.ts';
import { startVirtualJob, type VirtualJob } from '../../harness/virtual-job.ts';
import { numbers } from './count-job.ts';

/** Counts per key, times a factor that comes in by a broadcast. */
class Weighted extends StreamOperator<string> {
  #count: ValueState<number> | undefined;
  #rules: BroadcastState<string, number> | undefined;

  override open(): void {
    this.#count = this.keyedState({ kind: 'value', name: 'count', schema: long() });
    this.#rules = this.context.operatorState.broadcastState({ name: 'rules', keySchema: string(), schema: int() });
  }

  override processElement1(_value: unknown, timestampMs: number, kind: RowKind): void {
    const count = (this.#count!.value() ?? 0) + 1;
    this.#count!.update(count);
    this.output.collect(`${this.currentKey()}: ${count * (this.#rules!.get('factor') ?? 1)}`, timestampMs, kind);
  }

  override processElement2(value: unknown): void {
    expect(() => this.currentKey()).toThrow('there is no current key');
    this.#rules!.set('factor', value as number);
  }
}

function start(
  seed: number,
  parallelism: number,
  rows: CollectedRows<string>,
  files?: VirtualJob['files'],
): VirtualJob {
  return startVirtualJob({
    seed,
    files,
    parallelism,
    build(env) {
      const counted = numbers(env, 'numbers', { countPerSplit: 'unbounded', recordsPerSecond: 100 });
      const factors = numbers(env, 'factors', {
        countPerSplit: 'unbounded',
        recordAt: (_split, index) => (index + 1) * 100,
        dueMs: (_split, index) => index * 500,
      });
      counted
        .keyBy((n) => n % 4)
        .stream.transform2(factors.broadcast(), {
          kind: 'weighted',
          options: { uid: 'weighted' },
          isStateful: true,
          factory: () => new Weighted(),
        })
        .sinkTo(collectSink({ into: rows, visibility: 'immediately' }), { uid: 'out' });
    },
  });
}

test.each([
  [1, 1],
  [3, 2],
  [2, 4],
])(
  'a keyed operator with a broadcast beside has it on all subtasks, restored at %d -> %d too',
  async (before, after) => {
    const rows = new CollectedRows<string>();
    const first = start(1, before, rows);
    await first.environment.advance(450);
    // The first record may have come before the first factor.
    for (const row of rows.values().slice(1)) expect(Number(row.split(': ')[1]) % 100).toBe(0);
    await first.environment.advance(200);
    await first.environment.run(first.execution.stop());
    const counted = rows.values().length;
    const second = start(2, after, rows, first.files);
    await second.environment.advance(39);
    const restored = rows.values().slice(counted);
    expect(restored.length).toBeGreaterThan(0);
    // Counted on from 17, times the factor of the checkpoint or the next one, wherever the key lives now.
    for (const row of restored) expect([3400, 3600, 5100, 5400]).toContain(Number(row.split(': ')[1]));
  },
);
