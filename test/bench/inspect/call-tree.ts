/** One function in one place of the call tree, with what was sampled in it and below. */
export interface CallNode {
  readonly name: string;
  /** `folder/file.ts:line`; empty for what is not of a file. */
  readonly place: string;
  /** Microseconds, or bytes allocated. */
  self: number;
  total: number;
  readonly children: Map<string, CallNode>;
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallFrame;
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface AllocationNode {
  readonly callFrame: CallFrame;
  readonly selfSize: number;
  readonly children: readonly AllocationNode[];
}

/** What a thread does while it waits; `spawnSync` for a process of its own, which has a profile of its own. */
const IDLE_NAMES = new Set(['(idle)', '(program)', 'spawnSync']);

export function emptyTree(): CallNode {
  return { name: 'all', place: '', self: 0, total: 0, children: new Map() };
}

/** Adds a `.cpuprofile`, in microseconds; idle time is left out. */
export function addCpuProfile(tree: CallNode, profile: CpuProfile, root: string): void {
  const selfOf = new Map<number, number>();
  for (const [i, id] of profile.samples.entries()) selfOf.set(id, (selfOf.get(id) ?? 0) + profile.timeDeltas[i]!);
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const add = (id: number, into: CallNode): number => {
    const { callFrame, children = [] } = byId.get(id)!;
    if (IDLE_NAMES.has(callFrame.functionName)) return 0;
    const node = childOf(into, callFrame, root);
    const self = selfOf.get(id) ?? 0;
    let total = self;
    for (const child of children) total += add(child, node);
    node.self += self;
    node.total += total;
    return total;
  };
  for (const id of profile.nodes[0]!.children ?? []) tree.total += add(id, tree);
}

/** Adds a `.heapprofile` of sampled allocations, in bytes. */
export function addAllocationProfile(tree: CallNode, head: AllocationNode, root: string): void {
  const add = ({ callFrame, selfSize, children }: AllocationNode, into: CallNode): number => {
    const node = childOf(into, callFrame, root);
    let total = selfSize;
    for (const child of children) total += add(child, node);
    node.self += selfSize;
    node.total += total;
    return total;
  };
  for (const child of head.children) tree.total += add(child, tree);
}

/** Functions by what was sampled in themselves, the largest first. */
export function topFunctions(tree: CallNode, countMax: number): { name: string; place: string; self: number }[] {
  const sums = new Map<string, { name: string; place: string; self: number }>();
  const visit = (node: CallNode): void => {
    const key = `${node.name} ${node.place}`;
    const sum = sums.get(key);
    if (sum === undefined) sums.set(key, { name: node.name, place: node.place, self: node.self });
    else sum.self += node.self;
    for (const child of node.children.values()) visit(child);
  };
  visit(tree);
  return [...sums.values()].toSorted((a, b) => b.self - a.self).slice(0, countMax);
}

/** What was sampled in the functions of a folder (`state/keyed`), the largest first. Other code stands under `node`. */
export function topFolders(tree: CallNode): { folder: string; self: number }[] {
  const sums = new Map<string, number>();
  const visit = (node: CallNode): void => {
    const folder = folderOf(node);
    sums.set(folder, (sums.get(folder) ?? 0) + node.self);
    for (const child of node.children.values()) visit(child);
  };
  visit(tree);
  return [...sums].map(([folder, self]) => ({ folder, self })).toSorted((a, b) => b.self - a.self);
}

/** The folder that a function's file is in; its name in parentheses for the collector and the like. */
export function folderOf({ name, place }: CallNode): string {
  if (name.startsWith('(') && place === '' && name !== '(anonymous)') return name;
  const end = place.lastIndexOf('/');
  return end < 0 || place.startsWith('node:') ? 'node' : place.slice(0, end);
}

function childOf(parent: CallNode, frame: CallFrame, root: string): CallNode {
  const url = frame.url.replace('file://', '').replace(`${root}/`, '');
  const place = url === '' ? '' : `${url}:${frame.lineNumber + 1}`;
  const name = frame.functionName === '' ? '(anonymous)' : frame.functionName;
  const key = `${name} ${place}`;
  let child = parent.children.get(key);
  if (child === undefined) {
    child = {
      name,
      place,
      self: 0,
      total: 0,
      children: new Map(),
    };
    parent.children.set(key, child);
  }
  return child;
}
