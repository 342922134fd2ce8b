import type { Environment, TimerHandle } from '../../../engine/base/environment.ts';
import { ExternalError } from '../../../engine/base/errors.ts';
import type {
  KafkaTransportFactory,
  NewTopic,
  ProducerOptions,
  TopicPartition,
} from '../../../operators/kafka/kafka-transport.ts';
import type { BatchProducer } from '../../../operators/kafka/record-batch.ts';
import { SeededRandom } from '../../../engine/base/random.ts';
import { SimulatedPartition } from './simulated-partition.ts';
import { SimulatedTransport } from './simulated-transport.ts';

/** How often something goes wrong, as probabilities per call. Default 0 each. */
export interface KafkaFaults {
  /** A fetch is lost: connection error. */
  readonly fetch?: number | undefined;
  /** A send is lost before it is stored. */
  readonly sendLost?: number | undefined;
  /** A send is stored and its answer lost. */
  readonly sendAnswerLost?: number | undefined;
  /** A commit or abort is lost before it is carried out. */
  readonly endLost?: number | undefined;
  /** A commit or abort is carried out and its answer lost. */
  readonly endAnswerLost?: number | undefined;
  /** A commit or abort is given up by the client and carried out later, unless the producer is fenced by then. */
  readonly endDelayed?: number | undefined;
  /** A producer cannot be opened. */
  readonly open?: number | undefined;
}

interface Transactional {
  readonly producerId: number;
  epoch: number;
  readonly partitions: Set<SimulatedPartition>;
  timer: TimerHandle | undefined;
  isOpen: boolean;
}

/**
 * A Kafka cluster in memory, under the clock and seed of an environment. It stores real record batches and keeps a broker's
 * rules for sequences, epochs, transactions and visibility; faults come from its seed. It outlives the jobs that use it.
 */
export class SimulatedKafka {
  readonly nodeIds: readonly number[];
  readonly #environment: Environment;
  readonly #random: SeededRandom;
  readonly #latencyMs: number;
  readonly #topics = new Map<string, SimulatedPartition[]>();
  readonly #topicSettings = new Map<string, NewTopic>();
  readonly #downNodes = new Set<number>();
  readonly #transactionals = new Map<string, Transactional>();
  readonly #groups = new Map<string, Map<string, number>>();
  #nextProducerId = 1;
  faults: KafkaFaults = {};

  constructor(options: {
    readonly environment: Environment;
    readonly seed?: number | undefined;
    /** Default 1. */
    readonly nodeCount?: number | undefined;
    /** Milliseconds that a call takes, up to. Default 2. */
    readonly latencyMs?: number | undefined;
  }) {
    this.#environment = options.environment;
    this.#random = new SeededRandom(options.seed ?? 1);
    this.#latencyMs = options.latencyMs ?? 2;
    this.nodeIds = Array.from({ length: options.nodeCount ?? 1 }, (_, index) => index + 1);
  }

  /** What sources and sinks take as their option `transport`. */
  get transport(): KafkaTransportFactory {
    return ({ environment }) => new SimulatedTransport(this, environment);
  }

  // Controls for tests.

  stopNode(nodeId: number): void {
    this.#downNodes.add(nodeId);
  }

  startNode(nodeId: number): void {
    this.#downNodes.delete(nodeId);
  }

  moveLeader({ topic, partition }: TopicPartition, nodeId: number): void {
    this.partition(topic, partition)!.leaderId = nodeId;
  }

  addPartitions(topic: string, partitionCount: number): void {
    const partitions = this.#topics.get(topic)!;
    while (partitions.length < partitionCount)
      partitions.push(new SimulatedPartition(this.#someNode(partitions.length)));
  }

  deleteTopic(topic: string): void {
    this.#topics.delete(topic);
  }

  deleteRecordsBefore({ topic, partition }: TopicPartition, offset: number): void {
    this.partition(topic, partition)!.deleteBefore(offset);
  }

  topicSettings(topic: string): NewTopic | undefined {
    return this.#topicSettings.get(topic);
  }

  // What the transport asks.

  createTopic(topic: NewTopic): boolean {
    if (this.#topics.has(topic.topic)) return false;
    this.#topicSettings.set(topic.topic, topic);
    this.#topics.set(topic.topic, []);
    this.addPartitions(topic.topic, topic.partitions);
    return true;
  }

  partitions(topic: string): readonly SimulatedPartition[] {
    return this.#topics.get(topic) ?? [];
  }

  partition(topic: string, partition: number): SimulatedPartition | undefined {
    return this.#topics.get(topic)?.[partition];
  }

  group(groupId: string): Map<string, number> {
    let offsets = this.#groups.get(groupId);
    if (offsets === undefined) this.#groups.set(groupId, (offsets = new Map()));
    return offsets;
  }

  isUp(nodeId: number): boolean {
    return !this.#downNodes.has(nodeId);
  }

  get isAnyUp(): boolean {
    return this.nodeIds.some((nodeId) => this.isUp(nodeId));
  }

  /** Decides by the seed whether a fault of this kind happens now. */
  isFaulty(kind: keyof KafkaFaults): boolean {
    const probability = this.faults[kind] ?? 0;
    return probability > 0 && this.#random.next() < probability;
  }

  /** The time that a call takes. */
  async latency(): Promise<void> {
    await this.#environment.scheduler.delay(this.#random.below(this.#latencyMs + 1));
  }

  nowMs(): number {
    return this.#environment.clock.nowMs();
  }

  openProducer({ transactionalId, transactionTimeoutMs = 300_000 }: ProducerOptions): BatchProducer {
    if (transactionalId === undefined) {
      return { producerId: this.#nextProducerId++, producerEpoch: 0, isTransactional: false };
    }
    let known = this.#transactionals.get(transactionalId);
    if (known === undefined) {
      known = {
        producerId: this.#nextProducerId++,
        epoch: -1,
        partitions: new Set(),
        timer: undefined,
        isOpen: false,
      };
      this.#transactionals.set(transactionalId, known);
    }
    known.epoch++;
    if (known.isOpen) this.#end(known, false);
    this.#timeouts.set(transactionalId, transactionTimeoutMs);
    return { producerId: known.producerId, producerEpoch: known.epoch, isTransactional: true };
  }
  readonly #timeouts = new Map<string, number>();

  /** Makes partitions part of the open transaction. Throws FENCED for a producer that was overtaken. */
  join(transactionalId: string, producer: BatchProducer, partition: SimulatedPartition): void {
    const known = this.#current(transactionalId, producer);
    if (!known.isOpen) {
      known.isOpen = true;
      known.timer = this.#environment.scheduler.setTimer(this.#timeouts.get(transactionalId)!, () => {
        known.epoch++;
        this.#end(known, false);
      });
    }
    known.partitions.add(partition);
  }

  endTransaction(transactionalId: string, producer: BatchProducer, isCommit: boolean): void {
    this.#end(this.#current(transactionalId, producer), isCommit);
  }

  /** The same some time later; then without effect if the producer has been fenced meanwhile. */
  endTransactionLater(transactionalId: string, producer: BatchProducer, isCommit: boolean): void {
    this.#environment.scheduler.setTimer(this.#random.below(100), () => {
      const known = this.#transactionals.get(transactionalId)!;
      if (known.epoch === producer.producerEpoch && known.isOpen) this.#end(known, isCommit);
    });
  }

  #current(transactionalId: string, producer: BatchProducer): Transactional {
    const known = this.#transactionals.get(transactionalId)!;
    if (known.epoch !== producer.producerEpoch) {
      throw new ExternalError('FENCED', `a newer producer has taken over ${transactionalId}`, { retryable: false });
    }
    return known;
  }

  #end(known: Transactional, isCommit: boolean): void {
    known.timer?.cancel();
    known.isOpen = false;
    const producer = { producerId: known.producerId, producerEpoch: known.epoch, isTransactional: true };
    for (const partition of known.partitions) partition.endTransaction(producer, isCommit, this.nowMs());
    known.partitions.clear();
  }

  #someNode(index: number): number {
    return this.nodeIds[index % this.nodeIds.length]!;
  }
}
