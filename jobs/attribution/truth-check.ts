import { parentPort, workerData } from 'node:worker_threads';
import pg from 'pg';
import type { SimulatorOptions } from '../simulator/options.ts';
import { Simulator } from '../simulator/simulator.ts';
import { computeTruth } from '../simulator/truth/compute-truth.ts';
import { clickIdOf, conversionIdOf } from '../simulator/truth/expected-id.ts';
import { entriesOf, rangeWithin } from '../simulator/truth/log-range.ts';
import type { Truth, TruthRules } from '../simulator/truth/truth.ts';

/** What the check is started with. */
export interface TruthCheckOptions {
  readonly simulator: SimulatorOptions;
  readonly rules: TruthRules & { readonly latenessMs: number };
  /** PostgreSQL with the facts. */
  readonly warehouse: string;
}

/** The facts loaded so far against what the world knows, for the part of its time that is settled. */
export interface TruthCheck {
  /** Events before this time are decided: nothing more can come for them. */
  readonly settledMs: number;
  readonly clicks: Rates;
  readonly conversions: Rates;
  /** Attributed micros found minus expected. */
  readonly moneyErrorMicros: number;
}

export interface Rates {
  readonly expected: number;
  readonly found: number;
  /** Right rows of those found; 1 when nothing was found. */
  readonly precision: number;
  /** Right rows of those expected; 1 when nothing was expected. */
  readonly recall: number;
}

/** More of the world than this is not checked: the truth is computed in memory. */
const CHECKED_MS_MAX = 600_000;

/* The check runs in a thread of its own, so that the job does not wait for it: one message asks, one answers. */
const options = workerData as TruthCheckOptions | undefined;
if (parentPort !== null && options?.warehouse !== undefined) {
  const port = parentPort;
  port.on('message', () => {
    checkFacts(options).then(
      (check) => port.postMessage({ check }),
      (error: unknown) => port.postMessage({ error: String(error) }),
    );
  });
}

async function checkFacts({
  simulator: simulatorOptions,
  rules,
  warehouse,
}: TruthCheckOptions): Promise<TruthCheck | undefined> {
  const simulator = new Simulator(simulatorOptions);
  const { startMs } = simulator.options;
  const client = new pg.Client({ connectionString: warehouse });
  await client.connect();
  try {
    const settledMs = Math.min(
      await settledTime(client, simulator.options.partitions, rules.latenessMs),
      startMs + CHECKED_MS_MAX,
    );
    if (!(settledMs > startMs)) return undefined;
    // Records that are logged later can still belong to events of the settled part, up to the lateness.
    const range = rangeWithin(simulator, settledMs - startMs + 2 * rules.latenessMs);
    const truth = computeTruth(simulator, range, rules);
    const settled = new Set<string>();
    for (const { event } of entriesOf(simulator, range)) {
      if (event.timeMs >= settledMs) continue;
      if (event.kind === 'click') settled.add(clickIdOf(event));
      if (event.kind === 'conversion') settled.add(conversionIdOf(event));
    }
    return { settledMs, ...(await compare(client, truth, settled, settledMs)) };
  } finally {
    await client.end();
  }
}

/** Up to where every partition has been read and loaded, with a margin for what is late. */
async function settledTime(client: pg.Client, partitions: number, latenessMs: number): Promise<number> {
  const clicks = await client.query<{ partition: string; ms: string }>(
    'SELECT source_partition AS partition, extract(epoch FROM max(received_at)) * 1000 AS ms FROM dw.fact_click WHERE impression_id IS NOT NULL GROUP BY 1',
  );
  const impressions = await client.query<{ ms: string | null }>(
    'SELECT extract(epoch FROM max(impression_at)) * 1000 AS ms FROM dw.fact_click',
  );
  if (clicks.rows.length < partitions || (impressions.rows[0]?.ms ?? null) === null) return Number.NEGATIVE_INFINITY;
  return Math.min(Number(impressions.rows[0]!.ms), ...clicks.rows.map(({ ms }) => Number(ms))) - 3 * latenessMs;
}

async function compare(
  client: pg.Client,
  truth: Truth,
  settled: ReadonlySet<string>,
  settledMs: number,
): Promise<Omit<TruthCheck, 'settledMs'>> {
  const before = [new Date(settledMs).toISOString()];
  const clicks = await client.query<{ id: string; touch: string }>(
    'SELECT click_id AS id, impression_id AS touch FROM dw.fact_click WHERE at < $1 AND impression_id IS NOT NULL',
    before,
  );
  const conversions = await client.query<{ id: string; touch: string; micros: string | null }>(
    'SELECT conversion_id AS id, touch_id AS touch, value_micros AS micros FROM dw.fact_attribution WHERE conversion_at < $1',
    before,
  );
  const expectedClicks = [...truth.joinedClicks].filter(([id]) => settled.has(id));
  const expectedCredits = [...truth.attributions].filter(([id]) => settled.has(id));
  const found = conversions.rows.reduce((sum, { micros }) => sum + Number(micros ?? 0), 0);
  const expected = expectedCredits.reduce((sum, [, credit]) => sum + (credit.valueMicros ?? 0), 0);
  return {
    clicks: rates(clicks.rows, new Map(expectedClicks.map(([id, match]) => [id, match.impressionId]))),
    conversions: rates(conversions.rows, new Map(expectedCredits.map(([id, credit]) => [id, credit.touchId]))),
    moneyErrorMicros: found - expected,
  };
}

function rates(
  rows: readonly { readonly id: string; readonly touch: string }[],
  expected: ReadonlyMap<string, string>,
): Rates {
  const right = new Set(rows.filter(({ id, touch }) => expected.get(id) === touch).map(({ id }) => id)).size;
  return {
    expected: expected.size,
    found: rows.length,
    precision: rows.length === 0 ? 1 : right / rows.length,
    recall: expected.size === 0 ? 1 : right / expected.size,
  };
}
