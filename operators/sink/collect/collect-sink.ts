import { deserialize, serialize } from 'node:v8';
import { INSERT, isRetraction, type RowKind, rowKindName } from '../../../engine/task/row-kind.ts';
import type { Committer, Sink, SinkContext, SinkWriter } from '../../../engine/task/sink.ts';
import type { Json } from '../../../engine/task/source.ts';

/** A row as it came to the sink. */
export interface CollectedRecord<T> {
  readonly value: T;
  /** NaN: none. */
  readonly timestampMs: number;
  readonly kind: RowKind;
}

export interface CollectSinkOptions<T> {
  /**
   * `committed` (default): rows show up when their checkpoint is committed, exactly once. `immediately`: as they come;
   * after a failure the rows since the last checkpoint come again.
   */
  readonly visibility?: 'committed' | 'immediately' | undefined;
  /** Where rows go; outlives the sink, so that results of a job before and after a crash come together. Default: a new one. */
  readonly into?: CollectedRows<T> | undefined;
}

/** Keeps rows in memory for tests: `sink.collected.values()`. Needs no schema; rows are what structured clone can copy. */
export function collectSink<T>(options: CollectSinkOptions<T> = {}): CollectSink<T> {
  return new CollectSink(options);
}

/** What a collecting sink has received, ordered by checkpoint, then subtask, then as written. */
export class CollectedRows<T> {
  readonly #records: CollectedRecord<T>[] = [];
  readonly #committedIds = new Set<number>();
  #takenCount = 0;

  /** All records so far. */
  records(): readonly CollectedRecord<T>[] {
    return this.#records;
  }

  /** Values of all records so far, whatever their kind. */
  values(): T[] {
    return this.#records.map((record) => record.value);
  }

  /** Values since the last take. */
  take(): T[] {
    return this.takeRecords().map((record) => record.value);
  }

  /** Records since the last take. */
  takeRecords(): CollectedRecord<T>[] {
    const taken = this.#records.slice(this.#takenCount);
    this.#takenCount = this.#records.length;
    return taken;
  }

  /** The rows that are left when every retraction has taken back an equal row. Throws on one that finds none. */
  materialized(): T[] {
    const rows: { readonly text: string; readonly value: T }[] = [];
    for (const { value, kind } of this.#records) {
      const text = textOf(value);
      if (!isRetraction(kind)) {
        rows.push({ text, value });
        continue;
      }
      const at = rows.findLastIndex((row) => row.text === text);
      if (at < 0) throw new Error(`${rowKindName(kind)} takes back a row that is not there: ${text}`);
      rows.splice(at, 1);
    }
    return rows.map((row) => row.value);
  }

  /** Adds one record at once. */
  add(value: T, timestampMs: number = Number.NaN, kind: RowKind = INSERT): void {
    this.#records.push({ value, timestampMs, kind });
  }

  /** Adds the records of a checkpoint, unless they are there already. */
  commit(checkpointId: number, records: readonly CollectedRecord<T>[]): void {
    if (this.#committedIds.has(checkpointId)) return;
    this.#committedIds.add(checkpointId);
    for (const record of records) this.#records.push(record);
  }
}

interface Committable {
  readonly subtaskIndex: number;
  /** Base64 of the structured-clone form of `CollectedRecord[]`. */
  readonly records: string;
}

export class CollectSink<T> implements Sink<T> {
  readonly description = 'collect';
  readonly collected: CollectedRows<T>;
  /** Absent when rows show up immediately: there is nothing to commit. */
  readonly createCommitter?: () => Committer;
  readonly #isImmediate: boolean;

  constructor(options: CollectSinkOptions<T> = {}) {
    this.collected = options.into ?? new CollectedRows();
    this.#isImmediate = options.visibility === 'immediately';
    if (!this.#isImmediate) this.createCommitter = () => new CollectCommitter(this.collected);
  }

  createWriter(context: SinkContext): SinkWriter<T> {
    return this.#isImmediate ? new ImmediateWriter(this.collected) : new CollectWriter<T>(context.subtaskIndex);
  }
}

class ImmediateWriter<T> implements SinkWriter<T> {
  readonly #collected: CollectedRows<T>;

  constructor(collected: CollectedRows<T>) {
    this.#collected = collected;
  }

  write(value: T, timestampMs: number, kind: RowKind): void {
    this.#collected.add(value, timestampMs, kind);
  }

  async prepareCommit(): Promise<readonly Json[]> {
    return [];
  }

  async close(): Promise<void> {}
}

class CollectWriter<T> implements SinkWriter<T> {
  readonly #subtaskIndex: number;
  #records: CollectedRecord<T>[] = [];

  constructor(subtaskIndex: number) {
    this.#subtaskIndex = subtaskIndex;
  }

  write(value: T, timestampMs: number, kind: RowKind): void {
    this.#records.push({ value, timestampMs, kind });
  }

  prepareCommit(): Promise<readonly Json[]> {
    const records = this.#records;
    this.#records = [];
    if (records.length === 0) return Promise.resolve([]);
    return Promise.resolve([{ subtaskIndex: this.#subtaskIndex, records: serialize(records).toString('base64') }]);
  }

  async close(): Promise<void> {}
}

class CollectCommitter<T> implements Committer {
  readonly #collected: CollectedRows<T>;

  constructor(collected: CollectedRows<T>) {
    this.#collected = collected;
  }

  async commit(checkpointId: number, committables: readonly Json[]): Promise<void> {
    const sorted = [...(committables as unknown as readonly Committable[])].sort(
      (a, b) => a.subtaskIndex - b.subtaskIndex,
    );
    const records = sorted.flatMap(
      (committable) => deserialize(Buffer.from(committable.records, 'base64')) as CollectedRecord<T>[],
    );
    this.#collected.commit(checkpointId, records);
  }

  async close(): Promise<void> {}
}

/** Equal text for equal rows, whatever the order of their fields. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === 'bigint') return `${inner}n`;
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
