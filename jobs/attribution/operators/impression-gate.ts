import type { Output } from '../../../engine/task/output.ts';
import { INSERT } from '../../../engine/task/row-kind.ts';
import type { AdCatalog } from '../catalog.ts';
import { parseImpression } from '../parse/parse-impression.ts';
import type { RawRecord } from '../raw-record.ts';
import type { AttributionRules } from '../rules.ts';
import type { Impression } from '../schemas.ts';
import { ROW_IMPRESSIONS } from './output-tags.ts';
import { QualityGate } from './quality-gate.ts';

/** Impressions with an id of their own; those without go to `ROW_IMPRESSIONS`. */
export class ImpressionGate extends QualityGate<Impression> {
  readonly #catalog: AdCatalog;
  #rows: Output<Impression> = undefined as never;

  constructor(catalog: AdCatalog, rules: AttributionRules) {
    super('impressions', rules);
    this.#catalog = catalog;
  }

  override open(): void {
    super.open();
    this.#rows = this.context.sideOutput(ROW_IMPRESSIONS);
  }

  protected accept(raw: RawRecord): void {
    const impression = parseImpression(raw, this.#catalog, this.rules);
    if (this.isLate('impression', impression.impressionId, impression)) return;
    const output = impression.idOrigin === 'row' ? this.#rows : this.output;
    output.collect(impression, impression.at, INSERT);
  }
}
