import { expect, test } from 'vitest';
import { ByteReader } from '../../../engine/base/bytes.ts';
import { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import { ExternalError } from '../../../engine/base/errors.ts';
import { SILENT_LOGGER } from '../../../engine/base/logger.ts';
import { BidRequestWire } from '../../../jobs/attribution/bid-request-wire.ts';
import { kafkaRows } from '../../../jobs/attribution/kafka-rows.ts';
import { RawRecord } from '../../../jobs/attribution/raw-record.ts';
import { attributionRules } from '../../../jobs/attribution/rules.ts';
import { score } from '../../../jobs/attribution/scorer.ts';
import type { Quarantined } from '../../../jobs/attribution/schemas.ts';
import { Simulator } from '../../../jobs/simulator/simulator.ts';
import { computeTruth } from '../../../jobs/simulator/truth/compute-truth.ts';
import { rangeWithin } from '../../../jobs/simulator/truth/log-range.ts';
import { KafkaTarget } from '../../../jobs/simulator/write/kafka-target.ts';
import { runSimulator } from '../../../jobs/simulator/write/run-simulator.ts';
import { MemorySchemaRegistry } from '../../../operators/format/avro/schema-registry.ts';
import type { AvroSchema } from '../../../state/schema/schema.ts';
import { SimulatedKafka } from '../../sim/kafka/simulated-kafka.ts';
import { CROWDED } from './crowded-world.ts';
import { engineRun } from './engine-run.ts';

const DURATION_MS = 30_000;
const RULES = attributionRules({ joinWindow: '15s', dedupeWindow: '10s' });

/** `BidRequestWire` as a later version of the exchange writes it: with a field that we do not read. */
const GROWN: AvroSchema = grown(BidRequestWire.avro);

/** A registry that cannot be asked for the first `failures` times. */
class FailingRegistry extends MemorySchemaRegistry {
  failures = 0;
  askedIds: number[] = [];

  override async getById(id: number): Promise<AvroSchema | undefined> {
    this.askedIds.push(id);
    if (this.failures-- > 0) throw new ExternalError('CONNECTION', 'the registry does not answer');
    return await super.getById(id);
  }
}

/** Writes the world with bid requests in Confluent's form, which `change` may change, and runs the job on it. */
async function runOnKafka(options: {
  readonly change?: (bytes: Buffer, index: number, grownId: number) => Buffer;
  readonly outage?: number;
  readonly failAfter?: readonly number[];
}) {
  const warnings: string[] = [];
  const logger = {
    ...SILENT_LOGGER,
    warn: (message: string) => {
      if (message.includes('schema')) warnings.push(message);
    },
  };
  const environment = new VirtualEnvironment({ logger });
  const kafka = new SimulatedKafka({ environment });
  const registry = new FailingRegistry();
  const simulator = new Simulator({ ...CROWDED, seed: 3 });
  const connection = { brokers: 'simulated:1', transport: kafka.transport };
  const { change = (message) => message } = options;
  // Without a registry the target writes what it is given: here the whole messages.
  const target = new KafkaTarget({ ...connection, environment });
  const write = target.write.bind(target);
  let index = 0;
  let firstId = 0;
  let grownId = 0;
  target.write = (stream, partition, records) => {
    if (stream !== 'bid_requests') return write(stream, partition, records);
    const head = Buffer.from([0, 0, 0, 0, firstId]);
    const messages = records.map(
      ({ bytes, receivedAtMs }) => new RawRecord(change(Buffer.concat([head, bytes]), index++, grownId), receivedAtMs),
    );
    return write(stream, partition, messages);
  };
  await environment.run(
    (async () => {
      firstId = await registry.register('bid_requests-value', BidRequestWire.avro);
      grownId = await registry.register('bid_requests-value', GROWN);
      await runSimulator({ simulator, target, environment, durationMs: DURATION_MS });
    })(),
  );
  registry.failures = options.outage ?? 0;
  const { rows, restartCount } = await engineRun({
    simulator,
    rules: RULES,
    durationMs: DURATION_MS,
    environment,
    parallelism: 2,
    failAfter: options.failAfter,
    createSource: (source) => kafkaRows({ ...connection, source, isBounded: true, registry }),
  });
  const truth = computeTruth(simulator, rangeWithin(simulator, DURATION_MS), RULES);
  return { rows, restartCount, warnings, truth, registry };
}

test('bid requests with schema ids give what plain ones give, also when a field is added and the job fails', async () => {
  const { rows, restartCount, truth, registry } = await runOnKafka({
    change: (message, index, grownId) =>
      index < 1_000 || !isWhole(message) ? message : grownMessage(message, grownId),
    failAfter: [1_500],
  });
  const result = score(rows, truth);
  expect(result.differences).toEqual([]);
  expect(result.isPerfect).toBe(true);
  expect(restartCount).toBe(1);
  // Three partitions, two attempts, two ids: each decoder asks once.
  expect(new Set(registry.askedIds)).toEqual(new Set([1, 2]));
  expect(registry.askedIds.length).toBeLessThanOrEqual(12);
});

test('messages with an unknown id or a broken head are quarantined with their bytes, and nothing else changes', async () => {
  const broken = new Map<string, Buffer>();
  const { rows, truth } = await runOnKafka({
    change: (message, index) => {
      if (index % 100 !== 7) return message;
      const changed = Buffer.from(message);
      if (index % 300 === 7) changed[0] = 9;
      else if (index % 300 === 107) changed.writeUInt32BE(777, 1);
      else changed.writeUInt32BE(0xffff_fff0, 1);
      broken.set(changed.toString('hex'), changed);
      return changed;
    },
  });
  const refused = rows.quarantined.filter(({ errorCode }) => errorCode === 'SCHEMA');
  expect(refused.length).toBeGreaterThan(20);
  expect(refused.map(({ payload }) => Buffer.from(payload).toString('hex')).toSorted()).toEqual(
    [...broken.keys()].toSorted(),
  );
  expect(refused.every(({ source }) => source === 'bid_requests')).toBe(true);
  expect(detailsOf(refused)).toEqual([
    'confluent avro: expected the byte 0 and a schema id, found the byte 9',
    'confluent avro: unknown schema 4294967280: no registry has such an id',
    'confluent avro: unknown schema 777: registry in memory does not have it',
  ]);
  expect(score(rows, truth).misplaced).toBe(0);
});

test('while the registry cannot be reached the job waits, says so once, and loses nothing', async () => {
  const { rows, truth, warnings, restartCount } = await runOnKafka({ outage: 40 });
  expect(warnings).toEqual(['records wait for their schema, trying again until it can be looked up']);
  expect(restartCount).toBe(0);
  const result = score(rows, truth);
  expect(result.differences).toEqual([]);
  expect(result.isPerfect).toBe(true);
});

function detailsOf(rows: readonly Quarantined[]): string[] {
  return [...new Set(rows.map(({ errorDetail }) => errorDetail.replace(/ in \d+ bytes/, '')))].toSorted();
}

/** Whether it is not one of the world's torn ones. */
function isWhole(message: Buffer): boolean {
  try {
    BidRequestWire.decode(new ByteReader(message, 5));
    return true;
  } catch {
    return false;
  }
}

/** The same request with the new field, an absent optional text, at the end. */
function grownMessage(message: Buffer, grownId: number): Buffer {
  const changed = Buffer.concat([message, Buffer.from([0])]);
  changed.writeUInt32BE(grownId, 1);
  return changed;
}

function grown(schema: AvroSchema): AvroSchema {
  const record = JSON.parse(JSON.stringify(schema)) as { fields: object[] };
  record.fields.push({ name: 'session_id', type: ['null', 'string'], default: null });
  return record as unknown as AvroSchema;
}
