import type { PartialMatch } from './matcher-state.ts';

/*
 * Partial matches are kept in a binary heap by the record they began with, in an array: children of i are 2i + 1 and
 * 2i + 2. Those that began with the same record come out in the order that heap gives, which is part of the semantics: it
 * decides which of several matches an after-match skip strategy keeps.
 */

export function heapAdd(heap: PartialMatch[], added: PartialMatch): void {
  let at = heap.length;
  heap.push(added);
  while (at > 0) {
    const parentAt = (at - 1) >>> 1;
    const parent = heap[parentAt]!;
    if (added.start >= parent.start) break;
    heap[at] = parent;
    at = parentAt;
  }
  heap[at] = added;
}

/** Takes out the first; the heap must not be empty. */
export function heapPoll(heap: PartialMatch[]): PartialMatch {
  const first = heap[0]!;
  const last = heap.pop()!;
  if (heap.length > 0) siftDown(heap, 0, last);
  return first;
}

/** Takes out all for which `isRemoved` says so. Returns whether there were any. */
export function heapRemoveIf(heap: PartialMatch[], isRemoved: (match: PartialMatch) => boolean): boolean {
  let kept = 0;
  const { length } = heap;
  for (let i = 0; i < length; i++) {
    const match = heap[i]!;
    if (!isRemoved(match)) heap[kept++] = match;
  }
  if (kept === length) return false;
  heap.length = kept;
  for (let i = (kept >>> 1) - 1; i >= 0; i--) siftDown(heap, i, heap[i]!);
  return true;
}

function siftDown(heap: PartialMatch[], from: number, sifted: PartialMatch): void {
  const { length } = heap;
  const half = length >>> 1;
  let at = from;
  while (at < half) {
    let childAt = 2 * at + 1;
    let child = heap[childAt]!;
    const right = heap[childAt + 1];
    if (right !== undefined && child.start > right.start) {
      child = right;
      childAt++;
    }
    if (sifted.start <= child.start) break;
    heap[at] = child;
    at = childAt;
  }
  heap[at] = sifted;
}
