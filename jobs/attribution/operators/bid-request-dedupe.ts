import { INSERT } from '../../../engine/task/row-kind.ts';
import { bidRequestFingerprint } from '../fingerprint.ts';
import { expiryTimer, type PageFate } from '../join/expiry.ts';
import { duplicateOf, findSeen, SeenId } from '../join/seen-id.ts';
import type { AttributionRules } from '../rules.ts';
import type { BidRequest } from '../schemas.ts';
import { KeyedPageOperator } from './keyed-page-operator.ts';

/**
 * Passes every bid request once; keyed by auction id.
 *
 * Stateful: the first request of an auction, for the dedupe window. Law: of requests with one id inside the window, the
 * first leaves through the main output and all others through `DUPLICATES`.
 */
export class BidRequestDedupe extends KeyedPageOperator<SeenId, BidRequest> {
  readonly #rules: AttributionRules;

  constructor(rules: AttributionRules) {
    super(SeenId, () => ({ id: '', at: 0, fingerprint: 0 }));
    this.#rules = rules;
  }

  override processElement(value: unknown): void {
    const request = value as BidRequest;
    const { auctionId, at } = request;
    if (this.isLate('bid_requests', 'bid_request', auctionId, request)) return;
    const fingerprint = bidRequestFingerprint(request);
    const { dedupeWindowMs } = this.#rules;
    const first = this.page.value();
    const known = first === undefined ? undefined : findSeen([first], auctionId, at, dedupeWindowMs);
    if (known !== undefined) {
      this.duplicate(
        duplicateOf({
          source: 'bid_requests',
          kind: 'bid_request',
          eventId: auctionId,
          parentId: auctionId,
          fingerprint,
          parentFingerprint: known.fingerprint,
          event: request,
        }),
      );
      return;
    }
    this.page.update({ id: auctionId, at, fingerprint });
    this.registerTimer(expiryTimer(at + dedupeWindowMs, dedupeWindowMs));
    this.output.collect(request, at, INSERT);
  }

  protected override onTimer(page: SeenId, timestampMs: number): PageFate {
    return timestampMs >= page.at + this.#rules.dedupeWindowMs ? 'done' : 'unchanged';
  }
}
