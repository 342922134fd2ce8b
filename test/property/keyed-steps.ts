import fc from 'fast-check';

/** A record of a key at a time. */
export interface RecordStep {
  readonly do: 'record';
  readonly side: 1 | 2;
  readonly key: string;
  readonly timestampMs: number;
  readonly value: number;
}

export type KeyedStep =
  | RecordStep
  /** Watermark and clock of both inputs advance by this. */
  | { readonly do: 'advance'; readonly side: 1 | 2; readonly byMs: number }
  /** Snapshot, restore at this parallelism, and the same watermark again. */
  | { readonly do: 'restore'; readonly parallelism: number };

export interface StepOptions {
  /** Records lie within this of the largest watermark, both ways. */
  readonly spreadMs: number;
  readonly advanceMaxMs: number;
  readonly sides?: 1 | 2 | undefined;
  /** Default true. */
  readonly restores?: boolean | undefined;
  /** Whether records may be behind the watermark. Default true. */
  readonly late?: boolean | undefined;
}

type Draft = {
  readonly kind: number;
  readonly side: 1 | 2;
  readonly key: string;
  readonly permille: number;
  readonly value: number;
};

/** Random interleavings of records, watermarks and restores. Times start around 1,000. */
export function keyedSteps({
  spreadMs,
  advanceMaxMs,
  sides = 1,
  restores = true,
  late = true,
}: StepOptions): fc.Arbitrary<KeyedStep[]> {
  const draft: fc.Arbitrary<Draft> = fc.record({
    kind: fc.integer({ min: 0, max: 99 }),
    side: fc.integer({ min: 1, max: sides }) as fc.Arbitrary<1 | 2>,
    key: fc.constantFrom('a', 'a', 'b', 'c'),
    // An integer: doubles crowd around 0.
    permille: fc.integer({ min: late ? -1000 : 0, max: 1000 }),
    value: fc.integer({ min: 1, max: 9 }),
  });
  return fc.array(draft, { minLength: 10, maxLength: 60, size: 'max' }).map((drafts) => {
    // Inputs of both sides stay ahead of the operator's watermark, the smaller of the two.
    const watermarkMs = [1000, 1000];
    return drafts.map(({ kind, side, key, permille, value }): KeyedStep => {
      const offset = permille / 1000;
      if (kind < 65) {
        const nowMs = late ? Math.min(...watermarkMs) : watermarkMs[side - 1]! + 1;
        return { do: 'record', side, key, timestampMs: Math.round(nowMs + offset * spreadMs), value };
      }
      if (kind < 95 || !restores) {
        const byMs = 1 + Math.floor(Math.abs(offset) * (advanceMaxMs - 1));
        watermarkMs[side - 1]! += byMs;
        return { do: 'advance', side, byMs };
      }
      return { do: 'restore', parallelism: 1 + (value % 3) };
    });
  });
}
