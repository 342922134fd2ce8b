import { QUEUED_INLINE_MAX } from './limits.ts';
import type { MatchBuffers, MatcherState } from './matcher-state.ts';

/*
 * Records of a key that wait for their turn, sorted by time; among equal times they stand as they came. Times are in
 * `queueTimes`. The records themselves are beside them in `queueValues`, until there are many: then all are in the map
 * of records, which may be larger than memory, and `queueNumbers` tells where.
 */

export function enqueue<T>(
  state: MatcherState<T>,
  timestampMs: number,
  value: T,
  records: MatchBuffers<T>['records'],
): void {
  const { queueTimes } = state;
  const isInline = state.queueNumbers.length === 0;
  if (isInline && queueTimes.length >= QUEUED_INLINE_MAX) spill(state, records);
  const at = placeOf(queueTimes, timestampMs);
  insert(queueTimes, at, timestampMs);
  if (state.queueNumbers.length === 0) {
    insert(state.queueValues, at, value);
    return;
  }
  const number = state.nextRecord++;
  records.set(number, { references: 0, value });
  insert(state.queueNumbers, at, number);
}

/** Takes the first `count` records off the queue. */
export function dequeue<T>(state: MatcherState<T>, count: number): void {
  state.queueTimes.splice(0, count);
  (state.queueNumbers.length > 0 ? state.queueNumbers : state.queueValues).splice(0, count);
}

function spill<T>(state: MatcherState<T>, records: MatchBuffers<T>['records']): void {
  for (const value of state.queueValues) {
    const number = state.nextRecord++;
    records.set(number, { references: 0, value });
    state.queueNumbers.push(number);
  }
  state.queueValues = [];
}

function insert<E>(list: E[], at: number, element: E): void {
  if (at === list.length) list.push(element);
  else list.splice(at, 0, element);
}

/** Index of the first time > `timestampMs`; the length when there is none. */
function placeOf(times: readonly number[], timestampMs: number): number {
  let high = times.length;
  if (high === 0 || times[high - 1]! <= timestampMs) return high;
  let low = 0;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! <= timestampMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
