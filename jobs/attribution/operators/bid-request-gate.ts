import { INSERT } from '../../../engine/task/row-kind.ts';
import type { BidRequestWire } from '../bid-request-wire.ts';
import { parseBidRequest } from '../parse/parse-bid-request.ts';
import type { RawRecord } from '../raw-record.ts';
import type { AttributionRules } from '../rules.ts';
import type { BidRequest } from '../schemas.ts';
import { QualityGate } from './quality-gate.ts';

/** Bid requests. */
export class BidRequestGate extends QualityGate<BidRequest> {
  readonly #decode: ((bytes: Uint8Array) => BidRequestWire) | undefined;

  /** @param decode reads the datum, for sources with a schema registry. Default: Avro binary in the schema as we know it. */
  constructor(rules: AttributionRules, decode?: (bytes: Uint8Array) => BidRequestWire) {
    super('bid_requests', rules);
    this.#decode = decode;
  }

  protected accept(raw: RawRecord): void {
    const request = parseBidRequest(raw, this.rules, this.#decode);
    if (this.isLate('bid_request', request.auctionId, request)) return;
    this.output.collect(request, request.at, INSERT);
  }
}
