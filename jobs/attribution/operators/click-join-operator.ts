import type { Counter } from '../../../engine/base/metrics.ts';
import type { Output } from '../../../engine/task/output.ts';
import { INSERT } from '../../../engine/task/row-kind.ts';
import type { PageFate } from '../join/expiry.ts';
import { emptyImpressionPage, ImpressionJoin, ImpressionPage } from '../join/impression-join.ts';
import type { JoinOutput } from '../join/join-output.ts';
import { emptyUserPage, UserJoin, UserPage } from '../join/user-join.ts';
import type { AttributionRules } from '../rules.ts';
import type { Click, Impression, JoinedClick } from '../schemas.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { KeyedPageOperator } from './keyed-page-operator.ts';
import { IMPRESSIONS } from './output-tags.ts';

/** What the two joins of impressions with clicks have in common. */
interface ClickJoin<PAGE> {
  onImpression(page: PAGE, impression: Impression): boolean;
  onClick(page: PAGE, click: Click): boolean;
  onTimer(page: PAGE, timestampMs: number): PageFate;
}

/**
 * Runs a join of impressions (first input) with clicks (second). Main output: joined clicks; side outputs: impressions
 * once each, unmatched clicks, duplicates, late records.
 *
 * Stateful: one page and its timers per key. Law: that of the join it runs.
 */
abstract class ClickJoinOperator<PAGE> extends KeyedPageOperator<PAGE, JoinedClick> implements JoinOutput {
  readonly #join: ClickJoin<PAGE>;
  #impressions: Output<Impression> = undefined as never;
  #joinedCount: Counter = undefined as never;
  #impressionCount: Counter = undefined as never;

  constructor(schema: Schema<PAGE>, emptyPage: () => PAGE, createJoin: (out: JoinOutput) => ClickJoin<PAGE>) {
    super(schema, emptyPage);
    this.#join = createJoin(this);
  }

  override open(): void {
    super.open();
    this.#impressions = this.context.sideOutput(IMPRESSIONS);
    this.#joinedCount = this.context.metrics.counter('numJoinedClicks');
    this.#impressionCount = this.context.metrics.counter('numImpressions');
  }

  override processElement1(value: unknown): void {
    const impression = value as Impression;
    if (this.isLate('impressions', 'impression', impression.impressionId, impression)) return;
    const page = this.pageOrEmpty();
    if (this.#join.onImpression(page, impression)) this.page.update(page);
  }

  override processElement2(value: unknown): void {
    const click = value as Click;
    if (this.isLate('clicks_conversions', 'click', click.clickId, click)) return;
    const page = this.pageOrEmpty();
    if (this.#join.onClick(page, click)) this.page.update(page);
  }

  protected override onTimer(page: PAGE, timestampMs: number): PageFate {
    return this.#join.onTimer(page, timestampMs);
  }

  impression(impression: Impression): void {
    this.#impressionCount.value++;
    this.#impressions.collect(impression, impression.at, INSERT);
  }

  joined(click: JoinedClick): void {
    this.#joinedCount.value++;
    this.output.collect(click, click.at, INSERT);
  }
}

/** Keyed by impression id. */
export class ImpressionJoinOperator extends ClickJoinOperator<ImpressionPage> {
  constructor(rules: AttributionRules) {
    super(ImpressionPage, emptyImpressionPage, (out) => new ImpressionJoin(rules, out));
  }
}

/** Keyed by user and campaign. */
export class UserJoinOperator extends ClickJoinOperator<UserPage> {
  constructor(rules: AttributionRules) {
    super(UserPage, emptyUserPage, (out) => new UserJoin(rules, out));
  }
}
