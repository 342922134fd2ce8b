import { UserError } from '../../engine/base/errors.ts';
import { type Duration, durationMs } from '../../engine/time/duration.ts';

/** The choices that decide what the job's results are. Two runs with equal rules over equal input give equal rows. */
export interface AttributionRules {
  /** A row taken in more than this after its event is late and joins nothing. */
  readonly latenessMs: number;
  /** An event may be this much ahead of the moment at which it was taken in: clocks differ. */
  readonly futureToleranceMs: number;
  /** A click belongs to an impression when `impression <= click < impression + joinWindowMs`. */
  readonly joinWindowMs: number;
  /** An id that comes again up to this much later in event time is a duplicate. */
  readonly dedupeWindowMs: number;
  readonly userJoin: UserJoinScope;
}

/**
 * Which impressions a click without impression id may be joined with, by user and campaign. `rows`: those that came without
 * id as well, from the same kind of source. `all`: every one, at the price of a second copy of each impression in state.
 */
export type UserJoinScope = 'rows' | 'all';

export interface AttributionRulesOptions {
  /** Default 10s. */
  readonly lateness?: Duration | undefined;
  /** Default 5m. */
  readonly futureTolerance?: Duration | undefined;
  /** Default 24h. */
  readonly joinWindow?: Duration | undefined;
  /** Default 1h. */
  readonly dedupeWindow?: Duration | undefined;
  /** Default `rows`. */
  readonly userJoin?: UserJoinScope | undefined;
}

/** @throws UserError CONFIGURATION. */
export function attributionRules(options: AttributionRulesOptions = {}): AttributionRules {
  return {
    latenessMs: spanOf('lateness', options.lateness ?? '10s', 0),
    futureToleranceMs: spanOf('futureTolerance', options.futureTolerance ?? '5m', 0),
    joinWindowMs: spanOf('joinWindow', options.joinWindow ?? '24h', 1),
    dedupeWindowMs: spanOf('dedupeWindow', options.dedupeWindow ?? '1h', 1),
    userJoin: options.userJoin ?? 'rows',
  };
}

/** The rule of all windows here: half open, on event time. A touch at the very time counts, a later one never does. */
export function isWithin(touchAt: number, effectAt: number, windowMs: number): boolean {
  return touchAt <= effectAt && effectAt < touchAt + windowMs;
}

function spanOf(name: string, duration: Duration, minMs: number): number {
  const ms = durationMs(duration);
  if (ms >= minMs) return ms;
  throw new UserError('CONFIGURATION', `rule ${name}: expected at least ${minMs} ms, found ${duration}`);
}
