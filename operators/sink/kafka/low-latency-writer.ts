import { ExternalError } from '../../../engine/base/errors.ts';
import type { TimerHandle } from '../../../engine/base/environment.ts';
import type { Counter } from '../../../engine/base/metrics.ts';
import type { RowKind } from '../../../engine/task/row-kind.ts';
import type { SinkContext, SinkWriter } from '../../../engine/task/sink.ts';
import type { Json } from '../../../engine/task/source.ts';
import { durationMs } from '../../../engine/time/duration.ts';
import type { KafkaProducer, KafkaTransport } from '../../kafka/kafka-transport.ts';
import type { KafkaSinkOptions } from './kafka-sink-options.ts';
import { BUFFER_BYTES, LINGER_MS, REQUEST_BYTES_MAX } from './limits.ts';
import { PartitionQueues } from './partition-queues.ts';
import { type PartitionBatch, RecordWriter } from './record-writer.ts';

/**
 * Sends records as they come, one request at a time; what arrives meanwhile goes with the next. A checkpoint waits until
 * everything before it is stored. A failed send fails the job: it replays from its checkpoint with a new producer.
 */
export class LowLatencyWriter<T> implements SinkWriter<T> {
  readonly #topic: string;
  readonly #context: SinkContext;
  readonly #transport: KafkaTransport;
  readonly #producer: KafkaProducer;
  readonly #records: RecordWriter<T>;
  readonly #queues = new PartitionQueues();
  readonly #unacknowledged = new Set<PartitionBatch>();
  readonly #bufferBytes: number;
  readonly #lingerMs: number;
  readonly #recordsOut: Counter;
  readonly #bytesOut: Counter;
  #timer: TimerHandle | undefined;
  #sending: Promise<void> | undefined;
  #sendingBytes = 0;
  #roomWaiter: PromiseWithResolvers<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #isClosed = false;

  constructor(options: {
    readonly sink: KafkaSinkOptions<T>;
    readonly context: SinkContext;
    readonly transport: KafkaTransport;
    readonly producer: KafkaProducer;
    readonly partitionCount: number;
  }) {
    const { sink, context } = options;
    this.#topic = sink.topic;
    this.#context = context;
    this.#transport = options.transport;
    this.#producer = options.producer;
    this.#bufferBytes = sink.bufferBytes ?? BUFFER_BYTES;
    this.#lingerMs = durationMs(sink.linger ?? LINGER_MS);
    this.#recordsOut = context.metrics.counter('numRecordsSend');
    this.#bytesOut = context.metrics.counter('numBytesSend');
    this.#records = new RecordWriter({
      sink,
      clock: context.environment.clock,
      partitionCount: options.partitionCount,
      firstPartition: context.subtaskIndex,
      onBatch: (batch) => {
        this.#queues.push(batch);
        this.#unacknowledged.add(batch);
      },
    });
  }

  write(value: T, timestampMs: number, kind: RowKind): void {
    this.#check();
    this.#records.write(value, timestampMs, kind);
    this.#recordsOut.value++;
    if (this.#timer === undefined && this.#sending === undefined) {
      this.#timer = this.#context.environment.scheduler.setTimer(this.#lingerMs, () => {
        this.#timer = undefined;
        this.#send();
      });
    }
  }

  blockedUntil(): Promise<void> | undefined {
    if (this.#failure !== undefined || !this.#isFull()) return undefined;
    this.#send();
    this.#roomWaiter ??= Promise.withResolvers<void>();
    return this.#roomWaiter.promise;
  }

  async prepareCommit(): Promise<readonly Json[]> {
    await this.flush();
    return [];
  }

  async flush(): Promise<void> {
    this.#check();
    this.#records.flush();
    const mine = [...this.#unacknowledged];
    this.#send();
    while (mine.some((batch) => this.#unacknowledged.has(batch))) {
      await this.#sending;
      this.#check();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // Whoever still waits for a request must not wait for ever.
    this.#failure ??= { error: new ExternalError('CANCELED', 'the writer was closed') };
    this.#roomWaiter?.resolve();
    this.#timer?.cancel();
    await this.#producer.close();
    await this.#transport.close();
  }

  /** Starts a request with all that waits, unless one is under way: then its end does. */
  #send(): void {
    if (this.#sending !== undefined || this.#failure !== undefined || this.#isClosed) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#records.flush();
    const batches = this.#queues.take(REQUEST_BYTES_MAX);
    if (batches.length === 0) return;
    for (const { batch } of batches) this.#sendingBytes += batch.length;
    this.#sending = this.#producer.send(batches.map((batch) => ({ ...batch, topic: this.#topic }))).then(
      () => {
        for (const batch of batches) this.#unacknowledged.delete(batch);
        this.#bytesOut.value += this.#sendingBytes;
        this.#onSent();
      },
      (error: unknown) => {
        this.#failure = { error };
        this.#onSent();
      },
    );
  }

  #onSent(): void {
    this.#sendingBytes = 0;
    this.#sending = undefined;
    this.#send();
    if (this.#roomWaiter !== undefined && (this.#failure !== undefined || !this.#isFull())) {
      this.#roomWaiter.resolve();
      this.#roomWaiter = undefined;
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #isFull(): boolean {
    return this.#records.byteCount + this.#queues.byteCount + this.#sendingBytes > this.#bufferBytes;
  }
}
