import type { Key } from '../../../state/keyed/key.ts';
import type { FunctionContext } from '../../process/function-context.ts';

/** What a table is told about a look-up. */
export interface LookupContext {
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/**
 * A table outside of the job, asked by key: a database, a service. One object serves all subtasks of a thread: `open` and
 * `close` are called once per subtask.
 */
export interface LookupTable<K extends Key, V> {
  /** For messages: what is asked, and where. */
  readonly description: string;
  open?(context: FunctionContext): void | Promise<void>;
  /** All rows of the key; none is an empty list. Several records that ask for one key at a time share the answer. */
  lookup(key: K, context: LookupContext): Promise<readonly V[]>;
  /** All rows of the table with their keys: what a full cache loads. A key is found by its text, whatever its type. */
  scan?(context: LookupContext): AsyncIterable<readonly [key: K, row: V]>;
  close?(): void | Promise<void>;
}
