import { Worker } from 'node:worker_threads';
import pg from 'pg';
import type { MetricGroup } from '../../engine/base/metrics.ts';
import type { CompanionContext, JobCompanion } from '../../engine/graph/job-definition.ts';
import { startEmbeddedPostgres } from '../../operators/sink/warehouse/embedded-postgres.ts';
import { type Params, type PARAMS, rulesOf, simulatorOptionsOf } from './params.ts';
import type { TruthCheck, TruthCheckOptions } from './truth-check.ts';

type AttributionParams = typeof PARAMS;

/** Runs beside the job: the embedded warehouse where none is given, and a summary of what the job has done so far. */
export async function startCompanion(
  context: CompanionContext<AttributionParams>,
): Promise<JobCompanion<AttributionParams>> {
  const { params, environment, dataDirectory } = context;
  const lake = params.lake ?? `${dataDirectory}/lake`;
  if (params.warehouse !== undefined)
    return new AttributionCompanion(params, lake, params.warehouse, () => Promise.resolve());
  const postgres = await startEmbeddedPostgres({ environment, dataDirectory: `${dataDirectory}/warehouse` });
  return new AttributionCompanion(params, lake, postgres.url, () => postgres.stop());
}

class AttributionCompanion implements JobCompanion<AttributionParams> {
  readonly params: { readonly lake: string; readonly warehouse: string };
  readonly #jobParams: Params;
  readonly #warehouse: string | undefined;
  readonly #closeWarehouse: () => Promise<void>;
  #checker: Worker | undefined;

  constructor(jobParams: Params, lake: string, warehouse: string, closeWarehouse: () => Promise<void>) {
    this.params = { lake, warehouse };
    this.#jobParams = jobParams;
    this.#warehouse = warehouse === 'none' ? undefined : warehouse;
    this.#closeWarehouse = closeWarehouse;
  }

  /** Share of the clicks decided so far, by this process, that found their impression. */
  status(metrics: MetricGroup): string {
    let joined = 0;
    let unmatched = 0;
    metrics.forEach((labels, name, value) => {
      if (name !== 'numRecordsIn') return;
      if (labels['operator'] === 'lake-joined-clicks') joined += value;
      if (labels['operator'] === 'lake-unmatched') unmatched += value;
    });
    return joined + unmatched === 0 ? '' : `matched ${((100 * joined) / (joined + unmatched)).toFixed(1)} %`;
  }

  async summary(metrics: MetricGroup): Promise<readonly string[]> {
    const lines = [`  events in            ${count(metrics.sum('numRecordsOut'))} (by this run)`];
    if (this.#warehouse !== undefined) {
      lines.push(...(await factLines(this.#warehouse)));
      lines.push(...checkLines(await this.#check(this.#warehouse)));
      lines.push(`  warehouse            psql ${this.#warehouse}`);
    }
    return ['', 'attribution so far', ...lines, `  lake                 ${this.params.lake}`, ''];
  }

  async close(): Promise<void> {
    await this.#checker?.terminate();
    await this.#closeWarehouse();
  }

  /** Compares with the truth, which only the simulator knows. */
  async #check(warehouse: string): Promise<TruthCheck | undefined> {
    if (this.#jobParams.kafka !== undefined) return undefined;
    const options: TruthCheckOptions = {
      simulator: simulatorOptionsOf(this.#jobParams),
      rules: rulesOf(this.#jobParams),
      warehouse,
    };
    this.#checker ??= new Worker(new URL('./truth-check.ts', import.meta.url), { workerData: options });
    const checker = this.#checker;
    const answer = await new Promise<{ readonly check?: TruthCheck; readonly error?: string }>((resolve) => {
      checker.once('message', resolve);
      checker.once('error', (error) => resolve({ error: String(error) }));
      checker.postMessage('check');
    });
    return answer.check;
  }
}

async function factLines(warehouse: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: warehouse });
  await client.connect();
  try {
    const exists = await client.query<{ name: string | null }>("SELECT to_regclass('dw.fact_attribution') AS name");
    if ((exists.rows[0]?.name ?? null) === null) return [];
    const counts = await client.query<{
      clicks: string;
      impressions: string;
      conversions: string;
      attributions: string;
    }>(
      `SELECT (SELECT count(*) FROM dw.fact_impression) AS impressions, (SELECT count(*) FROM dw.fact_click WHERE impression_id IS NOT NULL) AS clicks,
         (SELECT count(*) FROM dw.fact_conversion) AS conversions, (SELECT count(*) FROM dw.fact_attribution) AS attributions`,
    );
    const revenue = await client.query<{ currency: string; micros: string }>(
      'SELECT currency, sum(value_micros) AS micros FROM dw.fact_attribution WHERE value_micros IS NOT NULL GROUP BY 1 ORDER BY 2 DESC',
    );
    const { impressions, clicks, conversions, attributions } = counts.rows[0]!;
    const money = revenue.rows.map(
      ({ currency, micros }) =>
        `${(Number(micros) / 1e6).toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })} ${currency}`,
    );
    return [
      `  impressions          ${count(impressions)}`,
      `  clicks matched       ${count(clicks)}`,
      `  conversions          ${count(conversions)}, attributed ${count(attributions)}`,
      `  revenue attributed   ${money.length === 0 ? 'none yet' : money.join(', ')}`,
    ];
  } finally {
    await client.end();
  }
}

function checkLines(check: TruthCheck | undefined): string[] {
  if (check === undefined) return [];
  const rate = (name: string, { precision, recall, expected }: TruthCheck['clicks']): string =>
    `  ${name.padEnd(20)} precision ${precision.toFixed(4)}, recall ${recall.toFixed(4)} of ${count(expected)} true ones`;
  const until = new Date(check.settledMs).toISOString().slice(0, 19);
  return [
    rate('clicks, checked', check.clicks),
    rate('conversions, checked', check.conversions),
    `  money, checked       ${check.moneyErrorMicros === 0 ? 'exact to the micro' : `off by ${check.moneyErrorMicros / 1e6}`} (events until ${until}Z)`,
  ];
}

function count(value: number | string): string {
  return Number(value).toLocaleString('en');
}
