import type { Counter } from '../../../engine/base/metrics.ts';
import type { Output } from '../../../engine/task/output.ts';
import { INSERT } from '../../../engine/task/row-kind.ts';
import type { AdCatalog } from '../catalog.ts';
import type { PageFate } from '../join/expiry.ts';
import { emptyTouchPage, LastClick, type LastClickOutput, TouchPage } from '../join/last-click.ts';
import type { AttributionRules } from '../rules.ts';
import type { Attribution, Conversion, JoinedClick } from '../schemas.ts';
import { KeyedPageOperator } from './keyed-page-operator.ts';
import { CONVERSIONS } from './output-tags.ts';

/**
 * Credits conversions (second input) to joined clicks (first), keyed by user. Main output: attributions; side outputs:
 * conversions once each, unmatched conversions, duplicates, late records.
 *
 * Stateful: one page and its timers per user. Law: that of `LastClick`.
 */
export class LastClickOperator extends KeyedPageOperator<TouchPage, Attribution> implements LastClickOutput {
  readonly #lastClick: LastClick;
  #conversions: Output<Conversion> = undefined as never;
  #attributionCount: Counter = undefined as never;

  constructor(rules: AttributionRules, catalog: AdCatalog) {
    super(TouchPage, emptyTouchPage);
    this.#lastClick = new LastClick(rules, catalog, this);
  }

  override open(): void {
    super.open();
    this.#conversions = this.context.sideOutput(CONVERSIONS);
    this.#attributionCount = this.context.metrics.counter('numAttributions');
  }

  override processElement1(value: unknown): void {
    const page = this.pageOrEmpty();
    if (this.#lastClick.onClick(page, value as JoinedClick)) this.page.update(page);
  }

  override processElement2(value: unknown): void {
    const conversion = value as Conversion;
    if (this.isLate('clicks_conversions', 'conversion', conversion.conversionId, conversion)) return;
    const page = this.pageOrEmpty();
    if (this.#lastClick.onConversion(page, conversion)) this.page.update(page);
  }

  protected override onTimer(page: TouchPage, timestampMs: number): PageFate {
    return this.#lastClick.onTimer(page, timestampMs);
  }

  conversion(conversion: Conversion): void {
    this.#conversions.collect(conversion, conversion.at, INSERT);
  }

  attributed(attribution: Attribution): void {
    this.#attributionCount.value++;
    this.output.collect(attribution, attribution.conversionAt, INSERT);
  }
}
