import type { DataStream } from '../../operators/data-stream.ts';
import { parquetSink } from '../../operators/sink/parquet/parquet-sink.ts';
import type { Schema } from '../../state/schema/schema.ts';
import type { AttributionStreams } from './attribution-streams.ts';
import {
  Attribution,
  BidRequest,
  Conversion,
  DuplicateRecord,
  Impression,
  JoinedClick,
  LateRecord,
  Quarantined,
  Unmatched,
} from './schemas.ts';

const HOUR_MS = 3_600_000;

/**
 * Writes every output of the job below `path`, a folder each, cut by hour of event time in UTC (`dt=2026-01-31/hour=23`);
 * rows that have no event time by hour of receipt.
 */
export function writeLake(streams: AttributionStreams, path: string): void {
  const at = (row: { readonly at: number }): number => row.at;
  write(path, 'impressions', streams.impressions, Impression, at);
  write(path, 'bid_requests', streams.bidRequests, BidRequest, at);
  write(path, 'joined_clicks', streams.joinedClicks, JoinedClick, at);
  write(path, 'conversions', streams.conversions, Conversion, at);
  write(path, 'attributions', streams.attributions, Attribution, (row) => row.conversionAt);
  write(path, 'unmatched', streams.unmatched, Unmatched, at);
  write(path, 'duplicates', streams.duplicates, DuplicateRecord, at);
  write(path, 'late', streams.late, LateRecord, at);
  write(path, 'quarantined', streams.quarantined, Quarantined, (row) => row.receivedAt ?? 0);
}

function write<T>(
  path: string,
  name: string,
  rows: DataStream<T>,
  schema: Schema<T>,
  timeOf: (row: T) => number,
): void {
  let cachedHour = Number.NaN;
  let cachedFolder = '';
  rows.sinkTo(
    parquetSink<T>({
      path: `${path}/${name}`,
      schema,
      partitionBy: (row) => {
        const hour = Math.floor(timeOf(row) / HOUR_MS);
        if (hour !== cachedHour) {
          cachedHour = hour;
          cachedFolder = hourFolder(hour * HOUR_MS);
        }
        return cachedFolder;
      },
    }),
    { uid: `lake-${name.replace('_', '-')}`, name: `lake-${name.replace('_', '-')}` },
  );
}

/** `dt=2026-01-31/hour=23` */
export function hourFolder(timeMs: number): string {
  const text = new Date(timeMs).toISOString();
  return `dt=${text.slice(0, 10)}/hour=${text.slice(11, 13)}`;
}
