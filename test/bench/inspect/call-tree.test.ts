import { expect, test } from 'vitest';
import { addCpuProfile, emptyTree, topFolders, topFunctions } from './call-tree.ts';
import { flameGraph } from './flame-graph.ts';

const frame = (functionName: string, url: string): { functionName: string; url: string; lineNumber: number } => ({
  functionName,
  url,
  lineNumber: 6,
});

test('a profile becomes a call tree without idle time', () => {
  const profile = {
    nodes: [
      { id: 1, callFrame: frame('(root)', ''), children: [2, 4, 5] },
      { id: 2, callFrame: frame('run', 'file:///repo/engine/task/task.ts'), children: [3] },
      { id: 3, callFrame: frame('get', 'file:///repo/state/keyed/page.ts') },
      { id: 4, callFrame: frame('(idle)', '') },
      { id: 5, callFrame: frame('(garbage collector)', '') },
    ],
    samples: [2, 3, 3, 4, 5],
    timeDeltas: [10, 20, 30, 1000, 5],
  };
  const tree = emptyTree();
  addCpuProfile(tree, profile, '/repo');
  addCpuProfile(tree, profile, '/repo');
  expect(tree.total).toBe(130);
  expect(topFunctions(tree, 2)).toEqual([
    { name: 'get', place: 'state/keyed/page.ts:7', self: 100 },
    { name: 'run', place: 'engine/task/task.ts:7', self: 20 },
  ]);
  expect(topFolders(tree)).toEqual([
    { folder: 'state/keyed', self: 100 },
    { folder: 'engine/task', self: 20 },
    { folder: '(garbage collector)', self: 10 },
    { folder: 'node', self: 0 },
  ]);
  const graph = flameGraph(tree, 'a < b', (us) => `${us} us`);
  expect(graph).toContain('a &lt; b');
  expect(graph).toContain('get state/keyed/page.ts:7\n100 us, 76.9 %; itself 100 us');
});
