import type { Output } from '../../../engine/task/output.ts';
import { INSERT } from '../../../engine/task/row-kind.ts';
import type { AdCatalog } from '../catalog.ts';
import { parseClickRow } from '../parse/parse-click-row.ts';
import type { RawRecord } from '../raw-record.ts';
import type { AttributionRules } from '../rules.ts';
import type { Click, Conversion } from '../schemas.ts';
import { CONVERSION_ROWS, ROW_CLICKS } from './output-tags.ts';
import { QualityGate } from './quality-gate.ts';

/** Clicks that name their impression; others go to `ROW_CLICKS`, conversions to `CONVERSION_ROWS`. */
export class ClickGate extends QualityGate<Click> {
  readonly #catalog: AdCatalog;
  #rows: Output<Click> = undefined as never;
  #conversions: Output<Conversion> = undefined as never;

  constructor(catalog: AdCatalog, rules: AttributionRules) {
    super('clicks_conversions', rules);
    this.#catalog = catalog;
  }

  override open(): void {
    super.open();
    this.#rows = this.context.sideOutput(ROW_CLICKS);
    this.#conversions = this.context.sideOutput(CONVERSION_ROWS);
  }

  protected accept(raw: RawRecord): void {
    const row = parseClickRow(raw, this.#catalog, this.rules);
    if (row.kind === 'conversion') {
      const conversion = row.event;
      if (this.isLate('conversion', conversion.conversionId, conversion)) return;
      this.#conversions.collect(conversion, conversion.at, INSERT);
      return;
    }
    const click = row.event;
    if (this.isLate('click', click.clickId, click)) return;
    const output = click.impressionId === undefined ? this.#rows : this.output;
    output.collect(click, click.at, INSERT);
  }
}
