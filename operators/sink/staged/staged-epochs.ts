import type { SinkContext } from '../../../engine/task/sink.ts';
import type { RowKind } from '../../../engine/task/row-kind.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { inTurns } from './in-turns.ts';
import { StagedRowsWriter } from './staged-rows.ts';
import { type StagedPart, StagingArea } from './staging-area.ts';

/** Bytes of rows after which a part is stored, without waiting for the checkpoint. */
const PART_BYTES_MAX = 32 << 20;
/** Bytes of parts that may wait for their upload before the task has to wait. */
const WAITING_BYTES_MAX = 256 << 20;
const UPLOADS_MAX = 4;

/** What a write-ahead sink's writer hands to its committer: the rows of one subtask and epoch, in order. */
export interface StagedEpoch {
  readonly checkpointId: number;
  readonly subtaskIndex: number;
  /** Attempt of the writer. */
  readonly attempt: number;
  readonly parts: readonly StagedPart[];
}

interface StagedUpload {
  readonly part: StagedPart;
  readonly bytes: Uint8Array;
  running: Promise<void> | undefined;
  isDone: boolean;
}

/**
 * The writer's half of a write-ahead sink: keeps an epoch's rows encoded, stores them in checkpoint storage, names them in
 * a committable. When storing fails the checkpoint fails, and the rows go with the next one.
 */
export class StagedEpochs<T> {
  readonly #context: SinkContext;
  readonly #staging: StagingArea;
  readonly #rows: StagedRowsWriter<T>;
  #uploads: StagedUpload[] = [];
  #checkpointId = 0;
  #partCount = 0;

  constructor(context: SinkContext, schema: Schema<T>) {
    this.#context = context;
    this.#staging = new StagingArea(context);
    this.#rows = new StagedRowsWriter(schema);
  }

  /** @throws RecordError when the row does not fit the schema. */
  append(row: T, kind: RowKind): void {
    this.#rows.append(row, kind);
    if (this.#rows.byteCount < PART_BYTES_MAX) return;
    this.#cut();
    // A failure shows when the checkpoint stores the part again.
    this.#upload(this.#uploads.at(-1)!).catch(() => {});
  }

  /** As `SinkWriter.blockedUntil`. */
  blockedUntil(): Promise<void> | undefined {
    const waiting = this.#uploads.filter((upload) => !upload.isDone);
    if (waiting.reduce((sum, upload) => sum + upload.bytes.length, 0) < WAITING_BYTES_MAX) return undefined;
    return Promise.race(waiting.map((upload) => this.#upload(upload)));
  }

  /** As `SinkWriter.prepareCommit`; undefined for an epoch without rows. */
  async prepareCommit(checkpointId: number): Promise<StagedEpoch | undefined> {
    this.#checkpointId = checkpointId;
    if (this.#rows.rowCount > 0) this.#cut();
    const uploads = this.#uploads;
    this.#uploads = [];
    try {
      await inTurns(uploads, UPLOADS_MAX, (upload) => this.#upload(upload));
    } catch (error) {
      this.#uploads.unshift(...uploads);
      throw error;
    }
    if (uploads.length === 0) return undefined;
    const { subtaskIndex, attempt } = this.#context;
    return { checkpointId, subtaskIndex, attempt, parts: uploads.map((upload) => upload.part) };
  }

  #cut(): void {
    const { rowCount } = this.#rows;
    const bytes = this.#rows.take();
    const key = `${this.#staging.key('rows', this.#checkpointId)}-${this.#partCount++}`;
    const part = this.#staging.describe(key, 0, bytes, rowCount);
    this.#uploads.push({ part, bytes, running: undefined, isDone: false });
  }

  #upload(upload: StagedUpload): Promise<void> {
    upload.running ??= this.#staging.put(upload.part.key, upload.bytes).then(
      () => void (upload.isDone = true),
      (error: unknown) => {
        upload.running = undefined;
        throw error;
      },
    );
    return upload.running;
  }
}

/** Epochs in the order in which their rows were written: an epoch of a failed checkpoint comes with a later one. */
export function inOrder(epochs: readonly StagedEpoch[]): StagedEpoch[] {
  return [...epochs].sort((a, b) => a.checkpointId - b.checkpointId || a.subtaskIndex - b.subtaskIndex);
}
