import type { Environment } from '../base/environment.ts';
import { InternalError, UserError } from '../base/errors.ts';
import { SILENT_LOGGER } from '../base/logger.ts';
import { MetricGroup } from '../base/metrics.ts';
import type { KeyedStateBackend } from '../../state/keyed/keyed-state-backend.ts';
import { createKeyedStateBackend } from '../../state/keyed/paged-keyed-state-backend.ts';
import type { StateDescriptor } from '../../state/keyed/state.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import { HeapPageStore } from '../../state/store/heap-page-store.ts';
import type { JobGraph, JobVertex } from '../graph/job-graph.ts';
import type { OperatorNode, StreamNode } from '../graph/stream-graph.ts';
import { MemoryOperatorStateBackend } from '../task/operator-state-backend.ts';
import type { DeclaredOperatorState } from '../task/operator-state-fit.ts';
import { TaskMails } from '../task/mailbox.ts';
import { DISCARDING_OUTPUT, type Output } from '../task/output.ts';
import type { OperatorContext } from '../task/stream-operator.ts';
import { TaskTimerService } from '../task/task-timer-service.ts';
import { PausableClock } from '../time/pausable-clock.ts';

/** What a node of a job keeps, as far as its code says. */
export interface DeclaredOperator {
  readonly uid: string;
  readonly name: string;
  readonly kind: StreamNode['kind'];
  readonly keyedStates: readonly StateDescriptor[];
  readonly operatorStates: readonly DeclaredOperatorState[];
  /** Why its states are not known: it could not be opened. */
  readonly problem?: unknown;
}

/**
 * The states that the operators of a job declare: every operator with a uid is opened once on empty state, with outputs
 * that lead nowhere, and closed again. Sources and sinks are not opened: what they keep has no declared schema.
 *
 * @param isWanted of which operators the states are wanted; the others are listed without.
 */
export async function declaredStates(
  graph: JobGraph,
  environment: Environment,
  isWanted: (uid: string) => boolean = () => true,
): Promise<DeclaredOperator[]> {
  const declared: DeclaredOperator[] = [];
  for (const vertex of graph.vertices) {
    for (const node of vertex.nodes) {
      const { uid, name, kind } = node;
      if (uid === undefined) continue;
      const nothing = { uid, name, kind, keyedStates: [], operatorStates: [] };
      declared.push(kind === 'operator' && isWanted(uid) ? await openOnce(graph, vertex, node, environment) : nothing);
    }
  }
  return declared;
}

async function openOnce(
  graph: JobGraph,
  vertex: JobVertex,
  node: OperatorNode,
  environment: Environment,
): Promise<DeclaredOperator> {
  const uid = node.uid!;
  const isKeyed =
    node === vertex.head &&
    graph.edges.some((edge) => edge.targetVertexId === vertex.vertexId && edge.partitioning.kind === 'hash');
  const keyedState = isKeyed ? await emptyKeyedState(uid, graph.maxParallelism) : undefined;
  const operatorState = new MemoryOperatorStateBackend(uid, []);
  const timers = new TaskTimerService(environment, keyedState, () => {});
  let problem: unknown;
  const operator = node.factory();
  try {
    operator.setup(createContext({ graph, vertex, node, environment, keyedState, operatorState, timers }));
    operator.watermarkInterceptor?.open({ emitWatermark() {}, markIdle() {}, markActive() {} });
    await operator.open();
  } catch (error) {
    problem = error;
  }
  timers.close();
  try {
    await operator.close();
  } catch (error) {
    problem ??= error;
  }
  await keyedState?.close();
  return {
    uid,
    name: node.name,
    kind: node.kind,
    keyedStates: keyedState?.descriptors ?? [],
    operatorStates: operatorState.declared,
    ...(problem === undefined ? {} : { problem }),
  };
}

function emptyKeyedState(operatorUid: string, maxParallelism: number): Promise<KeyedStateBackend> {
  return createKeyedStateBackend({
    operatorUid,
    maxParallelism,
    keyGroupStart: 0,
    keyGroupEnd: maxParallelism,
    store: new HeapPageStore(),
    storeOperatorId: 0,
    storage: NO_STORAGE,
    restoreFiles: [],
    cache: { decodedBytesMax: 1, encodedBytesMax: 1 },
  });
}

function createContext(parts: {
  readonly graph: JobGraph;
  readonly vertex: JobVertex;
  readonly node: OperatorNode;
  readonly environment: Environment;
  readonly keyedState: KeyedStateBackend | undefined;
  readonly operatorState: MemoryOperatorStateBackend;
  readonly timers: TaskTimerService;
}): OperatorContext {
  const { graph, vertex, node, environment, keyedState, operatorState, timers } = parts;
  return {
    operatorUid: node.uid!,
    operatorName: node.name,
    subtaskIndex: 0,
    activityClock: new PausableClock(environment.clock),
    parallelism: vertex.parallelism,
    maxParallelism: graph.maxParallelism,
    environment,
    metrics: new MetricGroup(),
    logger: SILENT_LOGGER,
    output: DISCARDING_OUTPUT as Output<never>,
    sideOutput: <T>() => DISCARDING_OUTPUT as Output<T>,
    isSideOutputRead: () => true,
    get keyedState(): KeyedStateBackend {
      if (keyedState !== undefined) return keyedState;
      throw new UserError('JOB_DEFINITION', `operator '${node.name}' uses keyed state, but its input is not keyed`, {
        hint: 'Call keyBy(...) before it.',
      });
    },
    isKeyed: keyedState !== undefined,
    operatorState,
    timers,
    mailbox: new TaskMails(),
    isRestored: false,
  };
}

const refuse = (): never => {
  throw new InternalError('states that are only declared are not stored');
};

const NO_STORAGE: ObjectStorage = {
  description: 'nowhere',
  url: (key) => key,
  get: refuse,
  getRange: refuse,
  put: refuse,
  delete: refuse,
  list: refuse,
};
