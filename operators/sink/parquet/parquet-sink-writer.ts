import { UserError } from '../../../engine/base/errors.ts';
import type { Counter } from '../../../engine/base/metrics.ts';
import { INSERT, type RowKind, rowKindName } from '../../../engine/task/row-kind.ts';
import type { SinkContext, SinkWriter } from '../../../engine/task/sink.ts';
import type { Json } from '../../../engine/task/source.ts';
import type { ObjectStorage } from '../../../state/storage/object-storage.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { type StagedPart, StagingArea } from '../staged/staging-area.ts';
import { ClosingFile } from './closing-file.ts';
import type { ParquetCommittable } from './committed-file.ts';
import { checkPartition, uidInKeys } from './lake-layout.ts';
import { FILE_BYTES_MAX, PARTITIONS_MAX, UPLOAD_BYTES_MAX } from './limits.ts';
import { type HeldPartition, OpenPartition } from './open-partition.ts';
import type { ParquetFileOptions } from './parquet-file.ts';
import type { RollLimits } from './roll-policy.ts';
import { inTurns } from '../staged/in-turns.ts';

export interface ParquetSinkWriterOptions<T> {
  readonly context: SinkContext;
  readonly description: string;
  readonly storage: ObjectStorage;
  readonly schema: Schema<T>;
  readonly partitionBy: ((row: T) => string) | undefined;
  /** Undefined: every file is closed at every checkpoint. */
  readonly rollLimits: RollLimits | undefined;
  readonly hasRowKind: boolean;
  readonly file: ParquetFileOptions;
}

/** Objects that are stored at the same time. */
const UPLOADS_MAX = 4;
/** Rows of a file between two looks at its size. */
const SIZE_CHECK_ROWS = 1024;

/** State of a writer in the checkpoint. */
interface WriterState {
  readonly held: readonly HeldPartition[];
}

/**
 * One open file per partition.
 *
 * Law: every row written before a barrier is in a file of that checkpoint's committables, or in a part that its writer
 * state names; never in both.
 */
export class ParquetSinkWriter<T> implements SinkWriter<T> {
  readonly #options: ParquetSinkWriterOptions<T>;
  readonly #staging: StagingArea;
  readonly #recordCount: Counter;
  readonly #open = new Map<string, OpenPartition<T>>();
  /** The partition of the last row: rows come in runs. */
  #last: OpenPartition<T> | undefined;
  /** Closed before their checkpoint, or in one that failed. */
  #closing: ClosingFile<T>[] = [];
  /** Staged rows of a checkpoint that could not be stored: their parts are named already. */
  #staged: { readonly key: string; readonly bytes: Uint8Array }[] = [];
  /** Parts by object that a held partition still needs. */
  readonly #liveParts = new Map<string, number>();
  #fileCount = 0;
  #checkpointId = 0;
  #isEnding = false;

  constructor(options: ParquetSinkWriterOptions<T>) {
    this.#options = options;
    this.#staging = new StagingArea(options.context);
    this.#recordCount = options.context.metrics.counter('numRecordsSend');
  }

  write(value: T, _timestampMs: number, kind: RowKind): void {
    if (kind !== INSERT && !this.#options.hasRowKind) throw this.#refuseKind(kind);
    const { partitionBy } = this.#options;
    const partition = partitionBy === undefined ? '' : partitionBy(value);
    let open = this.#last;
    if (open === undefined || open.partition !== partition) {
      open = this.#open.get(partition) ?? this.#openPartition(partition);
      this.#last = open;
    }
    open.append(value, kind);
    this.#recordCount.value++;
    if (open.file.rowCount % SIZE_CHECK_ROWS === 0 && open.file.byteCount >= FILE_BYTES_MAX) this.#closeEarly(open);
  }

  blockedUntil(): Promise<void> | undefined {
    const waiting = this.#closing.filter((file) => file.waitingBytes > 0);
    if (waiting.reduce((sum, file) => sum + file.waitingBytes, 0) < UPLOAD_BYTES_MAX) return undefined;
    return Promise.race(waiting.map((file) => file.run())).then(() => undefined);
  }

  prepareCommit(checkpointId: number, isFull: boolean = false): Promise<readonly Json[]> {
    this.#checkpointId = checkpointId;
    const { rollLimits, context } = this.#options;
    const nowMs = context.environment.clock.nowMs();
    const held: OpenPartition<T>[] = [];
    for (const open of [...this.#open.values()].sort((a, b) => (a.partition < b.partition ? -1 : 1))) {
      // Parts of held files lie in checkpoint storage, which a savepoint does not take along.
      if (rollLimits === undefined || isFull || this.#isEnding || open.hasReached(rollLimits, nowMs)) {
        this.#closing.push(this.#close(open));
      } else {
        held.push(open);
      }
    }
    this.#isEnding = false;
    this.#stage(held, checkpointId);
    const closing = this.#closing;
    const staged = this.#staged;
    this.#closing = [];
    this.#staged = [];
    return this.#store(checkpointId, closing, staged);
  }

  snapshotState(): readonly Json[] {
    const held: HeldPartition[] = [];
    for (const { partition, openedAtMs, parts } of this.#open.values())
      held.push({ partition, openedAtMs, parts: [...parts] });
    return held.length === 0 ? [] : [{ held } satisfies WriterState as unknown as Json];
  }

  restoreState(states: readonly Json[]): void {
    for (const { held } of states as unknown as readonly WriterState[]) {
      for (const { partition, openedAtMs, parts } of held) {
        const open = this.#open.get(partition) ?? this.#openPartition(partition, openedAtMs);
        open.restore(parts);
        for (const { key } of parts) this.#liveParts.set(key, (this.#liveParts.get(key) ?? 0) + 1);
      }
    }
  }

  /** The input has ended: the next checkpoint closes every file. */
  async flush(): Promise<void> {
    this.#isEnding = true;
  }

  async close(): Promise<void> {}

  async #store(
    checkpointId: number,
    closing: ClosingFile<T>[],
    staged: { readonly key: string; readonly bytes: Uint8Array }[],
  ): Promise<readonly Json[]> {
    try {
      const files = await inTurns(closing, UPLOADS_MAX, (file) => file.run());
      await inTurns(staged, UPLOADS_MAX, ({ key, bytes }) => this.#staging.put(key, bytes));
      return files.map((file): ParquetCommittable => ({ checkpointId, ...file })) as unknown as readonly Json[];
    } catch (error) {
      // The checkpoint fails, its rows must not: they go with the next one.
      this.#closing.unshift(...closing);
      this.#staged.unshift(...staged);
      throw error;
    }
  }

  #openPartition(partition: string, openedAtMs?: number): OpenPartition<T> {
    const { description, context, file, schema, rollLimits } = this.#options;
    checkPartition(partition, description);
    if (this.#open.size >= PARTITIONS_MAX) {
      throw new UserError(
        'USER_FUNCTION',
        `${description}: partitionBy: more than ${PARTITIONS_MAX} partitions are open at once, the last ${partition}`,
        {
          hint: 'Partition by something coarser, or key the stream by the partition so that each subtask sees few of them.',
        },
      );
    }
    const open = new OpenPartition<T>({
      partition,
      openedAtMs: openedAtMs ?? context.environment.clock.nowMs(),
      file,
      schema,
      isHeld: rollLimits !== undefined,
    });
    this.#open.set(partition, open);
    return open;
  }

  #closeEarly(open: OpenPartition<T>): void {
    const file = this.#close(open);
    this.#closing.push(file);
    // A failure shows when the checkpoint runs it again.
    file.run().catch(() => {});
  }

  #close(open: OpenPartition<T>): ClosingFile<T> {
    const { context, storage, schema } = this.#options;
    this.#open.delete(open.partition);
    if (this.#last === open) this.#last = undefined;
    const { sinkUid, subtaskIndex, attempt, environment } = context;
    const names = [uidInKeys(sinkUid), subtaskIndex, attempt, this.#checkpointId, this.#fileCount++];
    const folder = open.partition === '' ? '' : `${open.partition}/`;
    return new ClosingFile({
      environment,
      storage,
      staging: this.#staging,
      schema,
      open,
      key: `${folder}part-${names.join('-')}.parquet`,
      releases: this.#releasedBy(open.parts),
    });
  }

  /** Objects that nobody needs once these parts are in a committed file. */
  #releasedBy(parts: readonly StagedPart[]): string[] {
    const released: string[] = [];
    for (const { key } of parts) {
      const left = this.#liveParts.get(key)! - 1;
      this.#liveParts.set(key, left);
      if (left > 0) continue;
      this.#liveParts.delete(key);
      released.push(key);
    }
    return released;
  }

  /** Puts what the held partitions got since the last checkpoint into one object. */
  #stage(held: readonly OpenPartition<T>[], checkpointId: number): void {
    const key = this.#staging.key('held', checkpointId);
    const chunks: Uint8Array[] = [];
    let offset = 0;
    for (const open of held) {
      const rowCount = open.unstaged?.rowCount ?? 0;
      if (rowCount === 0) continue;
      const bytes = open.unstaged!.take();
      open.addPart(this.#staging.describe(key, offset, bytes, rowCount));
      chunks.push(bytes);
      offset += bytes.length;
    }
    if (chunks.length === 0) return;
    this.#liveParts.set(key, chunks.length);
    this.#staged.push({ key, bytes: Buffer.concat(chunks) });
  }

  #refuseKind(kind: RowKind): UserError {
    return new UserError(
      'JOB_DEFINITION',
      `${this.#options.description}: expected inserts only, found a row of kind ${rowKindName(kind)}`,
      {
        hint: 'Set rowKindColumn to write changes with their kind, or use a warehouse sink in upsert mode.',
      },
    );
  }
}
