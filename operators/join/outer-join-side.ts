import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import type { TimerService } from '../../engine/task/timer-service.ts';
import { MAX_TIMESTAMP_MS } from '../../engine/time/timestamps.ts';
import type { Namespace } from '../../state/keyed/key.ts';
import type { ValueState } from '../../state/keyed/state.ts';
import { array } from '../../state/schema/collections.ts';
import { record } from '../../state/schema/record.ts';
import { boolean, long } from '../../state/schema/scalars.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { firstRowAfter, insertRow, type TimedRow } from './timed-rows.ts';

/** A row and whether it has come out in a joined result. */
export interface OuterRow<T> extends TimedRow<T> {
  isEmitted: boolean;
}

/** What is kept for one key and side. */
export interface SideBuffer<T> {
  /** When the pending timer fires; a timer stays pending while the buffer is empty. */
  cleanupAtMs: number;
  /** Sorted by time. */
  readonly rows: OuterRow<T>[];
}

export interface OuterJoinSideOptions<T> {
  readonly name: string;
  /** Of its timers. */
  readonly namespace: Namespace;
  readonly schema: Schema<T>;
  /** Rows without partner come out padded. */
  readonly isOuter: boolean;
  /** How long after its own time a row may find a partner; negative when partners are all older. */
  readonly sizeMs: number;
  readonly allowedLatenessMs: number;
  readonly cleanupIntervalMs: number;
  /** A row that expires before the one the pending timer is for brings the timer forward. */
  readonly isPrompt: boolean;
}

const NO_ROWS: readonly never[] = [];

/** The buffer and the clean-up timer of one side of an outer interval join, for the current key. */
export class OuterJoinSide<T> {
  readonly isOuter: boolean;
  readonly #options: OuterJoinSideOptions<T>;
  /** Rows this much older than now have expired. */
  readonly #retentionMs: number;
  #timers: TimerService = undefined as never;
  #buffer: ValueState<SideBuffer<T>> = undefined as never;

  constructor(options: OuterJoinSideOptions<T>) {
    this.isOuter = options.isOuter;
    this.#options = options;
    this.#retentionMs = options.sizeMs + options.allowedLatenessMs + 1;
  }

  open(context: OperatorContext): void {
    const { name, schema } = this.#options;
    const row = record(`tidemark.${name}OuterRow`, { timestampMs: long(), isEmitted: boolean(), value: schema });
    const buffer = record(`tidemark.${name}OuterBuffer`, { cleanupAtMs: long(), rows: array(row) });
    this.#timers = context.timers;
    this.#buffer = context.keyedState.state({
      kind: 'value',
      name: `${name}-outer-rows`,
      schema: buffer as unknown as Schema<SideBuffer<T>>,
    });
  }

  /** The buffer of the current key; undefined when there is none. Hand it to `store` after changes. */
  load(): SideBuffer<T> | undefined {
    return this.#buffer.value();
  }

  store(buffer: SideBuffer<T>): void {
    this.#buffer.update(buffer);
  }

  /** Removes the rows that have expired, at the end of time all; `buffer` has to be stored when there are any. */
  takeExpired({ rows }: SideBuffer<T>, nowMs: number): readonly OuterRow<T>[] {
    const untilMs = nowMs === MAX_TIMESTAMP_MS ? nowMs : nowMs - this.#retentionMs;
    if (rows.length === 0 || rows[0]!.timestampMs > untilMs) return NO_ROWS;
    return rows.splice(0, firstRowAfter(rows, untilMs));
  }

  /** Keeps a row while a partner may still come. Returns whether it does. */
  add(value: T, timestampMs: number, isEmitted: boolean, nowMs: number): boolean {
    if (nowMs >= timestampMs + this.#options.sizeMs) return false;
    const row = { timestampMs, isEmitted, value };
    const buffer = this.#buffer.value();
    if (buffer === undefined) {
      this.#buffer.update({ cleanupAtMs: this.#registerCleanup(timestampMs), rows: [row] });
    } else {
      insertRow(buffer.rows, row);
      if (this.#options.isPrompt && this.#cleanupTimeMs(timestampMs) < buffer.cleanupAtMs) {
        buffer.cleanupAtMs = this.#registerCleanup(timestampMs);
      }
      this.#buffer.update(buffer);
    }
    return true;
  }

  /** The clean-up timer is due: removes what has expired, returns it, and sets the timer for what is left. */
  onTimer(timestampMs: number, nowMs: number): readonly OuterRow<T>[] {
    const buffer = this.#buffer.value();
    if (buffer === undefined || buffer.cleanupAtMs !== timestampMs) return NO_ROWS;
    const { rows } = buffer;
    const expired = this.takeExpired(buffer, nowMs);
    if (rows.length === 0) {
      this.#buffer.clear();
    } else {
      buffer.cleanupAtMs = this.#registerCleanup(rows[0]!.timestampMs);
      this.#buffer.update(buffer);
    }
    return expired;
  }

  #registerCleanup(timestampMs: number): number {
    const cleanupAtMs = this.#cleanupTimeMs(timestampMs);
    this.#timers.registerEventTimeTimer(this.#options.namespace, cleanupAtMs);
    return cleanupAtMs;
  }

  #cleanupTimeMs(timestampMs: number): number {
    return Math.min(timestampMs + this.#retentionMs + this.#options.cleanupIntervalMs, MAX_TIMESTAMP_MS);
  }
}
