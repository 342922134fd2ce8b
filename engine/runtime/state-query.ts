import { ExternalError, UserError } from '../base/errors.ts';
import type { Key, Namespace } from '../../state/keyed/key.ts';
import { keyGroupOf } from '../../state/keyed/key-group.ts';
import type { StateDescriptor } from '../../state/keyed/state.ts';
import type { FoundCheckpoint } from '../checkpoint/manifest.ts';
import type { ExecutionPlan } from '../graph/execution-plan.ts';
import { Savepoint } from '../savepoint/savepoint.ts';
import type { Json } from '../task/source.ts';
import type { Task } from '../task/task.ts';
import { MIN_TIMESTAMP_MS } from '../time/timestamps.ts';
import { contentsToJson, contentToJson } from './state-json.ts';

export interface StateQuery {
  readonly operatorUid: string;
  readonly state: string;
  /** What it may be keyed by, tried in this order: a key that comes as text may be a string or a number. */
  readonly keys: readonly Key[];
  /** Only what is kept under this namespace (window). */
  readonly namespace?: Namespace | undefined;
  /** `live`: as it is now, uncommitted. `checkpoint`: as of the last complete checkpoint. */
  readonly consistency: 'live' | 'checkpoint';
}

export interface StateAnswer {
  readonly operator: string;
  readonly state: string;
  readonly kind: StateDescriptor['kind'];
  readonly key: string | number | boolean;
  /** Null when the key has nothing in this state. */
  readonly value: Json;
  readonly consistency: 'live' | 'checkpoint';
  /** Live: the watermark of the key's subtask, once it has one. */
  readonly watermarkMs?: number | undefined;
  readonly checkpointId?: number | undefined;
  readonly completedAtMs?: number | undefined;
}

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

export interface QueryContext {
  readonly tasks: readonly Task[];
  readonly plan: ExecutionPlan;
  readonly maxParallelism: number;
  /** Rejects when the attempt ends: what is asked of it then is never answered. */
  readonly ended: Promise<never>;
  /** Calls back with the last complete checkpoint, whose files stay until it is done; with undefined when there is none. */
  withNewestCheckpoint<T>(use: (found: FoundCheckpoint | undefined) => Promise<T>): Promise<T>;
}

export function queryableOperators(tasks: readonly Task[]): QueryableOperator[] {
  return tasks
    .filter(({ keyedState, subtaskIndex }) => keyedState !== undefined && subtaskIndex === 0)
    .map(({ chain, keyedState }) => ({
      operator: chain[0]!.uid,
      name: chain[0]!.name,
      states: keyedState!.descriptors.map(({ name, kind, isNamespaced }) => ({
        name,
        kind,
        isNamespaced: isNamespaced === true,
      })),
    }));
}

/**
 * Looks up what a running job keeps for a key. Live reads run on the thread of the task that owns the key, between two of its
 * steps, and change nothing; reads of the last checkpoint come from its files and leave the task alone. There, what has
 * outlived its time-to-live may still be told.
 *
 * @throws UserError NOT_FOUND for an unknown operator or state, naming those there are; ExternalError when the job ends.
 */
export async function queryState(query: StateQuery, context: QueryContext): Promise<StateAnswer> {
  const { operatorUid, state, consistency } = query;
  const tasks = context.tasks.filter(
    ({ chain, keyedState }) => keyedState !== undefined && chain[0]!.uid === operatorUid,
  );
  const descriptor = descriptorOf(query, tasks, context);
  for (const [i, key] of query.keys.entries()) {
    const isLast = i === query.keys.length - 1;
    const found =
      consistency === 'live'
        ? await readLive(key, tasks, query, context)
        : await readCheckpoint(key, descriptor, query, context);
    const value = toAnswer(descriptor, found.contents, query.namespace);
    if (value === null && !isLast) continue;
    const shownKey = typeof key === 'bigint' ? String(key) : key;
    const { contents: _, ...rest } = found;
    return { operator: operatorUid, state, kind: descriptor.kind, key: shownKey, value, consistency, ...rest };
  }
  throw new UserError('CONFIGURATION', 'a query needs a key');
}

interface Read {
  readonly contents: unknown;
  readonly watermarkMs?: number;
  readonly checkpointId?: number;
  readonly completedAtMs?: number;
}

function toAnswer(descriptor: StateDescriptor, contents: unknown, namespace: Namespace | undefined): Json {
  if (namespace === undefined) return contentsToJson(descriptor, contents);
  return contentToJson(descriptor, (contents as ReadonlyMap<Namespace, unknown> | undefined)?.get(namespace));
}

function descriptorOf(query: StateQuery, tasks: readonly Task[], context: QueryContext): StateDescriptor {
  const { operatorUid, state, namespace } = query;
  const [task] = tasks;
  if (task === undefined) {
    const known = queryableOperators(context.tasks).map(({ operator }) => `'${operator}'`);
    throw new UserError('NOT_FOUND', `the job has no operator '${operatorUid}' with keyed state`, {
      hint: `It has ${known.join(', ') || 'none'}.`,
    });
  }
  const { descriptors } = task.keyedState!;
  const descriptor = descriptors.find(({ name }) => name === state);
  if (descriptor === undefined) {
    throw new UserError('NOT_FOUND', `operator '${operatorUid}' has no keyed state '${state}'`, {
      hint: `It has ${descriptors.map(({ name }) => `'${name}'`).join(', ') || 'none'}.`,
    });
  }
  if (namespace !== undefined && descriptor.isNamespaced !== true) {
    throw new UserError('CONFIGURATION', `state '${state}' of operator '${operatorUid}' has no namespaces`, {
      hint: 'Leave the namespace out.',
    });
  }
  return descriptor;
}

async function readLive(
  key: Key,
  tasks: readonly Task[],
  { state }: StateQuery,
  { plan, maxParallelism, ended }: QueryContext,
): Promise<Read> {
  const keyGroup = keyGroupOf(key, maxParallelism);
  const owner = tasks.find(({ taskId }) => {
    const { keyGroupStart, keyGroupEnd } = plan.subtasks[taskId]!;
    return keyGroup >= keyGroupStart && keyGroup < keyGroupEnd;
  })!;
  const { promise, resolve, reject } = Promise.withResolvers<Read>();
  owner.post(() => {
    // An error here is the asker's, not the task's.
    try {
      const { watermarkMs } = owner;
      const contents = owner.keyedState!.inspect(key, state);
      resolve(watermarkMs === MIN_TIMESTAMP_MS ? { contents } : { contents, watermarkMs });
    } catch (error) {
      reject(error);
    }
  });
  return await Promise.race([promise, ended]);
}

async function readCheckpoint(
  key: Key,
  descriptor: StateDescriptor,
  { operatorUid, state }: StateQuery,
  context: QueryContext,
): Promise<Read> {
  return await context.withNewestCheckpoint(async (found) => {
    if (found === undefined) {
      throw new ExternalError('NOT_FOUND', 'the job has no complete checkpoint yet', {
        hint: 'Ask for what is live, or wait for the first checkpoint.',
      });
    }
    const { checkpointId, completedAtMs, operators } = found.manifest;
    const told = { checkpointId, completedAtMs };
    const stored = operators[operatorUid];
    const isStored = stored?.keyedStates.some(({ name }) => name === state) === true;
    // Another max parallelism cannot be: the job would not have started.
    if (!isStored || stored.subtasks.every(({ keyedFiles }) => keyedFiles.length === 0))
      return { contents: undefined, ...told };
    const entry = await new Savepoint(found).readKey(operatorUid, key, {
      state: { [state]: { toDescriptor: () => descriptor } },
    });
    return { contents: (entry?.state as Readonly<Record<string, unknown>> | undefined)?.[state], ...told };
  });
}
