import { InternalError, UserError } from '../../engine/base/errors.ts';
import type { CatalogData } from '../attribution/catalog.ts';
import type { RawRecord } from '../attribution/raw-record.ts';
import type { SourceName } from '../attribution/schemas.ts';
import { BidRequestLog } from './log/bid-request-log.ts';
import { ClickLog } from './log/click-log.ts';
import { ImpressionLog } from './log/impression-log.ts';
import type { LogEntry, LogModel } from './log/log-model.ts';
import { PartitionLog } from './log/partition-log.ts';
import { type ResolvedOptions, resolveOptions, type SimulatorOptions } from './options.ts';
import { bidRequestAvro } from './wire/bid-request-avro.ts';
import { clickCsv, conversionCsv } from './wire/click-csv.ts';
import { impressionJson } from './wire/impression-json.ts';
import { BidRequests } from './world/bid-requests.ts';
import { Clicks, type SimClick } from './world/clicks.ts';
import { Conversions } from './world/conversions.ts';
import { Impressions, type SimImpression } from './world/impressions.ts';
import { Population } from './world/population.ts';
import { Timing } from './world/timing.ts';

export const STREAMS: readonly SourceName[] = ['impressions', 'clicks_conversions', 'bid_requests'];

/**
 * A seeded ad world and its three logs. Every record is a pure function of options, stream and place: any number of
 * readers, starting anywhere, see the same bytes.
 */
export class Simulator {
  readonly options: ResolvedOptions;
  readonly #population: Population;
  readonly #timing: Timing;
  readonly #impressions: Impressions;
  readonly #clicks: Clicks;
  readonly #conversions: Conversions;
  readonly #bidRequests: BidRequests;
  readonly #logs = new Map<string, PartitionLog>();

  /** @throws UserError CONFIGURATION for options out of range. */
  constructor(options: SimulatorOptions = {}) {
    this.options = resolveOptions(options);
    this.#population = new Population(this.options);
    this.#timing = new Timing(this.options);
    this.#impressions = new Impressions(this.options, this.#population, this.#timing);
    this.#clicks = new Clicks(this.options, this.#impressions, this.#timing);
    this.#conversions = new Conversions(this.options, this.#population, this.#clicks, this.#timing);
    this.#bidRequests = new BidRequests(this.options, this.#population, this.#impressions, this.#timing);
  }

  catalog(): CatalogData {
    return this.#population.catalog();
  }

  /** Record number `index` of a stream: record index / partitions of partition index % partitions. */
  recordAt(stream: SourceName, index: number): RawRecord {
    const { partitions } = this.options;
    return this.log(stream, index % partitions).recordAt(Math.floor(index / partitions));
  }

  /** A partition of a stream. @throws UserError CONFIGURATION when there is no such partition. */
  log(stream: SourceName, partition: number): PartitionLog {
    const name = `${stream}/${partition}`;
    let log = this.#logs.get(name);
    if (log !== undefined) return log;
    if (!(Number.isInteger(partition) && partition >= 0 && partition < this.options.partitions)) {
      throw new UserError(
        'CONFIGURATION',
        `expected a partition from 0 to ${this.options.partitions - 1}, found ${partition}`,
      );
    }
    log = new PartitionLog(partition, this.#modelOf(stream, partition), (entry) => this.#encode(entry));
    this.#logs.set(name, log);
    return log;
  }

  /** Number of records of a partition logged in the first `durationMs` of the world. */
  countWithin(stream: SourceName, partition: number, durationMs: number): number {
    return this.log(stream, partition).countBefore(this.options.startMs + durationMs);
  }

  /** What the world knows about impression number `index` of its sequence. */
  impressionAt(index: number): SimImpression {
    return this.#impressions.at(index);
  }

  /** What the world knows about click number `index` of its sequence. */
  clickAt(index: number): SimClick {
    return this.#clicks.at(index);
  }

  #modelOf(stream: SourceName, partition: number): LogModel {
    switch (stream) {
      case 'impressions':
        return new ImpressionLog(this.options, this.#impressions, this.#timing, partition);
      case 'clicks_conversions':
        return new ClickLog(this.options, this.#clicks, this.#conversions, this.#timing, partition);
      case 'bid_requests':
        return new BidRequestLog(this.options, this.#bidRequests, this.#timing, partition);
      default:
        throw new InternalError(`no stream ${String(stream)}`);
    }
  }

  #encode(entry: LogEntry): Uint8Array {
    const { event, trouble } = entry;
    switch (event.kind) {
      case 'impression':
        return impressionJson(event, trouble, this.#bidRequests.auctionIdOf(event.index));
      case 'click':
        return clickCsv(event, trouble);
      case 'conversion':
        return conversionCsv(event, trouble);
      case 'bid_request':
        return bidRequestAvro(event, trouble);
    }
  }
}
