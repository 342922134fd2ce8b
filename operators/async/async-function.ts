import type { RowKind } from '../../engine/task/row-kind.ts';
import type { FunctionContext } from '../process/function-context.ts';

/** What an async function is told about the record. Holds until its results are there. */
export interface AsyncContext {
  /** Aborts when the record times out and when the operator closes: hand it to what the answer comes from. */
  readonly signal: AbortSignal;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Milliseconds; NaN for a record without timestamp. Results carry it. */
  readonly timestamp: number;
  /** Results carry it. */
  readonly rowKind: RowKind;
}

/**
 * The results of a record, when they are there. None is an empty list. Called in the order of the records, in the task's
 * thread; a result that is there at once needs no promise.
 */
export type AsyncInvoke<T, R> = (value: T, context: AsyncContext) => Promise<Iterable<R>> | Iterable<R>;

/**
 * Asks something outside of the job about every record. One object serves all subtasks of a thread: `open` and `close` are
 * called once per subtask.
 */
export interface AsyncFunction<T, R> {
  open?(context: FunctionContext): void | Promise<void>;
  /** Rejections and exceptions fail the job, unless the retry strategy takes them. */
  asyncInvoke(value: T, context: AsyncContext): Promise<Iterable<R>> | Iterable<R>;
  /** The results of a record whose time is up. Without this method a time-out fails the job. */
  timeout?(value: T, context: AsyncContext): Iterable<R>;
  close?(): void | Promise<void>;
}

export function toAsyncFunction<T, R>(fn: AsyncFunction<T, R> | AsyncInvoke<T, R>): AsyncFunction<T, R> {
  return typeof fn === 'function' ? { asyncInvoke: fn } : fn;
}
