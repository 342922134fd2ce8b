import type {
  DuplicateRecord,
  EventKind,
  MatchMethod,
  QualityErrorCode,
  SourceName,
  UnmatchedReason,
} from '../../attribution/schemas.ts';

/** The rules that the expected results follow; those of the job under test. */
export interface TruthRules {
  readonly joinWindowMs: number;
  readonly userJoin: 'rows' | 'all';
}

/** Where a record stands: `clicks_conversions/2/417`. */
export type Place = `${SourceName}/${number}/${number}`;

export interface ExpectedMatch {
  readonly impressionId: string;
  readonly matchMethod: MatchMethod;
}

export interface ExpectedCredit {
  readonly touchId: string;
  readonly impressionId: string;
  readonly matchMethod: MatchMethod;
  readonly valueMicros: number | undefined;
  readonly currency: string | undefined;
}

export interface ExpectedDuplicate {
  readonly kind: EventKind;
  readonly duplicateKind: DuplicateRecord['duplicateKind'];
}

/**
 * What a correct job gives for a range of the logs read to its end, and what really caused what. Every record of the
 * range is in exactly one of: `quarantined`, `late`, `duplicates`, `impressions`, `bidRequests`, `joinedClicks`,
 * `unmatchedClicks`, `attributions`, `unmatchedConversions`.
 */
export interface Truth {
  /** Records read. */
  readonly recordCount: number;
  readonly quarantined: ReadonlyMap<Place, QualityErrorCode>;
  readonly late: ReadonlySet<Place>;
  readonly duplicates: ReadonlyMap<Place, ExpectedDuplicate>;
  /** Ids of accepted impressions. */
  readonly impressions: ReadonlySet<string>;
  /** Ids of accepted auctions. */
  readonly bidRequests: ReadonlySet<string>;
  /** By click id. */
  readonly joinedClicks: ReadonlyMap<string, ExpectedMatch>;
  readonly unmatchedClicks: ReadonlyMap<string, UnmatchedReason>;
  /** By conversion id. */
  readonly attributions: ReadonlyMap<string, ExpectedCredit>;
  readonly unmatchedConversions: ReadonlyMap<string, UnmatchedReason>;
  /** The impression that was really clicked, by click id: what no job can know, but should find. */
  readonly clickCauses: ReadonlyMap<string, string>;
  /** The click that really led to a conversion, by conversion id. */
  readonly conversionCauses: ReadonlyMap<string, string>;
}
