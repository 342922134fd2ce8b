import type { PageCursor } from './page.ts';
import { type ExpiryClock, Stamped, UNSTAMPED_MS } from './stamped.ts';
import type { StateTtl } from './state.ts';

/** Tells where the time index has to look for what expires; set by the backend. */
export type ScheduleExpiry = (isEventTime: boolean, timestampMs: number) => void;

/** Time-to-live of one state: its clock and Flink's rules. */
export class TtlClock {
  readonly returnsExpired: boolean;
  readonly #cursor: PageCursor;
  readonly #clock: ExpiryClock;
  readonly #isEventTime: boolean;
  readonly #timeToLiveMs: number;
  readonly #slackMs: number;
  readonly #refreshesOnRead: boolean;
  readonly #schedule: ScheduleExpiry;

  constructor(ttl: StateTtl, cursor: PageCursor, schedule: ScheduleExpiry) {
    this.#cursor = cursor;
    this.#isEventTime = ttl.timeDomain === 'eventTime';
    this.#clock = this.#isEventTime ? cursor.eventClock : cursor.processingClock;
    this.#timeToLiveMs = ttl.timeToLiveMs;
    this.#slackMs = expirySlackMs(ttl.timeToLiveMs);
    this.#refreshesOnRead = ttl.update === 'onReadAndWrite';
    this.returnsExpired = ttl.visibility === 'returnExpiredIfNotCleanedUp';
    this.#schedule = schedule;
  }

  isExpired(stamped: Stamped): boolean {
    return this.#clock.isExpired(stamped.timestampMs, this.#timeToLiveMs);
  }

  /** A value written now. */
  stamp(value: unknown): Stamped {
    const { nowMs } = this.#clock;
    this.#scheduleFor(nowMs);
    return new Stamped(value, nowMs);
  }

  /** Notes a read; true when that changed the timestamp. */
  refresh(stamped: Stamped): boolean {
    const { nowMs, firstMs } = this.#clock;
    const before = stamped.timestampMs;
    if (this.#refreshesOnRead) stamped.timestampMs = nowMs;
    else if (before === UNSTAMPED_MS) stamped.timestampMs = firstMs;
    if (stamped.timestampMs === before) return false;
    // What was stored without time-to-live is not looked for yet.
    if (before === UNSTAMPED_MS) this.#scheduleFor(stamped.timestampMs);
    return true;
  }

  #scheduleFor(timestampMs: number): void {
    const { page } = this.#cursor;
    const scheduledMs = this.#isEventTime ? page.eventExpiryAtMs : page.processingExpiryAtMs;
    const expiryMs = Math.ceil(timestampMs + this.#timeToLiveMs + this.#slackMs);
    if (scheduledMs > expiryMs) this.#schedule(this.#isEventTime, expiryMs);
  }
}

/** How long after its expiry an entry may stay in memory: one look removes what expired meanwhile. */
export function expirySlackMs(timeToLiveMs: number): number {
  return Math.min(Math.ceil(timeToLiveMs / 8), 600_000);
}
