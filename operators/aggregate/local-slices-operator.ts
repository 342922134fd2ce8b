import { checkedKey } from '../../engine/exchange/checked-key.ts';
import { INSERT, type RowKind } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import { MIN_TIMESTAMP_MS } from '../../engine/time/timestamps.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { AggregateFunction } from '../process/state-spec.ts';
import { SliceTimes } from './slice-times.ts';
import { requireTimestamp } from '../window/window-assigner.ts';
import type { SlicePartial } from './slice-partial.ts';

/** Keys and slices held at most, in each subtask. */
const PARTIALS_MAX = 65_536;

export interface LocalSlicesOptions<T, ACC> {
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
  readonly aggregate: AggregateFunction<T, ACC, unknown>;
  readonly keySelector: (value: T) => Key;
}

/** A partial that is still added to. */
interface OpenPartial<T, ACC> extends SlicePartial<T, ACC> {
  rows: number;
  accumulator: ACC;
  timestampMs: number;
}

interface OpenSlice<T, ACC> {
  readonly sliceMs: number;
  /** The last timestamp of the first window that holds it: nobody asks for the slice before. */
  readonly neededMs: number;
  readonly partials: Map<Key, OpenPartial<T, ACC>>;
}

/**
 * The first of two phases of event-time windows: folds the records of a key and slice that come to this subtask, and sends
 * what they make to where the window's state is when a watermark comes to the first window that needs it, and before a
 * barrier, at the end, when the subtask turns idle or when there are very many.
 *
 * A record behind the watermark (its slice is needed already) is sent as it is: whether it is late, and what it makes fire,
 * is judged where all watermarks meet, one by one. The watermark there is never ahead of this one, so that nothing folded
 * is late there. Unless this subtask has been idle: then it cannot know how far time has gone elsewhere, and sends every
 * record as it is from then on.
 *
 * Stateless: everything is sent on before every barrier.
 */
export class LocalSlicesOperator<T, ACC> extends StreamOperator<SlicePartial<T, ACC>> {
  override readonly takesRetractions = false;
  readonly #aggregate: AggregateFunction<T, ACC, unknown>;
  readonly #keySelector: (value: T) => Key;
  readonly #times: SliceTimes;
  readonly #slices = new Map<number, OpenSlice<T, ACC>>();
  #count = 0;
  #watermarkMs = MIN_TIMESTAMP_MS;
  #foldsNothing = false;
  /** The slice of the record before, when it is held: [start, end). */
  #current: OpenSlice<T, ACC> | undefined;
  #currentStartMs = Number.NaN;
  #currentEndMs = Number.NaN;
  #latest: OpenPartial<T, ACC> | undefined;

  constructor(options: LocalSlicesOptions<T, ACC>) {
    super();
    this.#aggregate = options.aggregate;
    this.#keySelector = options.keySelector;
    this.#times = new SliceTimes(options.sizeMs, options.slideMs, options.offsetMs);
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    if (kind !== INSERT) this.checkRowKind(kind);
    const key = this.#keySelector(value as T);
    if (!(timestampMs >= this.#currentStartMs && timestampMs < this.#currentEndMs)) this.#enterSliceOf(timestampMs);
    if (this.#current === undefined) {
      this.output.collect({ key, rows: 0, accumulator: undefined, value: value as T }, timestampMs, kind);
      return;
    }
    let partial = this.#latest;
    if (partial === undefined || partial.key !== key) partial = this.#partialOf(key, value);
    partial.accumulator = this.#aggregate.add(partial.accumulator, value as T);
    partial.rows++;
    if (timestampMs > partial.timestampMs) partial.timestampMs = timestampMs;
  }

  override processWatermark(watermarkMs: number): void {
    this.#watermarkMs = watermarkMs;
    const due: OpenSlice<T, ACC>[] = [];
    for (const slice of this.#slices.values()) if (slice.neededMs <= watermarkMs) due.push(slice);
    if (due.length === 0) return;
    due.sort((a, b) => a.sliceMs - b.sliceMs);
    for (const slice of due) this.#send(slice);
    this.#leaveSlice();
  }

  override processStatus(isIdle: boolean): void {
    this.#flush();
    if (isIdle) this.#foldsNothing = true;
  }

  override prepareSnapshotPreBarrier(): void {
    this.#flush();
  }

  override finish(): void {
    this.#flush();
  }

  #enterSliceOf(timestampMs: number): void {
    requireTimestamp(timestampMs);
    this.#leaveSlice();
    const sliceMs = this.#times.sliceOf(timestampMs);
    const neededMs = this.#times.firstEndOf(sliceMs);
    this.#currentStartMs = sliceMs;
    this.#currentEndMs = sliceMs + this.#times.sliceMs;
    if (this.#foldsNothing || neededMs <= this.#watermarkMs) return;
    let slice = this.#slices.get(sliceMs);
    if (slice === undefined) {
      slice = { sliceMs, neededMs, partials: new Map() };
      this.#slices.set(sliceMs, slice);
    }
    this.#current = slice;
  }

  #leaveSlice(): void {
    this.#current = undefined;
    this.#latest = undefined;
    this.#currentStartMs = Number.NaN;
    this.#currentEndMs = Number.NaN;
  }

  #partialOf(key: Key, value: unknown): OpenPartial<T, ACC> {
    const { partials } = this.#current!;
    let partial = partials.get(key);
    if (partial === undefined) {
      checkedKey(key, value, this.context.operatorName);
      if (this.#count >= PARTIALS_MAX) this.#makeRoom();
      const accumulator = this.#aggregate.createAccumulator();
      partial = { key, rows: 0, accumulator, value: undefined, timestampMs: -Infinity };
      partials.set(key, partial);
      this.#count++;
    }
    this.#latest = partial;
    return partial;
  }

  /** Sends everything; the slice of the record at hand goes on empty. */
  #makeRoom(): void {
    const current = this.#current!;
    for (const slice of this.#slices.values()) this.#send(slice);
    this.#slices.set(current.sliceMs, current);
  }

  #flush(): void {
    if (this.#slices.size === 0) return;
    for (const slice of this.#slices.values()) this.#send(slice);
    this.#leaveSlice();
  }

  #send({ sliceMs, partials }: OpenSlice<T, ACC>): void {
    const { output } = this;
    for (const partial of partials.values()) output.collect(partial, partial.timestampMs, INSERT);
    this.#count -= partials.size;
    partials.clear();
    this.#slices.delete(sliceMs);
  }
}
