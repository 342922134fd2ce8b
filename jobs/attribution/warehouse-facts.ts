import type { DataStream } from '../../operators/data-stream.ts';
import { warehouseSink } from '../../operators/sink/warehouse/warehouse-sink.ts';
import type { Schema } from '../../state/schema/schema.ts';
import type { AttributionStreams } from './attribution-streams.ts';
import { Attribution, ClickFact, Conversion, Impression, type JoinedClick, type Unmatched } from './schemas.ts';

/**
 * Loads the facts of the star schema, a row per event: `dw.fact_impression`, `dw.fact_click` (every accepted click, with
 * its impression or the reason why it has none), `dw.fact_conversion` and `dw.fact_attribution`.
 *
 * @param connection `postgres://user:password@host:port/database`
 */
export function writeFacts(streams: AttributionStreams, connection: string): void {
  write(connection, 'fact_impression', streams.impressions, Impression);
  write(connection, 'fact_click', clickFacts(streams), ClickFact);
  write(connection, 'fact_conversion', streams.conversions, Conversion);
  write(connection, 'fact_attribution', streams.attributions, Attribution);
}

/** Every click once: when its impression is found, or when none can come any more. */
export function clickFacts(streams: Pick<AttributionStreams, 'joinedClicks' | 'unmatched'>): DataStream<ClickFact> {
  return streams.joinedClicks
    .map(matchedFact)
    .union(streams.unmatched.filter(({ kind }) => kind === 'click').map(unmatchedFact));
}

function matchedFact(click: JoinedClick): ClickFact {
  return {
    clickId: click.clickId,
    at: click.at,
    userId: click.userId,
    campaignId: click.campaignId,
    advertiserId: click.advertiserId,
    impressionId: click.impressionId,
    impressionAt: click.impressionAt,
    creativeId: click.creativeId,
    website: click.website,
    publisherId: click.publisherId,
    impressionPriceMicros: click.impressionPriceMicros,
    impressionCurrency: click.impressionCurrency,
    matchMethod: click.matchMethod,
    unmatchedReason: undefined,
    receivedAt: click.receivedAt,
    sourcePartition: click.sourcePartition,
    sourceOffset: click.sourceOffset,
  };
}

function unmatchedFact(click: Unmatched): ClickFact {
  return {
    clickId: click.eventId,
    at: click.at,
    userId: click.userId,
    campaignId: click.campaignId!, // every click names its campaign
    advertiserId: undefined,
    impressionId: undefined,
    impressionAt: undefined,
    creativeId: undefined,
    website: undefined,
    publisherId: undefined,
    impressionPriceMicros: undefined,
    impressionCurrency: undefined,
    matchMethod: undefined,
    unmatchedReason: click.reason,
    receivedAt: click.receivedAt,
    sourcePartition: click.sourcePartition,
    sourceOffset: click.sourceOffset,
  };
}

function write<T>(connection: string, table: string, rows: DataStream<T>, schema: Schema<T>): void {
  const uid = `warehouse-${table.replaceAll('_', '-')}`;
  rows.sinkTo(warehouseSink<T>({ connection, table, schema, mode: 'append' }), { uid, name: uid });
}
