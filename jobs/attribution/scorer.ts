import type { Place, Truth } from '../simulator/truth/truth.ts';
import type {
  Attribution,
  BidRequest,
  DuplicateRecord,
  Impression,
  JoinedClick,
  LateRecord,
  Quarantined,
  Unmatched,
} from './schemas.ts';

/** The rows that a run has written, of all its outputs. */
export interface JobRows {
  readonly impressions: readonly Impression[];
  readonly bidRequests: readonly BidRequest[];
  readonly joinedClicks: readonly JoinedClick[];
  readonly attributions: readonly Attribution[];
  readonly unmatched: readonly Unmatched[];
  readonly duplicates: readonly DuplicateRecord[];
  readonly quarantined: readonly Quarantined[];
  readonly late: readonly LateRecord[];
}

/** One output against what is expected of it. */
export interface OutputScore {
  readonly expected: number;
  readonly found: number;
  /** Expected rows that are not there. */
  readonly lost: number;
  /** Rows that are there more than once; each copy too many counts. */
  readonly doubled: number;
  /** Rows that are expected, but with other content. */
  readonly wrong: number;
  /** Rows that nobody expects. */
  readonly surplus: number;
  /** Right rows of those found; 1 when nothing was found. */
  readonly precision: number;
  /** Right rows of those expected; 1 when nothing was expected. */
  readonly recall: number;
}

export interface Score {
  readonly isPerfect: boolean;
  readonly outputs: Readonly<Record<keyof JobRows, OutputScore>>;
  /** Credited micros found minus expected, by currency, where they differ. */
  readonly moneyErrorMicros: Readonly<Record<string, number>>;
  /** Input records that are in no output, or in several. 0: every record is in exactly one place. */
  readonly misplaced: number;
  /** Against what really happened, not against the rules: how good the rules are. */
  readonly causes: { readonly clicks: CauseScore; readonly conversions: CauseScore };
  /** The first differences, for people. */
  readonly differences: readonly string[];
}

export interface CauseScore {
  /** Matches made that name the true cause, of all matches made of events that have one. */
  readonly precision: number;
  /** Events with a cause that were matched with it. */
  readonly recall: number;
}

const DIFFERENCES_MAX = 20;

/** Compares what a run has written for a range with what should be there. */
export function score(rows: JobRows, truth: Truth): Score {
  const differences: string[] = [];
  const compare = (
    name: string,
    found: readonly (readonly [string, string])[],
    expected: Iterable<readonly [string, string]>,
  ): OutputScore => compareRows(name, found, new Map(expected), differences);
  const outputs = {
    impressions: compare(
      'impressions',
      idsOf(rows.impressions, (row) => row.impressionId),
      withoutContent(truth.impressions),
    ),
    bidRequests: compare(
      'bidRequests',
      idsOf(rows.bidRequests, (row) => row.auctionId),
      withoutContent(truth.bidRequests),
    ),
    joinedClicks: compare(
      'joinedClicks',
      rows.joinedClicks.map(joinedContent),
      contents(truth.joinedClicks, (m) => `${m.impressionId} ${m.matchMethod}`),
    ),
    attributions: compare(
      'attributions',
      rows.attributions.map(creditContent),
      contents(truth.attributions, (c) =>
        creditText(c.touchId, c.impressionId, c.matchMethod, c.valueMicros, c.currency),
      ),
    ),
    unmatched: compare(
      'unmatched',
      rows.unmatched.map((row) => [`${row.kind} ${row.eventId}`, row.reason]),
      [
        ...contents(truth.unmatchedClicks, String, 'click '),
        ...contents(truth.unmatchedConversions, String, 'conversion '),
      ],
    ),
    duplicates: compare(
      'duplicates',
      rows.duplicates.map((row) => [placeOf(row), `${row.kind} ${row.duplicateKind}`]),
      contents(truth.duplicates, (d) => `${d.kind} ${d.duplicateKind}`),
    ),
    quarantined: compare(
      'quarantined',
      rows.quarantined.map((row) => [placeOf(row), row.errorCode]),
      truth.quarantined,
    ),
    late: compare('late', idsOf(rows.late, placeOf), withoutContent(truth.late)),
  };
  const placed = Object.values(outputs).reduce((sum, output) => sum + output.found, 0);
  const moneyErrorMicros = moneyError(rows.attributions, truth);
  const isPerfect =
    placed === truth.recordCount && Object.values(outputs).every(isExact) && Object.keys(moneyErrorMicros).length === 0;
  return {
    isPerfect,
    outputs,
    moneyErrorMicros,
    misplaced: Math.abs(placed - truth.recordCount),
    causes: {
      clicks: causeScore(
        rows.joinedClicks.map((row) => [row.clickId, row.impressionId]),
        truth.clickCauses,
      ),
      conversions: causeScore(
        rows.attributions.map((row) => [row.conversionId, row.touchId]),
        truth.conversionCauses,
      ),
    },
    differences,
  };
}

function compareRows(
  name: string,
  found: readonly (readonly [string, string])[],
  expected: ReadonlyMap<string, string>,
  differences: string[],
): OutputScore {
  const seen = new Set<string>();
  let right = 0;
  let doubled = 0;
  let wrong = 0;
  let surplus = 0;
  const note = (text: string): void => {
    if (differences.length < DIFFERENCES_MAX) differences.push(`${name}: ${text}`);
  };
  for (const [id, content] of found) {
    const wanted = expected.get(id);
    if (wanted === undefined) {
      surplus++;
      note(`${id} (${content}) is not expected`);
    } else if (seen.has(id)) {
      doubled++;
      note(`${id} is there again`);
    } else if (wanted !== content) {
      wrong++;
      note(`${id}: expected ${wanted}, found ${content}`);
    } else {
      right++;
    }
    seen.add(id);
  }
  let lost = 0;
  for (const [id, content] of expected) {
    if (seen.has(id)) continue;
    lost++;
    note(`${id} (${content}) is missing`);
  }
  return {
    expected: expected.size,
    found: found.length,
    lost,
    doubled,
    wrong,
    surplus,
    precision: ratio(right, found.length),
    recall: ratio(right, expected.size),
  };
}

function isExact(output: OutputScore): boolean {
  return output.lost + output.doubled + output.wrong + output.surplus === 0;
}

function moneyError(attributions: readonly Attribution[], truth: Truth): Record<string, number> {
  const errors: Record<string, number> = {};
  const add = (currency: string | undefined, micros: number | undefined): void => {
    if (currency !== undefined && micros !== undefined) errors[currency] = (errors[currency] ?? 0) + micros;
  };
  for (const row of attributions) add(row.currency, row.valueMicros);
  for (const credit of truth.attributions.values())
    add(credit.currency, credit.valueMicros === undefined ? undefined : -credit.valueMicros);
  return Object.fromEntries(Object.entries(errors).filter(([, micros]) => micros !== 0));
}

function causeScore(matches: readonly (readonly [string, string])[], causes: ReadonlyMap<string, string>): CauseScore {
  const withCause = matches.filter(([id]) => causes.has(id));
  const right = withCause.filter(([id, match]) => causes.get(id) === match).length;
  return { precision: ratio(right, withCause.length), recall: ratio(right, causes.size) };
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 1 : part / whole;
}

type Row = readonly [id: string, content: string];

function joinedContent(row: JoinedClick): Row {
  return [row.clickId, `${row.impressionId} ${row.matchMethod}`];
}

function creditContent(row: Attribution): Row {
  return [row.conversionId, creditText(row.touchId, row.impressionId, row.matchMethod, row.valueMicros, row.currency)];
}

function creditText(
  touchId: string,
  impressionId: string,
  method: string,
  valueMicros: number | undefined,
  currency: string | undefined,
): string {
  return `${touchId} ${impressionId} ${method} ${valueMicros ?? '-'} ${currency ?? '-'}`;
}

function placeOf(row: {
  readonly source: Quarantined['source'];
  readonly sourcePartition: number;
  readonly sourceOffset: number;
}): Place {
  return `${row.source}/${row.sourcePartition}/${row.sourceOffset}`;
}

function idsOf<R>(rows: readonly R[], idOf: (row: R) => string): Row[] {
  return rows.map((row) => [idOf(row), '']);
}

function withoutContent(ids: Iterable<string>): Row[] {
  return Array.from(ids, (id) => [id, '']);
}

function contents<E>(entries: ReadonlyMap<string, E>, textOf: (entry: E) => string, prefix: string = ''): Row[] {
  return Array.from(entries, ([id, entry]) => [prefix + id, textOf(entry)]);
}
