import { ExternalError, UserError } from '../base/errors.ts';
import type { Key, Namespace } from '../../state/keyed/key.ts';
import { keyGroupOf } from '../../state/keyed/key-group.ts';
import type { StateDescriptor } from '../../state/keyed/state.ts';
import type { FoundCheckpoint } from '../checkpoint/manifest.ts';
import type { ExecutionPlan } from '../graph/execution-plan.ts';
import type { Json } from '../task/source.ts';
import type { HostedOperator, QueryableOperator, StateRead } from './state-read.ts';
import type { TaskHost } from './task-host.ts';

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

export interface QueryContext {
  readonly operators: readonly HostedOperator[];
  readonly plan: ExecutionPlan;
  readonly maxParallelism: number;
  hostOf(taskId: number): TaskHost;
  /** Rejects when the attempt ends: what is asked of it then is never answered. */
  readonly ended: Promise<never>;
  /** Calls back with the last complete checkpoint, whose files stay until it is done; with undefined when there is none. */
  withNewestCheckpoint<T>(use: (found: FoundCheckpoint | undefined) => Promise<T>): Promise<T>;
}

/**
 * Looks up what a running job keeps for a key. Live reads run on the thread of the task that owns the key, between two of its
 * steps, and change nothing; reads of the last checkpoint come from its files and leave the task alone. There, what has
 * outlived its time-to-live may still be told.
 *
 * @throws UserError NOT_FOUND for an unknown operator or state, naming those there are; ExternalError when the job ends.
 */
export async function queryState(query: StateQuery, context: QueryContext): Promise<StateAnswer> {
  const { operatorUid, state, namespace, consistency } = query;
  const operator = operatorOf(query, context.operators);
  const kind = kindOf(query, operator);
  for (const [i, key] of query.keys.entries()) {
    const isLast = i === query.keys.length - 1;
    const read = { state, key, namespace };
    const found =
      consistency === 'live' ? await readLive(read, operator, context) : await readCheckpoint(read, operator, context);
    if (found.value === null && !isLast) continue;
    const shownKey = typeof key === 'bigint' ? String(key) : key;
    return { operator: operatorUid, state, kind, key: shownKey, consistency, ...found };
  }
  throw new UserError('CONFIGURATION', 'a query needs a key');
}

type Found = Pick<StateAnswer, 'value' | 'watermarkMs' | 'checkpointId' | 'completedAtMs'>;

function operatorOf({ operatorUid }: StateQuery, operators: readonly HostedOperator[]): HostedOperator {
  const operator = operators.find((candidate) => candidate.operator === operatorUid);
  if (operator !== undefined) return operator;
  throw new UserError('NOT_FOUND', `the job has no operator '${operatorUid}' with keyed state`, {
    hint: `It has ${operators.map((known) => `'${known.operator}'`).join(', ') || 'none'}.`,
  });
}

function kindOf({ operatorUid, state, namespace }: StateQuery, { states }: QueryableOperator): StateDescriptor['kind'] {
  const known = states.find(({ name }) => name === state);
  if (known === undefined) {
    throw new UserError('NOT_FOUND', `operator '${operatorUid}' has no keyed state '${state}'`, {
      hint: `It has ${states.map(({ name }) => `'${name}'`).join(', ') || 'none'}.`,
    });
  }
  if (namespace !== undefined && !known.isNamespaced) {
    throw new UserError('CONFIGURATION', `state '${state}' of operator '${operatorUid}' has no namespaces`, {
      hint: 'Leave the namespace out.',
    });
  }
  return known.kind;
}

async function readLive(read: StateRead, operator: HostedOperator, context: QueryContext): Promise<Found> {
  const { plan, maxParallelism, ended } = context;
  const { vertexId } = plan.subtasks[operator.taskId]!;
  const keyGroup = keyGroupOf(read.key, maxParallelism);
  const owner = plan.subtasks.find(
    (subtask) => subtask.vertexId === vertexId && keyGroup >= subtask.keyGroupStart && keyGroup < subtask.keyGroupEnd,
  )!;
  return await Promise.race([context.hostOf(owner.taskId).readState(owner.taskId, read), ended]);
}

async function readCheckpoint(read: StateRead, { taskId }: HostedOperator, context: QueryContext): Promise<Found> {
  return await context.withNewestCheckpoint(async (found) => {
    if (found === undefined) {
      throw new ExternalError('NOT_FOUND', 'the job has no complete checkpoint yet', {
        hint: 'Ask for what is live, or wait for the first checkpoint.',
      });
    }
    const { manifest, where } = found;
    const { checkpointId, completedAtMs } = manifest;
    const reading = context.hostOf(taskId).readStoredState(taskId, read, { manifest, where });
    const { value } = await Promise.race([reading, context.ended]);
    return { value, checkpointId, completedAtMs };
  });
}
