import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { ORACLE_BACKEND, PAGED_BACKEND, SMALL_PAGED_BACKEND } from '../../harness/operators/backends.ts';
import { answerCase, type CaseAnswer, type PatternCase } from './pattern-case.ts';

/**
 * Patterns with what a live Flink 2.3.0 answered, in its order: every kind of loop, times, group, negation and skip
 * strategy in turn, with the shapes of Flink's own suites (NFAITCase, TimesRangeITCase, TimesOrMoreITCase, GreedyITCase,
 * UntilConditionITCase, NotPatternITCase, GroupITCase, AfterMatchSkipITCase, IterativeConditionsITCase); and random ones,
 * nested and mixed. Flink got a watermark for every millisecond.
 */
const cases = JSON.parse(
  gunzipSync(readFileSync(new URL('flink-patterns.json.gz', import.meta.url))).toString(),
) as readonly (PatternCase & CaseAnswer & { readonly name: string })[];

/** `every`: a snapshot per record takes its time. */
for (const [backend, pace, every] of [
  [PAGED_BACKEND, 'record by record', 1],
  [PAGED_BACKEND, 'all at once', 1],
  [ORACLE_BACKEND, 'restored after every record', 1],
  [SMALL_PAGED_BACKEND, 'restored after every record', 10],
] as const) {
  test(`matches and time-outs are those of Flink, in its order (${backend.name}, ${pace})`, async () => {
    expect(cases.length).toBeGreaterThan(2000);
    for (const { name, matches, timeouts, ...input } of cases.filter((_, i) => i % every === 0)) {
      expect(await answerCase(input, backend, pace), name).toEqual({ matches, timeouts });
    }
  }, 60_000);
}
