import { UserError } from '../../engine/base/errors.ts';
import { INSERT, type RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import { hasTimestamp } from '../../engine/time/timestamps.ts';
import type { StateTtl, ValueState } from '../../state/keyed/state.ts';
import { record } from '../../state/schema/record.ts';
import { boolean, long } from '../../state/schema/scalars.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { createKeyRowOutput, type EmitMode, type KeyRowOutput } from './changelog-output.ts';
import { type Held, HoldingOperator } from './holding-operator.ts';
import type { MiniBatchSettings } from './mini-batch.ts';

/**
 * Passes the first record of each key that comes. Flink's `ProcTimeDeduplicateKeepFirstRowFunction`.
 *
 * Stateful: a flag per key.
 */
export class FirstArrivalOperator<T> extends StreamOperator<T> {
  override readonly takesRetractions = false;
  readonly #ttl: StateTtl | undefined;
  #seen: ValueState<boolean> = undefined as never;

  constructor(ttl: StateTtl | undefined) {
    super();
    this.#ttl = ttl;
  }

  override open(): void {
    this.#seen = this.context.keyedState.state({ kind: 'value', name: 'seen', schema: boolean(), ttl: this.#ttl });
  }

  override processElement(value: unknown, timestampMs: number, _kind: RowKind): void {
    if (this.#seen.value() !== undefined) return;
    this.#seen.update(true);
    this.output.collect(value as T, timestampMs, INSERT);
  }
}

/** When a record is: Infinity-free milliseconds. Undefined: by arrival, where the newest always is the last. */
export type TimeOf<T> = ((row: T, timestampMs: number) => number) | undefined;

export interface DeduplicateSettings<T> {
  readonly keep: 'first' | 'last';
  readonly timeOf: TimeOf<T>;
  readonly emit: EmitMode;
  readonly miniBatch: MiniBatchSettings | undefined;
  readonly ttl: StateTtl | undefined;
}

/** What the operators that send updates share. */
abstract class UpdatingDeduplicate<T> extends HoldingOperator<T> {
  override readonly takesRetractions = false;
  protected readonly keepsLast: boolean;
  protected readonly timeOf: TimeOf<T>;
  protected readonly ttl: StateTtl | undefined;
  protected override readonly held: Held;
  protected readonly rows: KeyRowOutput<T>;

  constructor(settings: DeduplicateSettings<T>) {
    super();
    this.keepsLast = settings.keep === 'last';
    this.timeOf = settings.timeOf;
    this.ttl = settings.ttl;
    this.rows = createKeyRowOutput(settings);
    this.held = this.rows;
  }

  override open(): void {
    this.rows.open(this.context, this.output);
  }

  /** @throws UserError JOB_DEFINITION for a time that is none. */
  protected timeOfRow(row: T, timestampMs: number): number {
    const timeMs = this.timeOf === undefined ? 0 : this.timeOf(row, timestampMs);
    if (hasTimestamp(timeMs)) return timeMs;
    throw new UserError(
      'JOB_DEFINITION',
      `a record without time came to deduplicate '${this.context.operatorName}', which goes by event time`,
      { hint: 'Give the source a WatermarkStrategy with withTimestamp(...), or leave out orderBy to go by arrival.' },
    );
  }

  /** Whether a record of this time takes the place of one of that time. Flink's rule: of equal times the first, or the last. */
  protected replaces(timeMs: number, beforeMs: number): boolean {
    return this.keepsLast ? timeMs >= beforeMs : timeMs < beforeMs;
  }
}

/**
 * The first or the last record of each key, as upserts. Flink's row-time deduplication without `-U`.
 *
 * Stateful: the time of that record; its content is not needed again.
 */
export class UpsertDeduplicateOperator<T> extends UpdatingDeduplicate<T> {
  #time: ValueState<number> = undefined as never;

  override open(): void {
    super.open();
    this.#time = this.context.keyedState.state({ kind: 'value', name: 'time', schema: long(), ttl: this.ttl });
  }

  override processElement(value: unknown, timestampMs: number, _kind: RowKind): void {
    const row = value as T;
    const timeMs = this.timeOfRow(row, timestampMs);
    const beforeMs = this.#time.value();
    if (beforeMs !== undefined && !this.replaces(timeMs, beforeMs)) return;
    if (timeMs !== beforeMs || this.ttl !== undefined) this.#time.update(timeMs);
    this.rows.upsert(beforeMs === undefined, row, timestampMs);
  }
}

interface KeptRow<T> {
  readonly timeMs: number;
  readonly row: T;
}

/**
 * The first or the last record of each key, as a changelog: Flink's `RowTimeDeduplicateFunction`, and
 * `ProcTimeDeduplicateKeepLastRowFunction` by arrival.
 *
 * Stateful: that record, which is sent again as `-U`.
 */
export class ChangelogDeduplicateOperator<T> extends UpdatingDeduplicate<T> {
  readonly #schema: Schema<T>;
  #kept: ValueState<KeptRow<T>> = undefined as never;

  constructor(settings: DeduplicateSettings<T> & { readonly schema: Schema<T> }) {
    super(settings);
    this.#schema = settings.schema;
  }

  override open(): void {
    super.open();
    const schema = record('tidemark.KeptRow', { timeMs: long(), row: this.#schema }) as unknown as Schema<KeptRow<T>>;
    this.#kept = this.context.keyedState.state({ kind: 'value', name: 'kept-row', schema, ttl: this.ttl });
  }

  override processElement(value: unknown, timestampMs: number, _kind: RowKind): void {
    const row = value as T;
    const timeMs = this.timeOfRow(row, timestampMs);
    const kept = this.#kept.value();
    if (kept !== undefined && !this.replaces(timeMs, kept.timeMs)) return;
    this.#kept.update({ timeMs, row });
    this.rows.change(kept?.row, row, timestampMs);
  }
}
