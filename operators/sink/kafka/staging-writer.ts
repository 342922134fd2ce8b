import type { Counter } from '../../../engine/base/metrics.ts';
import type { RowKind } from '../../../engine/task/row-kind.ts';
import type { SinkContext, SinkWriter } from '../../../engine/task/sink.ts';
import type { Json } from '../../../engine/task/source.ts';
import { batchRecordCount } from '../../kafka/record-batch.ts';
import type { KafkaCommittable, StagedFile } from './kafka-committable.ts';
import type { KafkaSinkOptions } from './kafka-sink-options.ts';
import { BUFFER_BYTES, STAGED_FILE_BYTES } from './limits.ts';
import { RecordWriter } from './record-writer.ts';
import { StagedBatchesWriter } from './staged-batches.ts';

/**
 * Writes ahead: the records of an epoch go to checkpoint storage as ready-made batches, and to Kafka only when their
 * checkpoint is complete. A large epoch is staged in several files while it lasts, so memory stays bounded.
 */
export class StagingWriter<T> implements SinkWriter<T> {
  readonly #context: SinkContext;
  readonly #records: RecordWriter<T>;
  readonly #file = new StagedBatchesWriter();
  readonly #bufferBytes: number;
  readonly #writerId: string;
  readonly #recordsOut: Counter;
  readonly #bytesOut: Counter;
  /** Stored, or on their way, since the last checkpoint. */
  #uploads: Promise<StagedFile>[] = [];
  #uploadBytes = 0;
  #fileCount = 0;
  #fileRecordCount = 0;
  #roomWaiter: PromiseWithResolvers<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(options: KafkaSinkOptions<T>, context: SinkContext, partitionCount: number) {
    this.#context = context;
    this.#writerId = context.environment.newId();
    this.#bufferBytes = options.bufferBytes ?? BUFFER_BYTES;
    this.#recordsOut = context.metrics.counter('numRecordsSend');
    this.#bytesOut = context.metrics.counter('numBytesSend');
    this.#records = new RecordWriter({
      sink: options,
      clock: context.environment.clock,
      partitionCount,
      firstPartition: context.subtaskIndex,
      onBatch: (batch) => {
        this.#file.append(batch);
        this.#fileRecordCount += batchRecordCount(batch.batch);
      },
    });
  }

  write(value: T, timestampMs: number, kind: RowKind): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#records.write(value, timestampMs, kind);
    this.#recordsOut.value++;
    if (this.#file.byteCount >= STAGED_FILE_BYTES) this.#stage();
  }

  blockedUntil(): Promise<void> | undefined {
    if (this.#failure !== undefined || !this.#isFull()) return undefined;
    this.#records.flush();
    this.#stage();
    this.#roomWaiter ??= Promise.withResolvers<void>();
    return this.#roomWaiter.promise;
  }

  async prepareCommit(): Promise<readonly Json[]> {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#records.flush();
    this.#stage();
    const uploads = this.#uploads;
    if (uploads.length === 0) return [];
    this.#uploads = [];
    const stageId = this.#context.environment.newId();
    const committable: KafkaCommittable = { format: 1, stageId, files: await Promise.all(uploads) };
    return [committable];
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#uploads);
  }

  /** Sends the current file off; the next records go to another one. */
  #stage(): void {
    if (this.#file.batchCount === 0) return;
    const { storage, storagePrefix, subtaskIndex, attempt } = this.#context;
    const bytes = this.#file.take();
    const name = `${attempt}-${subtaskIndex}-${this.#writerId}-${this.#fileCount++}.batches`;
    const key = `${storagePrefix.replace(/\/$/, '')}/${name}`;
    const staged: StagedFile = { key, bytes: bytes.length, recordCount: this.#fileRecordCount };
    this.#fileRecordCount = 0;
    this.#uploadBytes += bytes.length;
    this.#bytesOut.value += bytes.length;
    const upload = storage.put(key, bytes).then(
      () => {
        this.#release(bytes.length);
        return staged;
      },
      (error: unknown) => {
        this.#failure ??= { error };
        this.#release(bytes.length);
        throw error;
      },
    );
    upload.catch(() => {}); // reported by the next call
    this.#uploads.push(upload);
  }

  #isFull(): boolean {
    return this.#records.byteCount + this.#file.byteCount + this.#uploadBytes > this.#bufferBytes;
  }

  #release(byteCount: number): void {
    this.#uploadBytes -= byteCount;
    if (this.#roomWaiter === undefined || (this.#isFull() && this.#failure === undefined)) return;
    this.#roomWaiter.resolve();
    this.#roomWaiter = undefined;
  }
}
