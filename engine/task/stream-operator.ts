import type { Environment } from '../base/environment.ts';
import { InternalError, UserError } from '../base/errors.ts';
import type { Logger } from '../base/logger.ts';
import type { MetricGroup } from '../base/metrics.ts';
import type { Key, Namespace } from '../../state/keyed/key.ts';
import type { KeyedStateBackend } from '../../state/keyed/keyed-state-backend.ts';
import type { NamespacedState, StateDescriptor, StateOf } from '../../state/keyed/state.ts';
import type { RelativeClock } from '../time/idleness-timer.ts';
import { type Output, UNCONNECTED_OUTPUT } from './output.ts';
import type { OutputTag } from './output-tag.ts';
import type { Mailbox } from './mailbox.ts';
import type { OperatorStateBackend } from './operator-state.ts';
import { isRetraction, type RowKind, rowKindName } from './row-kind.ts';
import type { TimerService } from './timer-service.ts';

/** What the engine gives an operator when it opens. */
export interface OperatorContext {
  readonly operatorUid: string;
  readonly operatorName: string;
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly maxParallelism: number;
  readonly environment: Environment;
  readonly metrics: MetricGroup;
  readonly logger: Logger;
  /** The main output. */
  readonly output: Output<never>;
  /** The side output of a tag; swallows records when nobody reads it (`isRead` tells). */
  sideOutput<T>(tag: OutputTag<T>): Output<T>;
  /** Whether the job reads this side output. */
  isSideOutputRead(tag: OutputTag<unknown>): boolean;
  /** Keyed state; throws UserError JOB_DEFINITION when the operator's input is not keyed. */
  readonly keyedState: KeyedStateBackend;
  /** Whether `keyedState` is there. */
  readonly isKeyed: boolean;
  /** State of the subtask: list, union list, broadcast. */
  readonly operatorState: OperatorStateBackend;
  /** Timers of the current key, and the clocks. On a non-keyed operator only the clocks work. */
  readonly timers: TimerService;
  /** A clock that stands still while the task's records have to wait (backpressure): for what counts quiet time. */
  readonly activityClock: RelativeClock;
  /** The way back to the task's thread for what ends outside of it. */
  readonly mailbox: Mailbox;
  /** True when the operator was opened from a checkpoint or savepoint. */
  readonly isRestored: boolean;
}

/**
 * An operator of a task's chain. Everything is called on the task's thread, one call at a time, synchronously: per record
 * nothing is awaited.
 *
 * Life: constructor → `open` → (`processElement*` | `processWatermark` | timers | `snapshotState`)* → `endInput` per input
 * → `finish` → `close`. After a failure only `close` is called. `open` sees restored state.
 */
export abstract class StreamOperator<OUT> {
  protected output: Output<OUT> = UNCONNECTED_OUTPUT;
  protected context: OperatorContext = UNOPENED_CONTEXT;
  /** False: rows that take others back (`-U`, `-D`) are refused before they come here, instead of being counted as new ones. */
  readonly takesRetractions: boolean = true;

  /** Called by the engine before `open`. */
  setup(context: OperatorContext): void {
    this.context = context;
    this.output = context.output as Output<OUT>;
  }

  /**
   * Declares states and makes ready. Before a job goes on from a checkpoint, an instance of its own is opened on empty
   * state, with outputs that lead nowhere, and closed again: that is how the engine learns which states the job declares.
   */
  open(): void | Promise<void> {}

  /** A record of the only input. Current key and prepared state are set when the input is keyed. */
  processElement(_value: unknown, _timestampMs: number, _kind: RowKind): void {
    throw new InternalError(`${this.constructor.name} has no single input`);
  }

  /** A record of the first of two inputs. */
  processElement1(_value: unknown, _timestampMs: number, _kind: RowKind): void {
    throw new InternalError(`${this.constructor.name} has no first input`);
  }

  /** A record of the second of two inputs. */
  processElement2(_value: unknown, _timestampMs: number, _kind: RowKind): void {
    throw new InternalError(`${this.constructor.name} has no second input`);
  }

  /** A record of one of more than two inputs. @param inputIndex from 0. */
  processElementOf(inputIndex: number, value: unknown, timestampMs: number, kind: RowKind): void {
    if (inputIndex === 0) this.processElement1(value, timestampMs, kind);
    else if (inputIndex === 1) this.processElement2(value, timestampMs, kind);
    else throw new InternalError(`${this.constructor.name} has no input ${inputIndex}`);
  }

  /** Called before a record is processed. @throws UserError JOB_DEFINITION for a kind that the operator does not take. */
  checkRowKind(kind: RowKind): void {
    if (this.takesRetractions || !isRetraction(kind)) return;
    throw new UserError(
      'JOB_DEFINITION',
      `operator '${this.context.operatorName}' takes insertions only, found a row of kind ${rowKindName(kind)}`,
      {
        hint: 'Windows, reduce, interval joins and patterns cannot take rows back. Lead such a stream to a sink in upsert mode, or make insertions of its changes first: process(...) tells the kind of a row as context.rowKind.',
      },
    );
  }

  /**
   * The combined watermark of all inputs advanced. Event-time timers due by it have fired already; after this call the
   * watermark is forwarded as `outputWatermark` says.
   */
  processWatermark(_watermarkMs: number): void {}

  /** The inputs turned idle together, or active again: emit what must not be overtaken by the time of others. Forwarded after. */
  processStatus(_isIdle: boolean): void {}

  /** The watermark to forward for an input watermark: operators that emit late rows hold it back. Not asked for MAX. */
  outputWatermark(inputWatermarkMs: number): number {
    return inputWatermarkMs;
  }

  /**
   * Intercepts watermarks and statuses from upstream (an assigner in mid-stream makes its own). Undefined: the engine
   * forwards them. See `WatermarkEmitter`.
   */
  readonly watermarkInterceptor: WatermarkInterceptor | undefined = undefined;

  /** An event-time timer of the current key is due. */
  onEventTimeTimer(_timestampMs: number, _namespace: Namespace): void {
    throw new InternalError(`${this.constructor.name} registers no event-time timers`);
  }

  /** A processing-time timer of the current key is due. */
  onProcessingTimeTimer(_timestampMs: number, _namespace: Namespace): void {
    throw new InternalError(`${this.constructor.name} registers no processing-time timers`);
  }

  /**
   * Undefined when the operator can take more; else a promise that resolves when it can again (buffers of a sink are
   * full, too many requests in flight). Asked between batches.
   */
  blockedUntil(): Promise<void> | undefined {
    return undefined;
  }

  /** A barrier of `checkpointId` is about to be forwarded: emit or prepare what belongs before it. */
  prepareSnapshotPreBarrier(_checkpointId: number): void {}

  /** Writes operator state into `context.operatorState`; keyed state and timers are taken by the engine. */
  snapshotState(_checkpointId: number, _isFull?: boolean): void {}

  /** The checkpoint is complete and durable. May be lost, may come late: for everything up to this id. */
  notifyCheckpointComplete(_checkpointId: number): void {}

  /** No record follows on input `inputIndex`, from 0. The MAX watermark has come before. */
  endInput(_inputIndex: number): void {}

  /** All inputs ended: emit what is still held. May be asynchronous to flush what is in flight. */
  finish(): void | Promise<void> {}

  close(): void | Promise<void> {}

  protected keyedState<D extends StateDescriptor>(descriptor: D): StateOf<D> & NamespacedState {
    return this.context.keyedState.state(descriptor);
  }

  protected currentKey(): Key {
    return this.context.keyedState.currentKey();
  }
}

/** Takes over an operator's watermarks: gets what comes from upstream, decides what goes on through `WatermarkEmitter`. */
export interface WatermarkInterceptor {
  open(emitter: WatermarkEmitter): void;
  onWatermark(watermarkMs: number): void;
  onStatus(isIdle: boolean): void;
}

/** Sends watermarks and statuses downstream, behind the records collected so far. */
export interface WatermarkEmitter {
  emitWatermark(watermarkMs: number): void;
  markIdle(): void;
  markActive(): void;
}

/** Makes a fresh operator per subtask. */
export type OperatorFactory = () => StreamOperator<unknown>;

const UNOPENED_CONTEXT: OperatorContext = new Proxy({} as OperatorContext, {
  get(_target, property) {
    if (property === 'then') return undefined;
    throw new UserError('JOB_DEFINITION', `${String(property)} was used before the operator was opened`);
  },
});
