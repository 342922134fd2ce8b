import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import type { DataStream } from '../../operators/data-stream.ts';
import { compositeKey } from '../../state/keyed/key-group.ts';
import type { AdCatalog } from './catalog.ts';
import { BidRequestDedupe } from './operators/bid-request-dedupe.ts';
import { BidRequestGate } from './operators/bid-request-gate.ts';
import { ClickGate } from './operators/click-gate.ts';
import { ImpressionJoinOperator, UserJoinOperator } from './operators/click-join-operator.ts';
import { ImpressionGate } from './operators/impression-gate.ts';
import { LastClickOperator } from './operators/last-click-operator.ts';
import {
  CONVERSION_ROWS,
  CONVERSIONS,
  DUPLICATES,
  IMPRESSIONS,
  LATE,
  QUARANTINED,
  ROW_CLICKS,
  ROW_IMPRESSIONS,
  UNMATCHED,
} from './operators/output-tags.ts';
import type { RawRecord } from './raw-record.ts';
import type { AttributionRules } from './rules.ts';
import type {
  Attribution,
  BidRequest,
  Click,
  Conversion,
  DuplicateRecord,
  Impression,
  JoinedClick,
  LateRecord,
  Quarantined,
  Unmatched,
} from './schemas.ts';

/** Raw rows. Watermarks must promise that no row *received* at or before them plus the allowed lateness follows. */
export interface AttributionInputs {
  readonly impressions: DataStream<RawRecord>;
  readonly clicksConversions: DataStream<RawRecord>;
  readonly bidRequests: DataStream<RawRecord>;
}

/**
 * Everything that comes out. A source row ends in exactly one of `impressions`, `bidRequests`, `joinedClicks`,
 * `attributions`, `unmatched`, `duplicates`, `quarantined`, `late`; `conversions` is credited and unmatched ones together.
 */
export interface AttributionStreams {
  readonly impressions: DataStream<Impression>;
  readonly bidRequests: DataStream<BidRequest>;
  readonly joinedClicks: DataStream<JoinedClick>;
  readonly conversions: DataStream<Conversion>;
  readonly attributions: DataStream<Attribution>;
  readonly unmatched: DataStream<Unmatched>;
  readonly duplicates: DataStream<DuplicateRecord>;
  readonly quarantined: DataStream<Quarantined>;
  readonly late: DataStream<LateRecord>;
}

/** Wires the job between its sources and its sinks. */
export function attributionStreams(
  inputs: AttributionInputs,
  catalog: AdCatalog,
  rules: AttributionRules,
): AttributionStreams {
  const impressions = gate(inputs.impressions, 'impression-gate', () => new ImpressionGate(catalog, rules));
  const clicks = gate(inputs.clicksConversions, 'click-gate', () => new ClickGate(catalog, rules));
  const requests = gate(inputs.bidRequests, 'bid-request-gate', () => new BidRequestGate(rules));

  const byImpression = impressions
    .keyBy((impression) => impression.impressionId)
    .stream.transform2(clicks.keyBy((click) => click.impressionId!).stream, {
      kind: 'impression-join',
      options: { uid: 'impression-join' },
      isStateful: true,
      factory: () => new ImpressionJoinOperator(rules),
    });
  const rowImpressions = impressions.getSideOutput(ROW_IMPRESSIONS);
  const userImpressions =
    rules.userJoin === 'all' ? rowImpressions.union(byImpression.getSideOutput(IMPRESSIONS)) : rowImpressions;
  const byUser = userImpressions
    .keyBy(userCampaign)
    .stream.transform2(clicks.getSideOutput(ROW_CLICKS).keyBy(userCampaign).stream, {
      kind: 'user-join',
      options: { uid: 'user-join' },
      isStateful: true,
      factory: () => new UserJoinOperator(rules),
    });

  const joinedClicks = byImpression.union(byUser);
  const attributions = joinedClicks
    .keyBy((click) => click.userId)
    .stream.transform2(clicks.getSideOutput(CONVERSION_ROWS).keyBy((conversion) => conversion.userId).stream, {
      kind: 'last-click',
      options: { uid: 'last-click' },
      isStateful: true,
      factory: () => new LastClickOperator(rules, catalog),
    });
  const bidRequests = requests
    .keyBy((request) => request.auctionId)
    .stream.transform<BidRequest>({
      kind: 'bid-request-dedupe',
      options: { uid: 'bid-request-dedupe' },
      isStateful: true,
      factory: () => new BidRequestDedupe(rules),
    });

  return {
    impressions: byImpression.getSideOutput(IMPRESSIONS).union(byUser.getSideOutput(IMPRESSIONS)),
    bidRequests,
    joinedClicks,
    conversions: attributions.getSideOutput(CONVERSIONS),
    attributions,
    unmatched: byImpression
      .getSideOutput(UNMATCHED)
      .union(byUser.getSideOutput(UNMATCHED), attributions.getSideOutput(UNMATCHED)),
    duplicates: byImpression
      .getSideOutput(DUPLICATES)
      .union(
        byUser.getSideOutput(DUPLICATES),
        attributions.getSideOutput(DUPLICATES),
        bidRequests.getSideOutput(DUPLICATES),
      ),
    quarantined: impressions
      .getSideOutput(QUARANTINED)
      .union(clicks.getSideOutput(QUARANTINED), requests.getSideOutput(QUARANTINED)),
    late: impressions
      .getSideOutput(LATE)
      .union(
        clicks.getSideOutput(LATE),
        requests.getSideOutput(LATE),
        byImpression.getSideOutput(LATE),
        byUser.getSideOutput(LATE),
        attributions.getSideOutput(LATE),
        bidRequests.getSideOutput(LATE),
      ),
  };
}

function gate<T>(rows: DataStream<RawRecord>, uid: string, factory: () => StreamOperator<T>): DataStream<T> {
  return rows.transform({ kind: 'gate', options: { uid }, isStateful: false, factory });
}

function userCampaign(event: Impression | Click): string {
  return compositeKey(event.userId, event.campaignId);
}
