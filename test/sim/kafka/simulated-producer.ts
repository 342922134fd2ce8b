import { assert } from '../../../engine/base/assert.ts';
import { ExternalError } from '../../../engine/base/errors.ts';
import { topicMissing } from '../../../operators/kafka/kafka-errors.ts';
import type { KafkaProducer, ProduceBatch } from '../../../operators/kafka/kafka-transport.ts';
import { batchRecordCount, type BatchProducer, sealBatch } from '../../../operators/kafka/record-batch.ts';
import type { SimulatedKafka } from './simulated-kafka.ts';

/** A producer of the simulated cluster; its faults are those that a real one cannot heal by sending again. */
export class SimulatedProducer implements KafkaProducer {
  readonly #kafka: SimulatedKafka;
  readonly #producer: BatchProducer;
  readonly #transactionalId: string | undefined;
  readonly #sequences = new Map<string, number>();
  #state: 'ready' | 'transacting' | 'poisoned' = 'ready';
  #hasJoined = false;
  #lastSend: Promise<void> = Promise.resolve();

  constructor(kafka: SimulatedKafka, producer: BatchProducer, transactionalId: string | undefined) {
    this.#kafka = kafka;
    this.#producer = producer;
    this.#transactionalId = transactionalId;
  }

  begin(): void {
    this.#expect('ready');
    assert(this.#transactionalId !== undefined, () => 'begin() needs a transactional producer');
    this.#state = 'transacting';
    this.#hasJoined = false;
  }

  send(batches: readonly ProduceBatch[]): Promise<void> {
    const sent = this.#lastSend.then(() => this.#poisonOnError(() => this.#send(batches)));
    this.#lastSend = sent.catch(() => {});
    return sent;
  }

  async commit(): Promise<void> {
    await this.#lastSend;
    await this.#poisonOnError(() => this.#end(true));
  }

  async abort(): Promise<void> {
    await this.#lastSend;
    await this.#poisonOnError(() => this.#end(false));
  }

  async close(): Promise<void> {
    this.#state = 'poisoned';
  }

  async #send(batches: readonly ProduceBatch[]): Promise<void> {
    this.#expect(this.#transactionalId === undefined ? 'ready' : 'transacting');
    await this.#kafka.latency();
    if (!this.#kafka.isAnyUp || this.#kafka.isFaulty('sendLost')) throw lost('send');
    for (const { topic, partition, batch } of batches) {
      const target = this.#kafka.partition(topic, partition);
      if (target === undefined) throw topicMissing(topic, 'simulated Kafka');
      if (this.#transactionalId !== undefined) {
        this.#kafka.join(this.#transactionalId, this.#producer, target);
        this.#hasJoined = true;
      }
      const key = `${topic}-${partition}`;
      const sequence = this.#sequences.get(key) ?? 0;
      const sealed = Buffer.from(batch);
      sealBatch(sealed, this.#producer, sequence);
      this.#sequences.set(key, sequence + batchRecordCount(sealed));
      const result = target.append(sealed);
      if (result === 'fenced') throw new ExternalError('FENCED', 'fenced', { retryable: false });
      assert(result === 'stored', () => `batch ${sequence} of ${key} was ${result}`);
    }
    await this.#kafka.latency();
    if (this.#kafka.isFaulty('sendAnswerLost')) throw lost('send');
  }

  async #end(isCommit: boolean): Promise<void> {
    this.#expect('transacting');
    await this.#kafka.latency();
    if (this.#hasJoined) {
      if (!this.#kafka.isAnyUp || this.#kafka.isFaulty('endLost')) throw this.#unknown();
      if (this.#kafka.isFaulty('endDelayed')) {
        this.#kafka.endTransactionLater(this.#transactionalId!, this.#producer, isCommit);
        throw this.#unknown();
      }
      this.#kafka.endTransaction(this.#transactionalId!, this.#producer, isCommit);
      await this.#kafka.latency();
      if (this.#kafka.isFaulty('endAnswerLost')) throw this.#unknown();
    }
    this.#state = 'ready';
  }

  #unknown(): ExternalError {
    return new ExternalError('TRANSACTION_OUTCOME_UNKNOWN', `no answer to the end of ${this.#transactionalId}`);
  }

  #expect(state: 'ready' | 'transacting'): void {
    if (this.#state === 'poisoned') throw new ExternalError('CONNECTION', 'this producer has failed; open a new one');
    assert(this.#state === state, () => `the producer is ${this.#state}, expected ${state}`);
  }

  async #poisonOnError(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.#state = 'poisoned';
      throw error;
    }
  }
}

export function lost(what: string): ExternalError {
  return new ExternalError('CONNECTION', `${what}: the connection was lost`);
}
