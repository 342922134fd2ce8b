/** Adds a record to a queue of times and numbers, alternating, sorted by time; among equal times it comes last. */
export function enqueue(queue: number[], timestampMs: number, number: number): void {
  if (queue.length === 0 || queue[queue.length - 2]! <= timestampMs) queue.push(timestampMs, number);
  else queue.splice(firstAfter(queue, timestampMs), 0, timestampMs, number);
}

/** Index of the first time > `timestampMs`; the length when there is none. */
function firstAfter(queue: readonly number[], timestampMs: number): number {
  let low = 0;
  let high = queue.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (queue[2 * middle]! <= timestampMs) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}
