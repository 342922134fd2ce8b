import type { PageCursor } from './page.ts';
import { isExpired, Stamped, UNSTAMPED_MS } from './stamped.ts';
import type { StateTtl } from './state.ts';

/** Tells where the time index has to look for what expires; set by the backend. */
export type ScheduleExpiry = (isEventTime: boolean, timestampMs: number) => void;

/** Time-to-live of one state: its clock and Flink's rules. */
export class TtlClock {
  readonly returnsExpired: boolean;
  readonly #cursor: PageCursor;
  readonly #isEventTime: boolean;
  readonly #timeToLiveMs: number;
  readonly #slackMs: number;
  readonly #refreshesOnRead: boolean;
  readonly #schedule: ScheduleExpiry;

  constructor(ttl: StateTtl, cursor: PageCursor, schedule: ScheduleExpiry) {
    this.#cursor = cursor;
    this.#isEventTime = ttl.timeDomain === 'eventTime';
    this.#timeToLiveMs = ttl.timeToLiveMs;
    this.#slackMs = expirySlackMs(ttl.timeToLiveMs);
    this.#refreshesOnRead = ttl.update === 'onReadAndWrite';
    this.returnsExpired = ttl.visibility === 'returnExpiredIfNotCleanedUp';
    this.#schedule = schedule;
  }

  nowMs(): number {
    return this.#isEventTime ? this.#cursor.watermarkMs : this.#cursor.processingTimeMs;
  }

  isExpired(stamped: Stamped): boolean {
    return isExpired(stamped.timestampMs, this.#timeToLiveMs, this.nowMs());
  }

  /** A value written now. */
  stamp(value: unknown): Stamped {
    const nowMs = this.nowMs();
    const { page } = this.#cursor;
    const scheduledMs = this.#isEventTime ? page.eventExpiryAtMs : page.processingExpiryAtMs;
    if (scheduledMs === Infinity || scheduledMs > nowMs + this.#timeToLiveMs + this.#slackMs) {
      this.#schedule(this.#isEventTime, Math.ceil(nowMs + this.#timeToLiveMs + this.#slackMs));
    }
    return new Stamped(value, nowMs);
  }

  /** Notes a read; true when that changed the timestamp. */
  refresh(stamped: Stamped): boolean {
    const nowMs = this.nowMs();
    if (!this.#refreshesOnRead && stamped.timestampMs !== UNSTAMPED_MS) return false;
    if (stamped.timestampMs === nowMs) return false;
    stamped.timestampMs = nowMs;
    return true;
  }
}

/** How long after its expiry an entry may stay in memory: one look removes what expired meanwhile. */
export function expirySlackMs(timeToLiveMs: number): number {
  return Math.min(Math.ceil(timeToLiveMs / 8), 600_000);
}
