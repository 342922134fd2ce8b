import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { OperatorSnapshot, OperatorStateSnapshot } from '../../../engine/checkpoint/manifest.ts';
import { repartitionOperatorState } from '../../../engine/checkpoint/repartition.ts';

/*
 * What Flink 2.3's RoundRobinOperatorStateRepartitioner has made of random states: for each old subtask how many elements
 * it had of each state, for each new one which it got, element j of old subtask s as 100 s + j.
 */
interface Case {
  readonly modes: readonly OperatorStateSnapshot['mode'][];
  readonly stored: readonly (readonly number[])[];
  readonly parallelism: number;
  readonly assigned: readonly (readonly (readonly number[])[])[];
}

const cases = readFileSync(new URL('fixtures/flink-repartition.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Case);

function snapshotOf({ modes, stored }: Case): OperatorSnapshot {
  return {
    uid: 'op',
    name: 'op',
    parallelism: stored.length,
    maxParallelism: 128,
    keyedStates: [],
    subtasks: stored.map((counts, subtaskIndex) => ({
      subtaskIndex,
      keyedFiles: [],
      operatorStates: counts.map((count, i) => ({
        name: 'abc'[i]!,
        mode: modes[i]!,
        schema: 'int',
        entries: Array.from({ length: count }, (_, j) => String(100 * subtaskIndex + j)),
      })),
    })),
  };
}

test('every subtask gets the elements that Flink gives it', () => {
  expect(cases).toHaveLength(200);
  for (const example of cases) {
    const snapshot = snapshotOf(example);
    const { parallelism, modes } = example;
    for (let subtaskIndex = 0; subtaskIndex < parallelism; subtaskIndex++) {
      const restored = repartitionOperatorState(snapshot, { subtaskIndex, parallelism });
      // The order within a subtask is that of Flink's hash maps.
      const elements = modes.map((_, i) =>
        (restored.find(({ name }) => name === 'abc'[i])?.entries ?? []).map(Number).toSorted((a, b) => a - b),
      );
      const expected = example.assigned[subtaskIndex]!.map((ids) => ids.toSorted((a, b) => a - b));
      expect(elements, JSON.stringify(example)).toEqual(expected);
    }
  }
});
