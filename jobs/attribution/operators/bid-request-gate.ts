import { INSERT } from '../../../engine/task/row-kind.ts';
import { parseBidRequest } from '../parse/parse-bid-request.ts';
import type { RawRecord } from '../raw-record.ts';
import type { AttributionRules } from '../rules.ts';
import type { BidRequest } from '../schemas.ts';
import { QualityGate } from './quality-gate.ts';

/** Bid requests. */
export class BidRequestGate extends QualityGate<BidRequest> {
  constructor(rules: AttributionRules) {
    super('bid_requests', rules);
  }

  protected accept(raw: RawRecord): void {
    const request = parseBidRequest(raw, this.rules);
    if (this.isLate('bid_request', request.auctionId, request)) return;
    this.output.collect(request, request.at, INSERT);
  }
}
