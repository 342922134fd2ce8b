import type { Key } from '../../state/keyed/key.ts';
import { INSERT, type RowKind } from './row-kind.ts';

/** Records per batch at most, unless a channel says otherwise. */
export const BATCH_RECORDS_MAX = 1024;

/**
 * A run of records on an edge between tasks, as parallel arrays. Owned by one side at a time: the producer fills it, the
 * channel hands it over, the consumer gives it back to the pool.
 */
export class RecordBatch {
  readonly values: unknown[];
  /** Milliseconds; NaN for a record without timestamp. */
  readonly timestamps: Float64Array;
  readonly kinds: Uint8Array;
  /** Keys of the records when the edge is keyed, else unused. */
  readonly keys: Key[];
  length = 0;

  constructor(capacity: number = BATCH_RECORDS_MAX) {
    this.values = new Array<unknown>(capacity).fill(undefined);
    this.timestamps = new Float64Array(capacity);
    this.kinds = new Uint8Array(capacity);
    this.keys = new Array<Key>(capacity).fill('');
  }

  get capacity(): number {
    return this.timestamps.length;
  }

  /** Appends a record. The caller checks that there is room. */
  push(value: unknown, timestampMs: number, kind: RowKind = INSERT): void {
    const at = this.length;
    this.values[at] = value;
    this.timestamps[at] = timestampMs;
    this.kinds[at] = kind;
    this.length = at + 1;
  }

  /** Forgets the records, so that the garbage collector can have them. */
  clear(): void {
    this.values.fill(undefined, 0, this.length);
    this.length = 0;
  }
}
