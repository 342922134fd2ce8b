import { z } from 'zod';
import type { ParamsOf } from '../../engine/graph/job-definition.ts';
import { durationMs } from '../../engine/time/duration.ts';
import type { SimulatorOptions } from '../simulator/options.ts';
import { type AttributionRules, attributionRules } from './rules.ts';

const duration = (): z.ZodString =>
  z.string().regex(/^\d+(\.\d+)?\s*(ms|s|m|min|h|d)$/, 'expected a duration such as 30s');

/** The job's parameters: flags and environment variables of the same names. */
export const PARAMS = {
  kafka: z
    .string()
    .regex(/^[^,\s]+:\d+(,[^,\s]+:\d+)*$/, 'expected host:port, several separated by commas')
    .optional()
    .describe('Kafka brokers to read from, host:port,host:port; default: the simulator, in process'),
  topicPrefix: z.string().default('').describe('Kafka: before the names of the topics'),
  registry: z
    .string()
    .optional()
    .describe(
      'Kafka: Confluent schema registry of the bid requests, http://host:port; default: none, they are plain Avro',
    ),
  bounded: z.boolean().default(false).describe('Kafka: end at the last record that is there at the start'),
  lake: z.string().optional().describe('where Parquet files go: a folder or s3://bucket/prefix; default: DATA/lake'),
  warehouse: z
    .string()
    .optional()
    .describe(
      'where facts go: postgres://user:password@host:port/database, or none; default: embedded, in DATA/warehouse',
    ),
  feed: z
    .string()
    .default('attribution_feed')
    .describe('Kafka: topic of the attribution feed, behind the prefix; none'),
  feedDelivery: z
    .enum(['exactly-once', 'low-latency'])
    .default('exactly-once')
    .describe('Kafka: when and how often the feed is seen'),
  catalog: z.string().optional().describe("JSON file of campaigns and creatives; default: the simulator's"),
  lateness: duration().default('10s').describe('a row taken in more than this after its event is late'),
  joinWindow: duration().default('24h').describe('how long after an impression a click belongs to it'),
  dedupeWindow: duration().default('1h').describe('how long an id is remembered'),
  userJoin: z.enum(['rows', 'all']).default('rows').describe('impressions that clicks without impression id may join'),
  profile: z.enum(['dense', 'realistic']).default('dense').describe('simulator: the world'),
  seed: z.number().int().default(1).describe('simulator: equal seeds give equal worlds'),
  rate: z.number().positive().default(1000).describe('simulator: impressions per second of its time'),
  partitions: z.number().int().positive().default(4).describe('simulator: partitions of each stream'),
  speed: z.number().min(0).default(1).describe('simulator: seconds of its time per second; 0: as fast as possible'),
  duration: duration().optional().describe('simulator: how much of its time; default: it never ends'),
};
export type Params = ParamsOf<typeof PARAMS>;

export function rulesOf(params: Params): AttributionRules {
  const { lateness, joinWindow, dedupeWindow, userJoin } = params;
  return attributionRules({ lateness, joinWindow, dedupeWindow, userJoin });
}

export function simulatorOptionsOf(params: Params): SimulatorOptions {
  const { profile, seed, rate, partitions } = params;
  return { profile, seed, impressionsPerSecond: rate, partitions };
}

/** What of the simulated world a run reads, and how fast. */
export function simulatorPaceOf(params: Params): {
  readonly durationMs: number | undefined;
  readonly speed: number | undefined;
} {
  return {
    durationMs: params.duration === undefined ? undefined : durationMs(params.duration),
    speed: params.speed === 0 ? undefined : params.speed,
  };
}
