import { MIN_TIMESTAMP_MS } from '../time/timestamps.ts';
import type { Key, Namespace } from '../../state/keyed/key.ts';
import type { StateDescriptor } from '../../state/keyed/state.ts';
import type { FoundCheckpoint } from '../checkpoint/manifest.ts';
import { Savepoint } from '../savepoint/savepoint.ts';
import type { Json } from '../task/source.ts';
import type { Task } from '../task/task.ts';
import { contentsToJson, contentToJson } from './state-json.ts';

/** What can be asked for. */
export interface QueryableOperator {
  readonly operator: string;
  readonly name: string;
  readonly states: readonly {
    readonly name: string;
    readonly kind: StateDescriptor['kind'];
    readonly isNamespaced: boolean;
  }[];
}

export interface HostedOperator extends QueryableOperator {
  /** Of its first subtask. */
  readonly taskId: number;
}

/** A look at what one task keeps for a key. The operator is known to have the state. */
export interface StateRead {
  readonly state: string;
  readonly key: Key;
  readonly namespace: Namespace | undefined;
}

export interface StateContent {
  /** Null when the key has nothing in this state. */
  readonly value: Json;
  /** Live: the watermark of the task, once it has one. */
  readonly watermarkMs?: number | undefined;
}

/** The operators whose first subtask is among the tasks. */
export function operatorsOf(tasks: readonly Task[]): HostedOperator[] {
  return tasks
    .filter(({ keyedState, subtaskIndex }) => keyedState !== undefined && subtaskIndex === 0)
    .map(({ taskId, chain, keyedState }) => ({
      taskId,
      operator: chain[0]!.uid,
      name: chain[0]!.name,
      states: keyedState!.descriptors.map(({ name, kind, isNamespaced }) => ({
        name,
        kind,
        isNamespaced: isNamespaced === true,
      })),
    }));
}

/** Reads between two steps of the task, and changes nothing. */
export async function readLive(task: Task, read: StateRead): Promise<StateContent> {
  await task.keyedState!.whenRestored?.();
  const { promise, resolve, reject } = Promise.withResolvers<StateContent>();
  task.post(() => {
    // An error here is the asker's, not the task's.
    try {
      const { watermarkMs } = task;
      const value = toJson(descriptorOf(task, read), task.keyedState!.inspect(read.key, read.state), read);
      resolve(watermarkMs === MIN_TIMESTAMP_MS ? { value } : { value, watermarkMs });
    } catch (error) {
      reject(error);
    }
  });
  return await promise;
}

/** Reads the files of a checkpoint, and leaves the task alone: of it only the descriptors are needed. */
export async function readStored(task: Task, read: StateRead, found: FoundCheckpoint): Promise<StateContent> {
  const { state, key } = read;
  const { uid } = task.chain[0]!;
  const stored = found.manifest.operators[uid];
  const isStored = stored?.keyedStates.some(({ name }) => name === state) === true;
  // Another max parallelism cannot be: the job would not have started.
  if (!isStored || stored.subtasks.every(({ keyedFiles }) => keyedFiles.length === 0)) return { value: null };
  const descriptor = descriptorOf(task, read);
  const entry = await new Savepoint(found).readKey(uid, key, {
    state: { [state]: { toDescriptor: () => descriptor } },
  });
  return { value: toJson(descriptor, (entry?.state as Readonly<Record<string, unknown>> | undefined)?.[state], read) };
}

function descriptorOf(task: Task, { state }: StateRead): StateDescriptor {
  return task.keyedState!.descriptors.find(({ name }) => name === state)!;
}

function toJson(descriptor: StateDescriptor, contents: unknown, { namespace }: StateRead): Json {
  if (namespace === undefined) return contentsToJson(descriptor, contents);
  return contentToJson(descriptor, (contents as ReadonlyMap<Namespace, unknown> | undefined)?.get(namespace));
}
