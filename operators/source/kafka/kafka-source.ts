import { UserError } from '../../../engine/base/errors.ts';
import type {
  EnumeratorContext,
  Json,
  ReaderContext,
  Source,
  SourceReader,
  SplitEnumerator,
} from '../../../engine/task/source.ts';
import { durationMs } from '../../../engine/time/duration.ts';
import { kafkaTransportFactory } from '../../kafka/connect.ts';
import { KafkaEnumerator } from './kafka-enumerator.ts';
import { KafkaReader } from './kafka-reader.ts';
import type { KafkaSourceOptions } from './kafka-source-options.ts';
import type { KafkaSourceSettings } from './kafka-source-settings.ts';
import type { KafkaSplit } from './kafka-split.ts';
import { LookUps } from './look-ups.ts';
import type { RecordHandling } from './record-handling.ts';

const MIB = 1024 * 1024;

/**
 * Reads topics, each partition in order. Positions live in checkpoints only, so every record is read exactly once by the
 * job's state, whatever fails; consumer groups are not used.
 *
 * @throws UserError CONFIGURATION when options contradict each other.
 */
export function kafkaSource<T, E = never, V = T>(options: KafkaSourceOptions<T, E, V>): Source<T | E, KafkaSplit> {
  const { format, record } = options;
  return new KafkaSource<T | E>(checkedSettings(options as KafkaSourceOptions<unknown, unknown>), {
    format,
    createRecord: record as RecordHandling<T | E>['createRecord'],
    onError: typeof options.onError === 'function' ? options.onError : undefined,
    isTombstoneSkipped: options.skipTombstones ?? false,
  });
}

type Decoding<T> = Omit<RecordHandling<T>, 'lookUps' | 'tombstones' | 'undecodable'>;

class KafkaSource<T> implements Source<T, KafkaSplit> {
  readonly #settings: KafkaSourceSettings;
  readonly #decoding: Decoding<T>;
  /** Shared by the readers of this thread. */
  #lookUps: LookUps | undefined;

  constructor(settings: KafkaSourceSettings, decoding: Decoding<T>) {
    this.#settings = settings;
    this.#decoding = decoding;
  }

  get description(): string {
    return `kafka ${this.#settings.topics.join(', ')}`;
  }

  get boundedness(): 'bounded' | 'unbounded' {
    return this.#settings.stopAt === undefined ? 'unbounded' : 'bounded';
  }

  createEnumerator(context: EnumeratorContext<KafkaSplit>, restored: Json | undefined): SplitEnumerator<KafkaSplit> {
    return new KafkaEnumerator(this.#settings, context, restored);
  }

  createReader(context: ReaderContext): SourceReader<T, KafkaSplit> {
    this.#lookUps ??= new LookUps(context.environment, context.logger);
    const handling = {
      ...this.#decoding,
      lookUps: this.#lookUps,
      tombstones: context.metrics.counter('numTombstonesSkipped'),
      undecodable: context.metrics.counter('numRecordsInErrors'),
    };
    return new KafkaReader(this.#settings, handling, context);
  }
}

function checkedSettings(options: KafkaSourceOptions<unknown, unknown>): KafkaSourceSettings {
  const topics = [...new Set(options.topics ?? (options.topic === undefined ? [] : [options.topic]))];
  if (topics.length === 0 || topics.includes('') || (options.topic !== undefined && options.topics !== undefined)) {
    throw new UserError('CONFIGURATION', 'kafkaSource: expected either topic or topics, with at least one name');
  }
  const where = `kafkaSource of ${topics.join(', ')}`;
  if (options.format === undefined && options.record === undefined) {
    throw new UserError('CONFIGURATION', `${where}: expected format, record or both`);
  }
  const startFrom = options.startFrom ?? 'earliest';
  if (startFrom === 'committed' && options.groupId === undefined) {
    throw new UserError('CONFIGURATION', `${where}: startFrom 'committed' needs a groupId`);
  }
  const { bounded = false } = options;
  const bufferBytesMax = options.bufferBytes ?? 32 * MIB;
  const partitionBytesMax = options.partitionBytes ?? MIB;
  if (!(bufferBytesMax > 0) || !(partitionBytesMax > 0)) {
    throw new UserError('CONFIGURATION', `${where}: bufferBytes and partitionBytes must be positive`);
  }
  return {
    openTransport: kafkaTransportFactory(options),
    topics,
    startFrom,
    stopAt: typeof bounded === 'object' ? bounded.timestampMs : bounded ? 'latest' : undefined,
    groupId: options.groupId,
    discoveryIntervalMs: durationMs(options.discoveryInterval ?? '5m'),
    isolation: options.isolation ?? 'read_committed',
    bufferBytesMax,
    partitionBytesMax,
  };
}
