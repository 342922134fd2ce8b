import type Broker from 'kafkajs/src/broker/index.js';
import apiKeys from 'kafkajs/src/protocol/requests/apiKeys.js';
import { assert } from '../../engine/base/assert.ts';
import { ExternalError } from '../../engine/base/errors.ts';
import { byTopic } from './by-topic.ts';
import type { ClusterClient } from './cluster-client.ts';
import { checkKafkaCode, isTransient, KAFKA_ERROR, KafkaResponseError } from './kafka-errors.ts';
import type { KafkaProducer, ProduceBatch, ProducerOptions, TopicPartition } from './kafka-transport.ts';
import { REQUEST_TIMEOUT_MS, TRANSACTION_TIMEOUT_MS } from './limits.ts';
import { decodeProduceResponse, encodeProduceRequest, PRODUCE_VERSION } from './produce-request.ts';
import { batchRecordCount, type BatchProducer, sealBatch } from './record-batch.ts';
import type { TopicLeaders } from './topic-leaders.ts';

const TRANSACTION_COORDINATOR = 1;

type State = 'ready' | 'transacting' | 'poisoned';

/**
 * Sends sealed batches with sequence numbers of its own. A batch is sent again only as the same bytes with the same
 * number, which brokers recognise; whatever is not settled that way poisons the producer.
 */
export class KafkajsProducer implements KafkaProducer {
  readonly #client: ClusterClient;
  readonly #leaders: TopicLeaders;
  readonly #transactionalId: string | undefined;
  readonly #producer: BatchProducer;
  readonly #nextSequences = new Map<string, number>();
  readonly #joined = new Set<string>();
  #state: State = 'ready';
  #lastSend: Promise<void> = Promise.resolve();

  private constructor(
    client: ClusterClient,
    leaders: TopicLeaders,
    transactionalId: string | undefined,
    producer: BatchProducer,
  ) {
    this.#client = client;
    this.#leaders = leaders;
    this.#transactionalId = transactionalId;
    this.#producer = producer;
  }

  static async open(client: ClusterClient, leaders: TopicLeaders, options: ProducerOptions): Promise<KafkajsProducer> {
    const { transactionalId } = options;
    const what =
      transactionalId === undefined ? 'open a producer' : `open a producer for transactional id ${transactionalId}`;
    const answer = await client.retry(what, async () => {
      const broker = await (transactionalId === undefined
        ? client.anyBroker()
        : leaders.coordinator(transactionalId, TRANSACTION_COORDINATOR));
      const found = await client.call<InitProducerIdAnswer>(broker, 'InitProducerId', {
        transactionalId: transactionalId ?? null,
        transactionTimeout: options.transactionTimeoutMs ?? TRANSACTION_TIMEOUT_MS,
      });
      checkKafkaCode(found.errorCode, what);
      return found;
    });
    return new KafkajsProducer(client, leaders, transactionalId, {
      producerId: Number(answer.producerId),
      producerEpoch: answer.producerEpoch,
      isTransactional: transactionalId !== undefined,
    });
  }

  begin(): void {
    this.#expect('ready');
    assert(this.#transactionalId !== undefined, () => 'begin() needs a transactional producer');
    this.#state = 'transacting';
    this.#joined.clear();
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
    if (this.#transactionalId !== undefined) await this.#join(batches);
    for (const batch of batches) {
      const partition = partitionKey(batch);
      const sequence = this.#nextSequences.get(partition) ?? 0;
      sealBatch(batch.batch, this.#producer, sequence);
      // Sequence numbers wrap around to 0 behind 2^31 - 1.
      this.#nextSequences.set(partition, (sequence + batchRecordCount(batch.batch)) % 0x8000_0000);
    }
    let pending = batches;
    await this.#client.retry(describeSend(batches), async () => {
      const failures: unknown[] = [];
      let unsent: ProduceBatch[] = [];
      const byLeader = await this.#leaders.group(pending);
      await Promise.all(
        [...byLeader].map(async ([leaderId, indexes]) => {
          const group = indexes.map((i) => pending[i]!);
          try {
            const rest = await this.#produce(leaderId, group, failures);
            unsent = unsent.concat(rest);
          } catch (error) {
            failures.push(error);
            unsent = unsent.concat(group);
          }
        }),
      );
      pending = unsent;
      if (failures.length === 0) return;
      for (const { topic } of pending) this.#leaders.forget(topic);
      throw failures.find((failure) => !isTransient(failure)) ?? failures[0];
    });
  }

  /** Sends one request; returns what has to be sent again and puts the reasons into `failures`. */
  async #produce(leaderId: number, batches: readonly ProduceBatch[], failures: unknown[]): Promise<ProduceBatch[]> {
    const broker = await this.#client.broker(leaderId);
    const payload = await this.#client.sendParts(broker, {
      apiKey: apiKeys['Produce']!,
      apiVersion: PRODUCE_VERSION,
      apiName: 'Produce',
      parts: encodeProduceRequest({
        transactionalId: this.#transactionalId,
        timeoutMs: REQUEST_TIMEOUT_MS,
        batches,
      }),
    });
    const unsent: ProduceBatch[] = [];
    const codes = decodeProduceResponse(payload);
    for (const batch of batches) {
      const code = codes.get(partitionKey(batch));
      if (code === 0 || code === KAFKA_ERROR.DUPLICATE_SEQUENCE_NUMBER) continue;
      unsent.push(batch);
      failures.push(new KafkaResponseError(code ?? KAFKA_ERROR.UNKNOWN_TOPIC_OR_PARTITION, describeSend([batch])));
    }
    return unsent;
  }

  /** Tells the coordinator of partitions that the transaction has not written to yet. */
  async #join(batches: readonly ProduceBatch[]): Promise<void> {
    const partitions = batches.filter((batch) => !this.#joined.has(partitionKey(batch)));
    if (partitions.length === 0) return;
    const what = `add partitions to the transaction of ${this.#transactionalId}`;
    await this.#client.retry(what, async () => {
      const answer = await this.#client.call<AddPartitionsAnswer>(await this.#coordinator(), 'AddPartitionsToTxn', {
        ...this.#identity(),
        topics: byTopic(partitions, ({ partition }) => partition),
      });
      for (const { partitionErrors } of answer.errors) {
        for (const { errorCode } of partitionErrors) checkKafkaCode(errorCode, what);
      }
    });
    for (const batch of partitions) this.#joined.add(partitionKey(batch));
  }

  async #end(isCommit: boolean): Promise<void> {
    this.#expect('transacting');
    const what = `${isCommit ? 'commit' : 'abort'} the transaction of ${this.#transactionalId}`;
    if (this.#joined.size > 0) {
      await this.#client.retry(what, async () => {
        const coordinator = await this.#coordinator();
        const answer = await this.#client
          .call<EndTxnAnswer>(coordinator, 'EndTxn', { ...this.#identity(), transactionResult: isCommit })
          .catch((error: unknown) => {
            throw new ExternalError('TRANSACTION_OUTCOME_UNKNOWN', `no answer to: ${what}`, { cause: error });
          });
        checkKafkaCode(answer.errorCode, what);
      });
    }
    this.#state = 'ready';
  }

  #coordinator(): Promise<Broker> {
    return this.#leaders.coordinator(this.#transactionalId!, TRANSACTION_COORDINATOR);
  }

  #identity(): object {
    const { producerId, producerEpoch } = this.#producer;
    return { transactionalId: this.#transactionalId, producerId, producerEpoch };
  }

  #expect(state: State): void {
    if (this.#state === 'poisoned') {
      throw new ExternalError('CONNECTION', 'this producer has failed or was closed; open a new one');
    }
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

function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

function describeSend(batches: readonly ProduceBatch[]): string {
  const names = batches.slice(0, 3).map((batch) => `${partitionKey(batch)} (${batch.batch.length} bytes)`);
  return `send to ${names.join(', ')}${batches.length > 3 ? ` and ${batches.length - 3} more` : ''}`;
}

interface InitProducerIdAnswer {
  readonly errorCode: number;
  readonly producerId: string;
  readonly producerEpoch: number;
}

interface AddPartitionsAnswer {
  readonly errors: readonly { readonly partitionErrors: readonly { readonly errorCode: number }[] }[];
}

interface EndTxnAnswer {
  readonly errorCode: number;
}
