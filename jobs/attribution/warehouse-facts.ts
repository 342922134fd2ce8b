import type { DataStream } from '../../operators/data-stream.ts';
import { warehouseSink } from '../../operators/sink/warehouse/warehouse-sink.ts';
import type { Schema } from '../../state/schema/schema.ts';
import type { AttributionStreams } from './attribution-streams.ts';
import { Attribution, Conversion, Impression, JoinedClick } from './schemas.ts';

/**
 * Loads the facts of the star schema, a row per event: `dw.fact_impression`, `dw.fact_click` (clicks with their
 * impression), `dw.fact_conversion` and `dw.fact_attribution`.
 *
 * @param connection `postgres://user:password@host:port/database`
 */
export function writeFacts(streams: AttributionStreams, connection: string): void {
  write(connection, 'fact_impression', streams.impressions, Impression);
  write(connection, 'fact_click', streams.joinedClicks, JoinedClick);
  write(connection, 'fact_conversion', streams.conversions, Conversion);
  write(connection, 'fact_attribution', streams.attributions, Attribution);
}

function write<T>(connection: string, table: string, rows: DataStream<T>, schema: Schema<T>): void {
  const uid = `warehouse-${table.replaceAll('_', '-')}`;
  rows.sinkTo(warehouseSink<T>({ connection, table, schema, mode: 'append' }), { uid, name: uid });
}
