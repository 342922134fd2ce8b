import { array } from '../../../state/schema/collections.ts';
import { optional } from '../../../state/schema/optional.ts';
import { record } from '../../../state/schema/record.ts';
import { timestampMs } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { clickFingerprint, impressionFingerprint } from '../fingerprint.ts';
import { type AttributionRules, isWithin } from '../rules.ts';
import { Click, type Impression } from '../schemas.ts';
import { expiryTimer, type PageFate } from './expiry.ts';
import { type JoinOutput, unmatchedOf } from './join-output.ts';
import { duplicateOf, findSeen, SeenId } from './seen-id.ts';
import { joinedClick, StoredImpression, storedImpression } from './stored-impression.ts';

/** All that is known of one impression id. */
export const ImpressionPage = record('ImpressionPage', {
  /** Absent until it comes. */
  impression: optional(StoredImpression),
  seenClicks: array(SeenId),
  /** Clicks that came before their impression. */
  waiting: array(Click),
  /** The page goes when the watermark gets here. */
  expiresAt: timestampMs(),
});
export type ImpressionPage = Infer<typeof ImpressionPage>;

// Most impressions are never clicked: their pages share these.
const NOTHING_SEEN: SeenId[] = [];
const NOTHING_WAITING: Click[] = [];

export function emptyImpressionPage(): ImpressionPage {
  return { impression: undefined, seenClicks: NOTHING_SEEN, waiting: NOTHING_WAITING, expiresAt: 0 };
}

/**
 * Dedupes impressions and clicks of one impression id and joins them, whichever comes first. A match is given out at once,
 * as an id belongs to one impression; a click still alone when the watermark passes it will never find its impression.
 *
 * Law: the results are a function of the events, not of their order of arrival, as long as none is behind the watermark
 * and duplicates follow their originals.
 */
export class ImpressionJoin {
  readonly #rules: AttributionRules;
  readonly #out: JoinOutput;
  /** Life of an impression in state. */
  readonly #impressionLifeMs: number;

  constructor(rules: AttributionRules, out: JoinOutput) {
    this.#rules = rules;
    this.#out = out;
    this.#impressionLifeMs = Math.max(rules.joinWindowMs, rules.dedupeWindowMs);
  }

  /** Returns whether the page has changed. */
  onImpression(page: ImpressionPage, impression: Impression): boolean {
    const fingerprint = impressionFingerprint(impression);
    const known = page.impression;
    if (known !== undefined && impression.at < known.at + this.#impressionLifeMs) {
      this.#out.duplicate(
        duplicateOf({
          source: 'impressions',
          kind: 'impression',
          eventId: impression.impressionId,
          parentId: impression.impressionId,
          fingerprint,
          parentFingerprint: known.fingerprint,
          event: impression,
        }),
      );
      return false;
    }
    const stored = storedImpression(impression, fingerprint);
    page.impression = stored;
    this.#expire(page, impression.at, this.#impressionLifeMs);
    this.#out.impression(impression);
    if (page.waiting.length > 0) {
      const matched = page.waiting.filter((click) => this.#isMatch(stored, click));
      page.waiting = page.waiting.filter((click) => !this.#isMatch(stored, click));
      for (const click of matched)
        this.#out.joined(joinedClick(click, impression.impressionId, stored, 'impression_id'));
    }
    return true;
  }

  /** Returns whether the page has changed. The click has an impression id: that of the page. */
  onClick(page: ImpressionPage, click: Click): boolean {
    const fingerprint = clickFingerprint(click);
    const known = findSeen(page.seenClicks, click.clickId, click.at, this.#rules.dedupeWindowMs);
    if (known !== undefined) {
      this.#out.duplicate(
        duplicateOf({
          source: 'clicks_conversions',
          kind: 'click',
          eventId: click.clickId,
          parentId: known.id,
          fingerprint,
          parentFingerprint: known.fingerprint,
          event: click,
        }),
      );
      return false;
    }
    page.seenClicks = [...page.seenClicks, { id: click.clickId, at: click.at, fingerprint }];
    this.#expire(page, click.at, this.#rules.dedupeWindowMs);
    if (page.impression !== undefined && this.#isMatch(page.impression, click)) {
      this.#out.joined(joinedClick(click, click.impressionId!, page.impression, 'impression_id'));
    } else {
      page.waiting = [...page.waiting, click];
      this.#out.registerTimer(click.at);
    }
    return true;
  }

  onTimer(page: ImpressionPage, timestampMs: number): PageFate {
    let fate: PageFate = 'unchanged';
    if (page.waiting.some((click) => click.at <= timestampMs)) {
      for (const click of page.waiting) {
        if (click.at <= timestampMs)
          this.#out.unmatched(unmatchedOf('click', click.clickId, click, 'NO_IMPRESSION_IN_WINDOW'));
      }
      page.waiting = page.waiting.filter((click) => click.at > timestampMs);
      fate = 'changed';
    }
    return timestampMs >= page.expiresAt ? 'done' : fate;
  }

  #isMatch(impression: StoredImpression, click: Click): boolean {
    return isWithin(impression.at, click.at, this.#rules.joinWindowMs);
  }

  #expire(page: ImpressionPage, at: number, lifeMs: number): void {
    const expiresAt = expiryTimer(at + lifeMs, lifeMs);
    if (expiresAt <= page.expiresAt) return;
    page.expiresAt = expiresAt;
    this.#out.registerTimer(expiresAt);
  }
}
