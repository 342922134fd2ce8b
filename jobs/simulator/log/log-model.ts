import type { SimBidRequest } from '../world/bid-requests.ts';
import type { SimClick } from '../world/clicks.ts';
import type { SimConversion } from '../world/conversions.ts';
import type { SimImpression } from '../world/impressions.ts';
import type { Trouble } from './slot-plan.ts';

export type SimEvent = SimImpression | SimClick | SimConversion | SimBidRequest;

/** A record of the log with what the world knows about it. */
export interface LogEntry {
  readonly event: SimEvent;
  readonly trouble: Trouble;
  readonly receivedAtMs: number;
}

/** What one partition of a stream consists of, slot by slot, before it is put into the order of arrival. */
export interface LogModel {
  arrivalMs(slot: number): number;
  entryOf(slot: number): LogEntry;
  /** Nominal time of slot 0. */
  readonly startMs: number;
  /** Mean distance of slots in time. */
  readonly slotSpacingMs: number;
  /** No record is logged further than this from the nominal time of its slot, either way. */
  readonly displacementMsMax: number;
  /** No duplicate stands more than this many slots behind its original. */
  readonly lookBackSlotsMax: number;
}

/** Salts for the choices of extra records, shared by the models. */
export const SALT_EXTRA = { gap: 2, back: 3, lateness: 4, future: 5, kind: 6, corruption: 7 } as const;

/** Draws of extra records: one number stream per stream of the world. */
export const EXTRA_DRAWS = { impressions: 11, clicksConversions: 12, bidRequests: 13 } as const;
