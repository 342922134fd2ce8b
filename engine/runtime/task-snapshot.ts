import type { StateDescriptor } from '../../state/keyed/state.ts';
import type { KeyedStateDescription, SubtaskSnapshot } from '../checkpoint/manifest.ts';
import type { TaskAcknowledgement } from '../checkpoint/assemble-manifest.ts';
import type { Barrier } from '../exchange/control-element.ts';
import { SinkOperator } from '../task/sink-operator.ts';
import { RecordError } from '../base/errors.ts';
import { keyOfUid } from '../graph/uid.ts';
import type { Json } from '../task/source.ts';
import { SourceOperator } from '../task/source-operator.ts';
import type { BuiltTask } from './attempt.ts';

/**
 * A sink could not prepare what was written before a barrier: these rows are gone, and come again only from a checkpoint.
 * Or state does not fit its schema: no later checkpoint could hold it either.
 */
export class EpochLostError extends Error {
  override readonly name = 'EpochLostError';
}

interface SnapshotTaskOptions {
  readonly filePrefix: string;
  readonly maxParallelism: number;
}

/**
 * Takes a task's state as it is now. Everything that must be from before the barrier is cut during the call; writing
 * files and uploading goes on behind the promise.
 *
 * @param options `filePrefix`: key prefix of new state files of this attempt.
 * @throws EpochLostError when the attempt must not go on; after any other error the next checkpoint may succeed.
 */
export async function snapshotTask(
  built: BuiltTask,
  barrier: Barrier,
  options: SnapshotTaskOptions,
): Promise<TaskAcknowledgement> {
  try {
    return await takeParts(built, barrier, options);
  } catch (error) {
    if (error instanceof RecordError) throw new EpochLostError('state does not fit its schema', { cause: error });
    throw error;
  }
}

async function takeParts(
  built: BuiltTask,
  barrier: Barrier,
  options: SnapshotTaskOptions,
): Promise<TaskAcknowledgement> {
  const { task, vertex } = built;
  const { checkpointId, isFull } = barrier;
  const { hasFinished } = task;
  const parts = built.operators.map(({ node, uid, operator, operatorState }) => {
    operator.snapshotState(checkpointId, isFull);
    const prepared = operator instanceof SinkOperator ? operator.prepared() : undefined;
    const splits =
      operator instanceof SourceOperator ? (operator.reader.snapshotState(checkpointId) as readonly Json[]) : undefined;
    return { node, uid, operatorStates: operatorState.snapshot(), prepared, splits };
  });
  const keyedFiles = task.keyedState?.snapshot({
    checkpointId,
    isFull,
    filePrefix: `${options.filePrefix}/${keyOfUid(parts[0]!.uid)}-${task.subtaskIndex}`,
  });
  const keyedStates = describe(task.keyedState?.descriptors ?? []);
  // Started together, so that a failure of one is not left unhandled while another is awaited.
  const [files, ...committables] = await Promise.all([keyedFiles, ...parts.map((part) => takeCommittables(part))]);
  return {
    operators: parts.map((part, index) => {
      const isHead = index === 0;
      const subtask: SubtaskSnapshot = {
        subtaskIndex: task.subtaskIndex,
        isFinished: hasFinished ? true : undefined,
        keyedFiles: isHead ? (files ?? []) : [],
        operatorStates: part.operatorStates,
        splits: part.splits,
        writerStates: part.prepared?.writerStates,
      };
      return {
        uid: part.uid,
        name: part.node.name,
        parallelism: vertex.parallelism,
        maxParallelism: options.maxParallelism,
        keyedStates: isHead ? keyedStates : [],
        subtask,
      };
    }),
    commits: parts.flatMap((part, index) =>
      part.prepared === undefined ? [] : [{ sinkUid: part.uid, committables: committables[index]! }],
    ),
  };
}

async function takeCommittables(part: {
  readonly uid: string;
  readonly prepared: { readonly committables: Promise<readonly Json[]> } | undefined;
}): Promise<readonly Json[]> {
  if (part.prepared === undefined) return [];
  try {
    return await part.prepared.committables;
  } catch (error) {
    throw new EpochLostError(`sink '${part.uid}' could not prepare its results for a checkpoint`, { cause: error });
  }
}

function describe(descriptors: readonly StateDescriptor[]): KeyedStateDescription[] {
  return descriptors.map((descriptor) => ({
    name: descriptor.name,
    kind: descriptor.kind,
    keySchema: descriptor.kind === 'map' ? (descriptor.keySchema.avro as Json) : undefined,
    schema: descriptor.schema.avro as Json,
  }));
}
