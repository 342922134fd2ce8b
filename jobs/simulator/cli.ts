#!/usr/bin/env node
import { Command, InvalidArgumentError } from 'commander';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import { describeError, UserError } from '../../engine/base/errors.ts';
import { durationMs } from '../../engine/time/duration.ts';
import { HttpSchemaRegistry } from '../../operators/format/avro/http-schema-registry.ts';
import { openStorage } from '../../state/storage/storage-url.ts';
import { Simulator } from './simulator.ts';
import { FileTarget } from './write/file-target.ts';
import { KafkaTarget } from './write/kafka-target.ts';
import { runSimulator } from './write/run-simulator.ts';
import type { SimulatorTarget } from './write/simulator-target.ts';

interface Options {
  readonly kafka?: string;
  readonly files?: string;
  readonly catalog?: string;
  readonly registry?: string;
  readonly topicPrefix: string;
  readonly profile: 'dense' | 'realistic';
  readonly seed: number;
  readonly rate: number;
  readonly partitions: number;
  readonly speed: number;
  readonly duration?: string;
}

/** Writes a simulated ad world to Kafka or to files, until its time is over or a signal comes. */
async function main(argv: readonly string[]): Promise<void> {
  const command = new Command('simulator')
    .description(
      'Writes a simulated ad world (impressions, clicks and conversions, bid requests) to Kafka or to files.',
    )
    .option('--kafka <brokers>', 'write to the topics impressions, clicks_conversions and bid_requests')
    .option('--files <url>', 'write files below a folder or s3://bucket/prefix')
    .option('--catalog <file>', 'write campaigns and creatives to this JSON file, for the job')
    .option('--registry <url>', 'Kafka: schema registry for bid requests')
    .option('--topic-prefix <text>', 'Kafka: before the names of the topics', '')
    .option('--profile <name>', 'dense or realistic', 'dense')
    .option('--seed <n>', 'equal seeds give equal worlds', numberOf, 1)
    .option('--rate <n>', 'impressions per second of the simulated time', numberOf, 1000)
    .option('--partitions <n>', 'partitions of each stream', numberOf, 4)
    .option('--speed <n>', 'seconds of the simulated time per second; 0: as fast as possible', numberOf, 1)
    .option('--duration <span>', 'how much of the simulated time; default: until a signal');
  const options = command.parse([...argv], { from: 'user' }).opts<Options>();
  const { profile, seed, rate, partitions, speed, duration } = options;
  const environment = createNodeEnvironment();
  const simulator = new Simulator({ profile, seed, impressionsPerSecond: rate, partitions });
  if (options.catalog !== undefined) {
    await environment.files.write(options.catalog, Buffer.from(JSON.stringify(simulator.catalog())));
  }
  const target = await targetOf(options, environment);
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
  const { recordCount, worldMs } = await runSimulator({
    simulator,
    target,
    environment,
    durationMs: duration === undefined ? undefined : durationMs(duration),
    speed: speed === 0 ? undefined : speed,
    signal: abort.signal,
  });
  process.stdout.write(`${recordCount} records, ${worldMs / 1000} s of the world, to ${target.description}\n`);
}

async function targetOf(
  options: Options,
  environment: ReturnType<typeof createNodeEnvironment>,
): Promise<SimulatorTarget> {
  const { kafka, files, topicPrefix } = options;
  if ((kafka === undefined) === (files === undefined)) {
    throw new UserError('CONFIGURATION', 'expected either --kafka or --files', {
      hint: 'simulator --help lists all options.',
    });
  }
  if (files !== undefined) return new FileTarget({ storage: await openStorage(environment, files) });
  const registry = options.registry === undefined ? undefined : new HttpSchemaRegistry({ url: options.registry });
  return new KafkaTarget({ brokers: kafka!, environment, topicPrefix, registry });
}

function numberOf(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('expected a number');
  return value;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = error instanceof UserError ? 2 : 1;
}
