import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Scheduler } from '../../engine/base/environment.ts';
import { type RowKind, rowKindName } from '../../engine/task/row-kind.ts';
import type { AsyncFunction } from '../../operators/async/async-function.ts';
import { AsyncRetryStrategies } from '../../operators/async/async-retry.ts';
import { AsyncWaitOperator } from '../../operators/async/async-wait-operator.ts';
import { array, boolean, int, record, string } from '../../state/index.ts';
import type { HarnessSnapshot } from '../harness/operators/harness-snapshot.ts';
import { oneInputHarness } from '../harness/operators/operator-harness.ts';
import type { OutputElement } from '../harness/operators/stream-elements.ts';

/** What the function does at one attempt: answers after a while, or at once without a promise. */
const Answer = record('Answer', { afterMs: int(), isPromise: boolean(), outcome: string() });
const Question = record('Question', { id: int(), answers: array(Answer) });
interface Answer {
  /** Even, so that no answer comes in the very millisecond of a time-out, which is odd. */
  readonly afterMs: number;
  readonly isPromise: boolean;
  /** How many results, or `error`, or `never`. */
  readonly outcome: string;
}
interface Question {
  readonly id: number;
  readonly answers: readonly Answer[];
}

type Step =
  | { readonly do: 'record'; readonly question: Question; readonly timestampMs: number; readonly kind: RowKind }
  | { readonly do: 'watermark' | 'clock'; readonly byMs: number }
  | { readonly do: 'snapshot' | 'crash' | 'room' };

interface Config {
  readonly isOrdered: boolean;
  readonly capacity: number;
  readonly timeoutMs: number | undefined;
  readonly maxAttempts: number;
  readonly retryDelayMs: number;
  readonly isExponential: boolean;
}

const ATTEMPTS_MAX = 4;
/** More than the longest story of a record takes. */
const DRAIN_MS = 400;

const answer: fc.Arbitrary<Answer> = fc.record({
  afterMs: fc.integer({ min: 0, max: 10 }).map((half) => half * 2),
  isPromise: fc.integer({ min: 0, max: 4 }).map((n) => n > 0),
  outcome: fc.constantFrom('0', '0', '1', '1', '2', '3', 'error', 'never'),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .record({
        answers: fc.array(answer, { minLength: ATTEMPTS_MAX, maxLength: ATTEMPTS_MAX }),
        timestampMs: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 50 }) }, fc.constant(Number.NaN)),
        kind: fc.constantFrom<RowKind>(0, 0, 0, 1, 2, 3),
      })
      .map(({ answers, timestampMs, kind }): Step => ({
        do: 'record',
        question: { id: 0, answers },
        timestampMs,
        kind,
      })),
  },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 9 }).map((byMs): Step => ({ do: 'watermark', byMs })) },
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 12 }).map((byMs): Step => ({ do: 'clock', byMs })) },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ do: 'snapshot' }, { do: 'crash' }, { do: 'room' }) },
);

const config: fc.Arbitrary<Config> = fc.record({
  isOrdered: fc.boolean(),
  capacity: fc.integer({ min: 1, max: 6 }),
  timeoutMs: fc.option(
    fc.integer({ min: 3, max: 40 }).map((half) => half * 2 + 1),
    { nil: undefined },
  ),
  maxAttempts: fc.integer({ min: 1, max: ATTEMPTS_MAX }),
  retryDelayMs: fc.integer({ min: 1, max: 5 }).map((half) => half * 2),
  isExponential: fc.boolean(),
});

/** Makes every record answerable: no failure at the last attempt, no endless wait without time-out. */
function answerable(question: Question, id: number, { maxAttempts, timeoutMs }: Config): Question {
  const answers = question.answers.map((given, i): Answer => {
    const isHopeless =
      (given.outcome === 'error' && i + 1 >= maxAttempts) || (given.outcome === 'never' && timeoutMs === undefined);
    return isHopeless ? { ...given, outcome: '2' } : given;
  });
  return { id, answers };
}

/** The whole story of a record on paper: what comes out of it. */
function resultsOf({ id, answers }: Question, it: Config): string[] {
  let spentMs = 0;
  for (let attempt = 1; ; attempt++) {
    const { afterMs, isPromise, outcome } = answers[attempt - 1]!;
    if (outcome === 'never') spentMs = Infinity;
    else if (isPromise) spentMs += afterMs;
    if (spentMs > (it.timeoutMs ?? Infinity)) return [`${id} timed out`];
    const isRetried = attempt < it.maxAttempts && (outcome === '0' || outcome === 'error');
    if (!isRetried) return Array.from({ length: Number(outcome) }, (_, i) => `${id} attempt ${attempt} result ${i}`);
    spentMs += it.isExponential ? Math.min(16, it.retryDelayMs * 2 ** (attempt - 1)) : it.retryDelayMs;
    if (spentMs > (it.timeoutMs ?? Infinity)) return [`${id} timed out`];
  }
}

/** The function under the operator. Counts how many records it has in hand. */
class Oracle implements AsyncFunction<Question, string> {
  #scheduler: Scheduler | undefined;
  readonly inHand = new Set<number>();
  inHandMax = 0;

  open(context: { readonly environment: { readonly scheduler: Scheduler } }): void {
    this.#scheduler = context.environment.scheduler;
    this.inHand.clear();
  }

  asyncInvoke({ id, answers }: Question, context: { readonly attempt: number }): Promise<string[]> | string[] {
    const { afterMs, isPromise, outcome } = answers[context.attempt - 1]!;
    const give = (): string[] => {
      this.inHand.delete(id);
      if (outcome === 'error') throw new Error(`${id} failed`);
      return Array.from({ length: Number(outcome) }, (_, i) => `${id} attempt ${context.attempt} result ${i}`);
    };
    const isAtOnce = !isPromise && outcome !== 'never';
    if (isAtOnce) return give();
    this.inHand.add(id);
    this.inHandMax = Math.max(this.inHandMax, this.inHand.size);
    if (outcome === 'never') return new Promise(() => {});
    return this.#scheduler!.delay(afterMs).then(give);
  }

  timeout({ id }: Question): string[] {
    this.inHand.delete(id);
    return [`${id} timed out`];
  }
}

const printed = (element: OutputElement): string => {
  if ('watermarkMs' in element) return `watermark ${element.watermarkMs}`;
  if ('status' in element) return element.status;
  return `${String(element.value)} at ${element.timestampMs} ${element.kind}`;
};

/** Runs the steps on the operator; a crash takes it back to the last snapshot, with what was put in since. */
async function run(steps: readonly Step[], it: Config): Promise<{ output: string[]; inHandMax: number }> {
  const fn = new Oracle();
  const conditions = {
    maxAttempts: it.maxAttempts,
    ifResult: (results: readonly string[]) => results.length === 0,
    ifError: () => true,
  };
  const retry = it.isExponential
    ? AsyncRetryStrategies.exponentialBackoff({
        ...conditions,
        initialDelay: it.retryDelayMs,
        maxDelay: 16,
        multiplier: 2,
      })
    : AsyncRetryStrategies.fixedDelay({ ...conditions, delay: it.retryDelayMs });
  const harness = await oneInputHarness(
    () =>
      new AsyncWaitOperator<Question, string>({
        fn,
        schema: Question as never,
        isOrdered: it.isOrdered,
        capacity: it.capacity,
        timeoutMs: it.timeoutMs,
        retry,
      }),
  );
  const output: string[] = [];
  let nowMs = 0;
  const collect = (): void => {
    const taken = harness.takeOutput();
    if (!harness.hasRoom) expect(taken).toEqual([]);
    output.push(...taken.map(printed));
    expect(harness.takeFailures()).toEqual([]);
  };
  const take = async (): Promise<void> => {
    await harness.settle();
    collect();
  };
  const advance = async (byMs: number): Promise<void> => {
    for (const untilMs = nowMs + byMs; nowMs < untilMs;) {
      await harness.setProcessingTime(++nowMs);
      await take();
    }
  };
  let saved: { readonly snapshot: HarnessSnapshot; readonly at: number; readonly outputCount: number } | undefined;
  const crashed = new Set<number>();
  for (let at = 0; at < steps.length; at++) {
    const one = steps[at]!;
    if (one.do === 'record') harness.processElement(one.question, one.timestampMs, one.kind);
    else if (one.do === 'watermark') await harness.processWatermark(one.byMs);
    else if (one.do === 'clock') await advance(one.byMs);
    else if (one.do === 'snapshot') {
      collect();
      saved = { snapshot: await harness.snapshot(), at, outputCount: output.length };
    } else if (one.do === 'room') {
      await take();
      harness.hasRoom = false;
      await advance(5);
      harness.hasRoom = true;
    } else if (saved !== undefined && !crashed.has(at)) {
      crashed.add(at);
      await harness.initializeState(saved.snapshot);
      harness.takeOutput();
      output.length = saved.outputCount;
      at = saved.at;
    }
    // Not always: records may come in one turn.
    if (at % 3 === 0 || one.do === 'snapshot') await take();
  }
  for (let i = 0; i < 100 && (harness.operator as AsyncWaitOperator<unknown, unknown>).inFlightCount > 0; i++)
    await advance(DRAIN_MS);
  await harness.endInput();
  await take();
  expect(harness.operator.blockedUntil()).toBeUndefined();
  await harness.close();
  return { output, inHandMax: fn.inHandMax };
}

/** Watermarks in place; between them, unordered, the results sorted. */
function comparable(output: readonly string[], isOrdered: boolean): readonly string[] {
  if (isOrdered) return output;
  const rows: string[] = [];
  let segment: string[] = [];
  for (const row of [...output, '']) {
    if (row !== '' && !row.startsWith('watermark')) {
      segment.push(row);
      continue;
    }
    rows.push(...segment.toSorted(), row);
    segment = [];
  }
  return rows.slice(0, -1);
}

function prepared(drafts: readonly Step[], it: Config): Step[] {
  let watermarkMs = 0;
  return drafts.map((one, i): Step => {
    if (one.do === 'record') return { ...one, question: answerable(one.question, i, it) };
    if (one.do === 'watermark') return { ...one, byMs: (watermarkMs += one.byMs) };
    return one;
  });
}

test('whatever the order of answers, time-outs, retries and crashes, the results are those on paper', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 50, size: 'max' }), config, async (drafts, it) => {
      const steps = prepared(drafts, it);
      const expected = steps.flatMap((one): string[] => {
        if (one.do === 'watermark') return [`watermark ${one.byMs}`];
        if (one.do !== 'record') return [];
        return resultsOf(one.question, it).map((result) => `${result} at ${one.timestampMs} ${rowKindName(one.kind)}`);
      });
      const { output, inHandMax } = await run(steps, it);
      expect(comparable(output, it.isOrdered)).toEqual(comparable(expected, it.isOrdered));
      expect(inHandMax).toBeLessThanOrEqual(it.capacity);
    }),
    { numRuns: 200 },
  );
}, 60_000);
