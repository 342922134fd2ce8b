import { ByteWriter } from '../../../engine/base/bytes.ts';
import { UserError } from '../../../engine/base/errors.ts';
import { DELETE, isRetraction, type RowKind, rowKindName, UPDATE_BEFORE } from '../../../engine/task/row-kind.ts';
import { hasTimestamp } from '../../../engine/time/timestamps.ts';
import type { Clock } from '../../../engine/base/environment.ts';
import { partitionOfKey } from '../../kafka/murmur2.ts';
import { type KafkaHeader, RecordBatchBuilder, recordBytesMax } from '../../kafka/record-batch-builder.ts';
import type { KafkaSinkOptions } from './kafka-sink-options.ts';
import { BATCH_BYTES, BATCH_BYTES_MIN, BUFFER_BYTES } from './limits.ts';

/** A full batch of a partition. */
export interface PartitionBatch {
  readonly partition: number;
  readonly batch: Buffer;
}

/** Encodes records into one growing batch per partition, and hands out batches that are full. */
export class RecordWriter<T> {
  readonly #options: KafkaSinkOptions<T>;
  readonly #clock: Clock;
  readonly #partitionCount: number;
  readonly #batchBytes: number;
  readonly #builders: (RecordBatchBuilder | undefined)[];
  readonly #onBatch: (batch: PartitionBatch) => void;
  readonly #value = new ByteWriter();
  /** Partition of records without key: changes with every full batch. */
  #stickyPartition: number;
  #byteCount = 0;

  /** @param firstPartition where records without key go first: differs between subtasks. */
  constructor(options: {
    readonly sink: KafkaSinkOptions<T>;
    readonly clock: Clock;
    readonly partitionCount: number;
    readonly firstPartition: number;
    readonly onBatch: (batch: PartitionBatch) => void;
  }) {
    this.#options = options.sink;
    this.#clock = options.clock;
    this.#partitionCount = options.partitionCount;
    // Thousands of partitions must not hold a large batch each.
    const sharedBytes = (options.sink.bufferBytes ?? BUFFER_BYTES) / 2 / options.partitionCount;
    this.#batchBytes = Math.min(options.sink.batchBytes ?? BATCH_BYTES, Math.max(BATCH_BYTES_MIN, sharedBytes));
    this.#builders = new Array<RecordBatchBuilder | undefined>(options.partitionCount).fill(undefined);
    this.#stickyPartition = options.firstPartition % options.partitionCount;
    this.#onBatch = options.onBatch;
  }

  /** Bytes in batches that are not full yet. */
  get byteCount(): number {
    return this.#byteCount;
  }

  /**
   * @throws RecordError when the value does not fit its format.
   * @throws UserError JOB_DEFINITION when the sink does not take rows of this kind; RECORD for a partition that is none.
   */
  write(value: T, timestampMs: number, kind: RowKind): void {
    const { changelog = 'insert-only', format } = this.#options;
    if (isRetraction(kind)) {
      if (changelog === 'insert-only') throw this.#refused(kind);
      if (changelog === 'upsert' && kind === UPDATE_BEFORE) return;
    }
    const key = this.#keyOf(value);
    let bytes: Uint8Array | null = null;
    if (changelog !== 'upsert' || kind !== DELETE) {
      this.#value.clear();
      format.encode(this.#value, value);
      bytes = this.#value.written();
    }
    const headers = this.#headersOf(value, kind);
    const partition = this.#partitionOf(value, key);
    let builder = this.#builders[partition];
    if (builder === undefined) this.#builders[partition] = builder = new RecordBatchBuilder(BATCH_BYTES_MIN);
    const recordBytes = recordBytesMax(key, bytes, headers);
    if (builder.recordCount > 0 && builder.byteCount + recordBytes > this.#batchBytes) this.#finish(partition, builder);
    const before = builder.recordCount === 0 ? 0 : builder.byteCount;
    builder.append(key, bytes, this.#timestampOf(value, timestampMs), headers);
    this.#byteCount += builder.byteCount - before;
    if (builder.byteCount >= this.#batchBytes) this.#finish(partition, builder);
  }

  /** Hands out what has been written, full or not. */
  flush(): void {
    this.#builders.forEach((builder, partition) => {
      if (builder !== undefined && builder.recordCount > 0) this.#finish(partition, builder);
    });
  }

  /** The same for one partition. */
  flushPartition(partition: number): void {
    const builder = this.#builders[partition];
    if (builder !== undefined && builder.recordCount > 0) this.#finish(partition, builder);
  }

  #finish(partition: number, builder: RecordBatchBuilder): void {
    this.#byteCount -= builder.byteCount;
    const batch = builder.finish(this.#options.compression);
    if (partition === this.#stickyPartition) this.#stickyPartition = (partition + 1) % this.#partitionCount;
    this.#onBatch({ partition, batch });
  }

  #keyOf(value: T): Uint8Array | null {
    const key = this.#options.key?.(value) ?? null;
    return typeof key === 'string' ? Buffer.from(key) : key;
  }

  #headersOf(value: T, kind: RowKind): readonly KafkaHeader[] {
    const { headers, id, changelog } = this.#options;
    if (headers === undefined && id === undefined && changelog !== 'all') return NO_HEADERS;
    const all: KafkaHeader[] = [];
    if (id !== undefined) all.push({ name: 'id', value: Buffer.from(id(value)) });
    if (changelog === 'all') all.push({ name: 'row-kind', value: Buffer.from(rowKindName(kind)) });
    if (headers !== undefined) {
      for (const [name, content] of Object.entries(headers(value))) {
        all.push({ name, value: typeof content === 'string' ? Buffer.from(content) : content });
      }
    }
    return all;
  }

  #partitionOf(value: T, key: Uint8Array | null): number {
    const { partition, topic } = this.#options;
    if (partition === undefined) {
      return key === null ? this.#stickyPartition : partitionOfKey(this.#partitionCount, key);
    }
    const chosen = partition(value, this.#partitionCount);
    if (Number.isInteger(chosen) && chosen >= 0 && chosen < this.#partitionCount) return chosen;
    throw new UserError(
      'RECORD',
      `kafkaSink ${topic}: expected a partition in [0, ${this.#partitionCount}), found ${chosen}`,
      { hint: 'Correct the function partition of the sink.' },
    );
  }

  #timestampOf(value: T, timestampMs: number): number {
    const chosen = this.#options.timestamp?.(value) ?? timestampMs;
    return hasTimestamp(chosen) ? Math.max(0, Math.floor(chosen)) : this.#clock.nowMs();
  }

  #refused(kind: RowKind): UserError {
    return new UserError(
      'JOB_DEFINITION',
      `kafkaSink ${this.#options.topic}: expected inserts only, found a row of kind ${rowKindName(kind)}`,
      { hint: "Set changelog to 'upsert' (newest row per key) or 'all' (every change, with its kind in a header)." },
    );
  }
}

const NO_HEADERS: readonly KafkaHeader[] = [];
