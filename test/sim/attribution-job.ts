import { attributionStreams } from '../../jobs/attribution/attribution-streams.ts';
import { createCatalog } from '../../jobs/attribution/catalog.ts';
import type { RawRecord } from '../../jobs/attribution/raw-record.ts';
import { attributionRules } from '../../jobs/attribution/rules.ts';
import type { SourceName } from '../../jobs/attribution/schemas.ts';
import { simulatorSource } from '../../jobs/simulator/simulator-source.ts';
import { Simulator } from '../../jobs/simulator/simulator.ts';
import { type DataStream, WatermarkStrategy } from '../../operators/index.ts';
import { CROWDED } from '../jobs/attribution/crowded-world.ts';
import { OUTPUTS } from '../jobs/attribution/engine-run.ts';
import type { SimulatedJob } from './simulate.ts';

const DURATION_MS = 8_000;
const SPEED = 10;

/** The attribution job over a few seconds of a small crowded world. */
export const attributionJob: SimulatedJob = {
  name: 'attribution',
  weight: 4,
  sinkUids: OUTPUTS.map((name) => `${name}-rows`),
  build(env, sink) {
    const rules = attributionRules({ joinWindow: '6s', dedupeWindow: '4s', lateness: '2s', userJoin: 'all' });
    const simulator = new Simulator({ ...CROWDED, seed: 7 });
    const read = (stream: SourceName): DataStream<RawRecord> =>
      env.fromSource(
        simulatorSource(simulator, stream, { durationMs: DURATION_MS, speed: SPEED }),
        stream,
        WatermarkStrategy.forBoundedOutOfOrderness<RawRecord>(rules.latenessMs),
      );
    const inputs = {
      impressions: read('impressions'),
      clicksConversions: read('clicks_conversions'),
      bidRequests: read('bid_requests'),
    };
    const streams = attributionStreams(inputs, createCatalog(simulator.catalog()), rules);
    for (const name of OUTPUTS) (streams[name] as DataStream<unknown>).sinkTo(sink(), { uid: `${name}-rows` });
  },
};
