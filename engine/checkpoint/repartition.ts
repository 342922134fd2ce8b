import type { OperatorSnapshot, OperatorStateSnapshot } from './manifest.ts';

/**
 * Operator state of one subtask after a change of parallelism, as Flink deals it out. Pure.
 *
 * At the same parallelism every subtask gets its own. Else the elements of a list are cut into contiguous runs of nearly
 * equal length, in the order of the old subtasks; of several lists the next one's longer runs begin where those of the one
 * before ended. A union gives everyone everything. Of a broadcast state subtask i gets the copy of old subtask i modulo
 * their number.
 */
export function repartitionOperatorState(
  snapshot: OperatorSnapshot,
  subtask: { readonly subtaskIndex: number; readonly parallelism: number },
): OperatorStateSnapshot[] {
  const { subtaskIndex, parallelism } = subtask;
  const isSame = snapshot.parallelism === parallelism && snapshot.subtasks.length === parallelism;
  const names = new Set(snapshot.subtasks.flatMap(({ operatorStates }) => operatorStates.map(({ name }) => name)));
  const assigned: OperatorStateSnapshot[] = [];
  let firstIndex = 0;
  for (const name of names) {
    const partOf = (index: number): OperatorStateSnapshot | undefined =>
      snapshot.subtasks[index]!.operatorStates.find((state) => state.name === name);
    const parts = snapshot.subtasks.flatMap((_, index) => partOf(index) ?? []);
    const { mode } = parts[0]!;
    if (mode === 'broadcast') {
      assigned.push(parts[subtaskIndex % parts.length]!);
    } else if (mode === 'union') {
      assigned.push({ ...parts[0]!, entries: parts.flatMap(({ entries }) => entries) });
    } else if (isSame) {
      assigned.push(partOf(subtaskIndex) ?? { ...parts[0]!, entries: [] });
    } else {
      const entries = parts.flatMap((part) => part.entries);
      const { start, end } = runOf(
        entries.length,
        (subtaskIndex - firstIndex + parallelism) % parallelism,
        parallelism,
      );
      assigned.push({ ...parts[0]!, entries: entries.slice(start, end) });
      firstIndex = (firstIndex + (entries.length % parallelism)) % parallelism;
    }
  }
  return assigned;
}

/** Run `turn` of `count` elements cut into `parallelism` runs: the first ones are longer by one, as long as there is a rest. */
function runOf(count: number, turn: number, parallelism: number): { readonly start: number; readonly end: number } {
  const length = Math.floor(count / parallelism);
  const rest = count % parallelism;
  const start = turn * length + Math.min(turn, rest);
  return { start, end: start + length + (turn < rest ? 1 : 0) };
}
