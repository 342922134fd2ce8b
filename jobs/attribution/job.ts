import { WatermarkStrategy } from '../../engine/time/watermark-strategy.ts';
import type { DataStream } from '../../operators/data-stream.ts';
import { defineJob } from '../../operators/define-job.ts';
import type { StreamExecutionEnvironment } from '../../operators/stream-execution-environment.ts';
import { HttpSchemaRegistry } from '../../operators/format/avro/http-schema-registry.ts';
import { simulatorSource } from '../simulator/simulator-source.ts';
import { Simulator } from '../simulator/simulator.ts';
import { attributionStreams } from './attribution-streams.ts';
import { startCompanion } from './companion.ts';
import { createCatalog } from './catalog.ts';
import { readCatalog } from './read-catalog.ts';
import { kafkaRows } from './kafka-rows.ts';
import { writeFeed } from './feed.ts';
import { writeLake } from './lake.ts';
import { type Params, PARAMS, rulesOf, simulatorOptionsOf, simulatorPaceOf } from './params.ts';
import type { RawRecord } from './raw-record.ts';
import type { SourceName } from './schemas.ts';
import { writeFacts } from './warehouse-facts.ts';

/** Where the lake is when nobody says otherwise: below the default data folder. */
const DEFAULT_LAKE = '.tidemark/lake';

/**
 * Joins ad impressions with clicks, credits conversions to clicks, and writes all of it to the lake, the facts to the
 * warehouse, credited conversions to the feed. Every source row ends in exactly one output.
 */
export default defineJob({
  name: 'attribution',
  description: 'Joins impressions, clicks and conversions of ads, and attributes them.',
  params: PARAMS,
  companion: startCompanion,
  build(env, params) {
    const rules = rulesOf(params);
    const simulator = new Simulator(simulatorOptionsOf(params));
    const read = (source: SourceName): DataStream<RawRecord> =>
      readSource(env, source, simulator, params, rules.latenessMs);
    const inputs = {
      impressions: read('impressions'),
      clicksConversions: read('clicks_conversions'),
      bidRequests: read('bid_requests'),
    };
    const catalog = params.catalog === undefined ? simulator.catalog() : readCatalog(params.catalog);
    const streams = attributionStreams(inputs, createCatalog(catalog), rules);
    writeLake(streams, params.lake ?? DEFAULT_LAKE);
    if (params.warehouse !== undefined && params.warehouse !== 'none') writeFacts(streams, params.warehouse);
    if (params.kafka !== undefined && params.feed !== 'none') {
      writeFeed(streams, {
        brokers: params.kafka,
        topic: `${params.topicPrefix}${params.feed}`,
        delivery: params.feedDelivery,
      });
    }
  },
});

/**
 * Rows with the time of their receipt as timestamp. A partition is in the order of receipt, and the gate lets no row pass
 * that is older than the lateness; so time, by event, has passed what is that much behind the last receipt.
 */
function readSource(
  env: StreamExecutionEnvironment,
  source: SourceName,
  simulator: Simulator,
  params: Params,
  latenessMs: number,
): DataStream<RawRecord> {
  const strategy = WatermarkStrategy.forBoundedOutOfOrderness<RawRecord>(latenessMs).withIdleness('1m');
  if (params.kafka === undefined) {
    return env.fromSource(simulatorSource(simulator, source, simulatorPaceOf(params)), source, strategy);
  }
  const { kafka: brokers, topicPrefix, bounded: isBounded } = params;
  const registry = params.registry === undefined ? undefined : new HttpSchemaRegistry({ url: params.registry });
  return env.fromSource(kafkaRows({ brokers, source, topicPrefix, isBounded, registry }), source, strategy);
}
