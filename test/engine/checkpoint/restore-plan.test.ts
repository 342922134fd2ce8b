import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { UserError } from '../../../engine/base/errors.ts';
import { checkRestorable } from '../../../engine/checkpoint/compatibility.ts';
import type { CheckpointManifest, OperatorSnapshot, SubtaskSnapshot } from '../../../engine/checkpoint/manifest.ts';
import { planSubtaskRestore } from '../../../engine/checkpoint/restore-plan.ts';
import { createJobGraph } from '../../../engine/graph/job-graph.ts';
import type { StateFile } from '../../../state/snapshot/state-file.ts';
import { keyGroupRange } from '../../../state/keyed/key-group.ts';
import { sourceNode } from '../graph/arbitrary-stream-graph.ts';

const MAX_PARALLELISM = 16;

function fileOf(key: string, keyGroupStart: number, keyGroupEnd: number): StateFile {
  return { key, bytes: 1, checksum: 0, kind: 'delta', pageCount: 1, keyGroupStart, keyGroupEnd };
}

/** What `parallelism` subtasks could have stored: each two files over parts of its key groups, and all kinds of lists. */
const arbitrarySnapshot: fc.Arbitrary<OperatorSnapshot> = fc
  .array(
    fc.record({
      list: fc.array(fc.nat(9), { maxLength: 5 }),
      union: fc.array(fc.nat(9), { maxLength: 3 }),
      writerStates: fc.array(fc.nat(9), { maxLength: 3 }),
      hasList: fc.boolean(),
      cut: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { minLength: 1, maxLength: MAX_PARALLELISM },
  )
  .map((plans) => ({
    uid: 'op',
    name: 'op',
    parallelism: plans.length,
    maxParallelism: MAX_PARALLELISM,
    keyedStates: [],
    subtasks: plans.map((plan, subtaskIndex): SubtaskSnapshot => {
      const { start, end } = keyGroupRange(subtaskIndex, plans.length, MAX_PARALLELISM);
      const cut = start + Math.floor(plan.cut * (end - start));
      const keyedFiles = [fileOf(`${subtaskIndex}-base`, start, end)];
      if (cut > start) keyedFiles.push(fileOf(`${subtaskIndex}-delta`, start, cut));
      const mark = (values: readonly number[], kind: string): string[] =>
        values.map((value, i) => `${kind}-${subtaskIndex}-${i}-${value}`);
      return {
        subtaskIndex,
        keyedFiles,
        operatorStates: [
          ...(plan.hasList
            ? [{ name: 'list', mode: 'list' as const, schema: 'int', entries: mark(plan.list, 'list') }]
            : []),
          { name: 'union', mode: 'union', schema: 'int', entries: mark(plan.union, 'union') },
          { name: 'rules', mode: 'broadcast', schema: 'int', entries: ['same', 'on', 'all'] },
        ],
        writerStates: mark(plan.writerStates, 'writer'),
      };
    }),
  }));

test('at any new parallelism everything stored goes exactly where it belongs', () => {
  fc.assert(
    fc.property(arbitrarySnapshot, fc.integer({ min: 1, max: MAX_PARALLELISM }), (snapshot, parallelism) => {
      const plans = Array.from({ length: parallelism }, (_, subtaskIndex) => {
        const { start, end } = keyGroupRange(subtaskIndex, parallelism, MAX_PARALLELISM);
        const subtask = { subtaskIndex, parallelism, keyGroupStart: start, keyGroupEnd: end };
        return { start, end, restore: planSubtaskRestore(snapshot, subtask) };
      });
      const entriesOf = (name: string): string[][] =>
        plans.map(({ restore }) => restore.operatorStates.find((state) => state.name === name)?.entries.slice() ?? []);
      const storedEntries = (name: string): string[] =>
        snapshot.subtasks.flatMap(
          (stored) => stored.operatorStates.find((state) => state.name === name)?.entries ?? [],
        );

      // Lists: every element once; each its own where nothing changes, else parts of equal size but for one.
      expect(entriesOf('list').flat().sort()).toEqual(storedEntries('list').sort());
      const sizes = entriesOf('list').map((entries) => entries.length);
      if (parallelism !== snapshot.parallelism) expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      else {
        for (const [i, entries] of entriesOf('list').entries())
          for (const entry of entries) expect(entry).toMatch(new RegExp(`^list-${i}-`));
        for (const [i, { restore }] of plans.entries())
          for (const state of restore.writerStates) expect(state).toMatch(new RegExp(`^writer-${i}-`));
      }
      for (const entries of entriesOf('union')) expect(entries).toEqual(storedEntries('union'));
      for (const entries of entriesOf('rules')) expect(entries).toEqual(['same', 'on', 'all']);
      expect(plans.flatMap(({ restore }) => restore.writerStates.map(String)).sort()).toEqual(
        snapshot.subtasks.flatMap((stored) => (stored.writerStates ?? []).map(String)).sort(),
      );

      // Key groups: per group the files that hold it, oldest first, as its old subtask had them.
      for (let keyGroup = 0; keyGroup < MAX_PARALLELISM; keyGroup++) {
        const holds = (file: StateFile): boolean => file.keyGroupStart <= keyGroup && keyGroup < file.keyGroupEnd;
        const owners = plans.filter(({ start, end }) => start <= keyGroup && keyGroup < end);
        expect(owners).toHaveLength(1);
        expect(owners[0]!.restore.keyedFiles.filter(holds)).toEqual(
          snapshot.subtasks.flatMap((stored) => stored.keyedFiles).filter(holds),
        );
      }
      for (const { start, end, restore } of plans)
        for (const file of restore.keyedFiles) expect(file.keyGroupStart < end && start < file.keyGroupEnd).toBe(true);
    }),
    { numRuns: 500 },
  );
});

const graph = createJobGraph({ nodes: [sourceNode(0)], edges: [] }, { maxParallelism: MAX_PARALLELISM });
const EMPTY: SubtaskSnapshot = { subtaskIndex: 0, keyedFiles: [], operatorStates: [] };

function manifestWith(subtask: Partial<SubtaskSnapshot>, operator: Partial<OperatorSnapshot> = {}): CheckpointManifest {
  const snapshot: OperatorSnapshot = {
    uid: 'gone',
    name: 'Gone operator',
    parallelism: 1,
    maxParallelism: MAX_PARALLELISM,
    keyedStates: [],
    subtasks: [{ ...EMPTY, ...subtask }],
    ...operator,
  };
  return {
    format: 1,
    kind: 'checkpoint',
    jobName: 'clicks',
    shard: '0',
    checkpointId: 7,
    attempt: 1,
    triggeredAtMs: 0,
    completedAtMs: 0,
    isFinal: false,
    operators: { [snapshot.uid]: snapshot },
    pendingCommits: [],
  };
}

function refusal(manifest: CheckpointManifest, options: { jobName?: string; allowNonRestoredState?: boolean } = {}) {
  try {
    checkRestorable(manifest, graph, {
      jobName: 'clicks',
      where: '/chk-7.json',
      allowNonRestoredState: false,
      ...options,
    });
    return undefined;
  } catch (error) {
    expect((error as UserError).code).toBe('STATE_INCOMPATIBLE');
    expect((error as UserError).message).toContain('/chk-7.json');
    return (error as UserError).message;
  }
}

test('a checkpoint of another job is refused', () => {
  expect(refusal(manifestWith({}), { jobName: 'orders' })).toContain("is of job 'clicks', expected 'orders'");
});

test('another max parallelism is refused, even for an operator without state', () => {
  expect(refusal(manifestWith({}, { uid: 'uid-0', maxParallelism: 8 }))).toContain('max parallelism 8, the job has 16');
});

test('state of an operator that the job no longer has is refused, whatever kind of state it is', () => {
  const states: Partial<SubtaskSnapshot>[] = [
    { keyedFiles: [fileOf('a', 0, 16)] },
    { operatorStates: [{ name: 'list', mode: 'list', schema: 'int', entries: ['AA=='] }] },
    { splits: [{ splitId: '0' }] },
    { writerStates: ['rows held for a larger file'] },
  ];
  for (const state of states) {
    expect(refusal(manifestWith(state))).toContain("holds state of 'gone' (Gone operator)");
    expect(refusal(manifestWith(state), { allowNonRestoredState: true })).toBeUndefined();
    const ofSource = refusal(manifestWith(state, { uid: 'uid-0' }));
    if (state.splits === undefined) expect(ofSource).toMatch(/^'uid-0' was stored as an? (operator|sink)/);
    else expect(ofSource).toBeUndefined();
  }
  expect(refusal(manifestWith({ keyedFiles: [{ ...fileOf('a', 0, 16), pageCount: 0 }] }))).toBeUndefined();
});
