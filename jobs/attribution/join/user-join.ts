import { array } from '../../../state/schema/collections.ts';
import { record } from '../../../state/schema/record.ts';
import { string } from '../../../state/schema/scalars.ts';
import type { Infer } from '../../../state/schema/schema.ts';
import { clickFingerprint, impressionFingerprint } from '../fingerprint.ts';
import { type AttributionRules, isWithin } from '../rules.ts';
import { Click, type Impression } from '../schemas.ts';
import { expiryTimer, type PageFate } from './expiry.ts';
import { type JoinOutput, unmatchedOf } from './join-output.ts';
import { duplicateOf, findSeen, SeenId } from './seen-id.ts';
import { joinedClick, StoredImpression, storedImpression } from './stored-impression.ts';

const UserImpression = record('UserImpression', { impressionId: string(), impression: StoredImpression });
type UserImpression = Infer<typeof UserImpression>;

/** The impressions one user saw of one campaign, and the clicks on them, as far as windows reach. */
export const UserPage = record('UserPage', {
  impressions: array(UserImpression),
  seenClicks: array(SeenId),
  /** Clicks whose time the watermark has not passed: a nearer impression may still come. */
  waiting: array(Click),
});
export type UserPage = Infer<typeof UserPage>;

export function emptyUserPage(): UserPage {
  return { impressions: [], seenClicks: [], waiting: [] };
}

/**
 * Joins clicks without impression id by user and campaign: the nearest earlier impression inside the window wins, ties by
 * the smaller impression id. Decided when the watermark passes the click, so the order of arrival does not matter.
 */
export class UserJoin {
  readonly #rules: AttributionRules;
  readonly #out: JoinOutput;
  readonly #impressionLifeMs: number;

  constructor(rules: AttributionRules, out: JoinOutput) {
    this.#rules = rules;
    this.#out = out;
    this.#impressionLifeMs = Math.max(rules.joinWindowMs, rules.dedupeWindowMs);
  }

  /** Returns whether the page has changed. Impressions with ids of their own come deduped, from the impression join. */
  onImpression(page: UserPage, impression: Impression): boolean {
    const fingerprint = impressionFingerprint(impression);
    const isRow = impression.idOrigin === 'row';
    if (isRow) {
      const known = page.impressions.find((one) => one.impressionId === impression.impressionId);
      if (known !== undefined) {
        this.#out.duplicate(
          duplicateOf({
            source: 'impressions',
            kind: 'impression',
            eventId: impression.impressionId,
            parentId: known.impressionId,
            fingerprint,
            parentFingerprint: known.impression.fingerprint,
            event: impression,
          }),
        );
        return false;
      }
      this.#out.impression(impression);
    }
    page.impressions.push({
      impressionId: impression.impressionId,
      impression: storedImpression(impression, fingerprint),
    });
    this.#out.registerTimer(expiryTimer(impression.at + this.#impressionLifeMs, this.#impressionLifeMs));
    return true;
  }

  /** Returns whether the page has changed. */
  onClick(page: UserPage, click: Click): boolean {
    const { dedupeWindowMs } = this.#rules;
    const fingerprint = clickFingerprint(click);
    const known = findSeen(page.seenClicks, click.clickId, click.at, dedupeWindowMs);
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
    page.seenClicks.push({ id: click.clickId, at: click.at, fingerprint });
    this.#out.registerTimer(expiryTimer(click.at + dedupeWindowMs, dedupeWindowMs));
    page.waiting.push(click);
    this.#out.registerTimer(click.at);
    return true;
  }

  onTimer(page: UserPage, timestampMs: number): PageFate {
    const before = page.waiting.length + page.seenClicks.length + page.impressions.length;
    for (const click of page.waiting) if (click.at <= timestampMs) this.#decide(page, click);
    page.waiting = page.waiting.filter((click) => click.at > timestampMs);
    page.seenClicks = page.seenClicks.filter((seen) => seen.at + this.#rules.dedupeWindowMs > timestampMs);
    page.impressions = page.impressions.filter((one) => one.impression.at + this.#impressionLifeMs > timestampMs);
    const after = page.waiting.length + page.seenClicks.length + page.impressions.length;
    if (after === 0) return 'done';
    return after === before ? 'unchanged' : 'changed';
  }

  #decide(page: UserPage, click: Click): void {
    let nearest: UserImpression | undefined;
    for (const one of page.impressions) {
      if (!isWithin(one.impression.at, click.at, this.#rules.joinWindowMs)) continue;
      if (nearest === undefined || isNearer(one, nearest)) nearest = one;
    }
    if (nearest === undefined) {
      this.#out.unmatched(unmatchedOf('click', click.clickId, click, 'NO_USER_IMPRESSION_IN_WINDOW'));
    } else {
      this.#out.joined(joinedClick(click, nearest.impressionId, nearest.impression, 'user_id'));
    }
  }
}

function isNearer(a: UserImpression, b: UserImpression): boolean {
  if (a.impression.at !== b.impression.at) return a.impression.at > b.impression.at;
  return a.impressionId < b.impressionId;
}
