import { keyGroupRange } from '../../../state/keyed/key-group.ts';
import type { Key } from '../../../state/keyed/key.ts';
import type { KeyGroups, TestBackendKind } from './backends.ts';
import type { SubtaskPlace } from './harness-snapshot.ts';

export interface HarnessOptions {
  /** Which keyed state the operator runs on. Default: plain maps, which show a value that was changed but not updated. */
  readonly backend?: TestBackendKind | undefined;
  /** Ids of side outputs that nobody reads. Default: all are read. */
  readonly unreadTagIds?: readonly string[] | undefined;
  /** How many subtasks the operator has; the harness drives one of them. Default 1. */
  readonly parallelism?: number | undefined;
  /** Which subtask is driven, from 0; with keyed inputs only records of its key groups may be fed. Default 0. */
  readonly subtaskIndex?: number | undefined;
  /** Default 128. */
  readonly maxParallelism?: number | undefined;
}

/** By input; undefined for an input without keys beside a keyed one. */
export type KeySelectors = readonly (((value: never) => Key) | undefined)[];

/** @throws Error when there is no such subtask. */
export function placeOf({ parallelism = 1, subtaskIndex = 0, maxParallelism = 128 }: HarnessOptions): SubtaskPlace {
  if (!(Number.isInteger(subtaskIndex) && subtaskIndex >= 0 && subtaskIndex < parallelism))
    throw new Error(`subtaskIndex: expected 0 to ${parallelism - 1}, found ${subtaskIndex}`);
  if (parallelism > maxParallelism)
    throw new Error(`parallelism: expected at most the max parallelism ${maxParallelism}, found ${parallelism}`);
  return { parallelism, subtaskIndex };
}

export function keyGroupsOf(options: HarnessOptions): KeyGroups {
  const { parallelism, subtaskIndex } = placeOf(options);
  const maxParallelism = options.maxParallelism ?? 128;
  return { ...keyGroupRange(subtaskIndex, parallelism, maxParallelism), maxParallelism };
}
