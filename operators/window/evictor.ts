import { type Duration, durationMs } from '../../engine/time/duration.ts';
import { hasTimestamp } from '../../engine/time/timestamps.ts';
import type { Window } from './window.ts';

/** An element of a window with its time; NaN when it has none. */
export interface TimestampedValue<T> {
  readonly value: T;
  readonly timestampMs: number;
}

/** The clocks, as an evictor sees them. */
export interface EvictorContext {
  readonly currentWatermarkMs: number;
  readonly currentProcessingTimeMs: number;
}

/** Takes elements out of a window before, after, or around its function. Needs all elements, so nothing is aggregated ahead. */
export abstract class Evictor<T = unknown, W extends Window = Window> {
  /** @returns the elements to keep, in order. */
  evictBefore(
    elements: readonly TimestampedValue<T>[],
    _window: W,
    _context: EvictorContext,
  ): readonly TimestampedValue<T>[] {
    return elements;
  }

  /** @returns the elements to keep, in order. */
  evictAfter(
    elements: readonly TimestampedValue<T>[],
    _window: W,
    _context: EvictorContext,
  ): readonly TimestampedValue<T>[] {
    return elements;
  }
}

type Keep<T> = (elements: readonly TimestampedValue<T>[]) => readonly TimestampedValue<T>[];

class OneSidedEvictor<T> extends Evictor<T> {
  readonly #keep: Keep<T>;
  readonly #doEvictAfter: boolean;

  constructor(keep: Keep<T>, { doEvictAfter = false }: EvictorOptions) {
    super();
    this.#keep = keep;
    this.#doEvictAfter = doEvictAfter;
  }

  override evictBefore(elements: readonly TimestampedValue<T>[]): readonly TimestampedValue<T>[] {
    return this.#doEvictAfter ? elements : this.#keep(elements);
  }

  override evictAfter(elements: readonly TimestampedValue<T>[]): readonly TimestampedValue<T>[] {
    return this.#doEvictAfter ? this.#keep(elements) : elements;
  }
}

export interface EvictorOptions {
  /** Evict after the function instead of before it: the result has all elements, the next one has not. Default false. */
  readonly doEvictAfter?: boolean | undefined;
}

/** Keeps the last `count` elements. */
export function countEvictor<T = unknown>(count: number, options: EvictorOptions = {}): Evictor<T> {
  return new OneSidedEvictor((elements) => elements.slice(Math.max(0, elements.length - count)), options);
}

/** Keeps elements newer than the newest minus `size`; all of them when the first one has no timestamp. */
export function timeEvictor<T = unknown>(size: Duration, options: EvictorOptions = {}): Evictor<T> {
  const sizeMs = durationMs(size);
  return new OneSidedEvictor((elements) => {
    if (elements.length === 0 || !hasTimestamp(elements[0]!.timestampMs)) return elements;
    let newestMs = -Infinity;
    for (const { timestampMs } of elements) if (timestampMs > newestMs) newestMs = timestampMs;
    return elements.filter(({ timestampMs }) => timestampMs > newestMs - sizeMs);
  }, options);
}

/** Keeps elements whose distance to the last one is below the threshold. */
export function deltaEvictor<T>(
  threshold: number,
  delta: (element: T, last: T) => number,
  options: EvictorOptions = {},
): Evictor<T> {
  return new OneSidedEvictor((elements) => {
    const last = elements.at(-1);
    return last === undefined ? elements : elements.filter(({ value }) => delta(value, last.value) < threshold);
  }, options);
}
