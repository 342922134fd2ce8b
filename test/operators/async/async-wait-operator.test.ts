import { expect, test } from 'vitest';
import { ExternalError } from '../../../engine/base/errors.ts';
import type { AsyncContext, AsyncFunction } from '../../../operators/async/async-function.ts';
import { AsyncRetryStrategies, RetryPredicates } from '../../../operators/async/async-retry.ts';
import { AsyncWaitOperator, type AsyncWaitSettings } from '../../../operators/async/async-wait-operator.ts';
import { string } from '../../../state/schema/scalars.ts';
import { oneInputHarness, type OperatorHarness } from '../../harness/operators/operator-harness.ts';
import type { OutputElement } from '../../harness/operators/stream-elements.ts';

/** A function whose answers the test gives. */
class Answers implements AsyncFunction<string, string> {
  readonly asked: string[] = [];
  readonly contexts = new Map<string, AsyncContext>();
  readonly #pending = new Map<string, PromiseWithResolvers<string[]>>();

  asyncInvoke(value: string, context: AsyncContext): Promise<string[]> {
    this.asked.push(`${value}#${context.attempt}`);
    this.contexts.set(value, context);
    const pending = Promise.withResolvers<string[]>();
    this.#pending.set(value, pending);
    return pending.promise;
  }

  give(value: string, ...results: string[]): void {
    this.#pending.get(value)!.resolve(results);
  }

  refuse(value: string, error: unknown): void {
    this.#pending.get(value)!.reject(error);
  }
}

type Settings = Partial<AsyncWaitSettings<string, string>>;

function open(settings: Settings = {}): Promise<OperatorHarness<string>> {
  return oneInputHarness(
    () =>
      new AsyncWaitOperator<string, string>({
        fn: new Answers(),
        schema: string(),
        isOrdered: true,
        capacity: 10,
        timeoutMs: undefined,
        retry: undefined,
        ...settings,
      }),
  );
}

const printed = (element: OutputElement): string | number => {
  if ('watermarkMs' in element) return element.watermarkMs;
  return 'status' in element ? element.status : String(element.value);
};

/** What has come out since the last call: values, watermarks as numbers, statuses. */
async function output(harness: OperatorHarness<string>): Promise<(string | number)[]> {
  await harness.settle();
  return harness.takeOutput().map(printed);
}

test('ordered results wait for those before; unordered ones come out as they are there', async () => {
  for (const isOrdered of [true, false]) {
    const fn = new Answers();
    const harness = await open({ fn, isOrdered });
    for (const value of ['a', 'b', 'c']) harness.processElement(value);
    fn.give('b', 'B1', 'B2');
    expect(await output(harness)).toEqual(isOrdered ? [] : ['B1', 'B2']);
    fn.give('c');
    fn.give('a', 'A');
    expect(await output(harness)).toEqual(isOrdered ? ['A', 'B1', 'B2'] : ['A']);
  }
});

test('unordered, a result does not pass a watermark in either direction', async () => {
  const fn = new Answers();
  const harness = await open({ fn, isOrdered: false });
  harness.processElement('a');
  await harness.processWatermark(1);
  harness.processElement('b');
  await harness.processWatermark(2);
  fn.give('b', 'B');
  expect(await output(harness)).toEqual([]);
  fn.give('a', 'A');
  expect(await output(harness)).toEqual(['A', 1, 'B', 2]);
});

test('unordered, one slow record among many does not pile up those that pass it', async () => {
  const fn = new Answers();
  const harness = await open({ fn, isOrdered: false, capacity: 1_000 });
  harness.processElement('slow');
  for (let n = 0; n < 5_000; n++) {
    harness.processElement(`${n}`);
    fn.give(`${n}`, `${n}`);
    if (n % 100 === 0) await harness.settle();
  }
  expect(await output(harness)).toEqual(Array.from({ length: 5_000 }, (_, n) => `${n}`));
  const { operator } = (await harness.snapshot()).subtasks[0]!;
  expect(operator.find(({ name }) => name === 'in-flight')!.entries).toHaveLength(1);
  fn.give('slow', 'at last');
  expect(await output(harness)).toEqual(['at last']);
});

test('an idle status stays behind the records that came before it', async () => {
  const fn = new Answers();
  const harness = await open({ fn });
  harness.processElement('a');
  await harness.processWatermark(5);
  await harness.processWatermarkStatus('idle');
  expect(await output(harness)).toEqual([]);
  fn.give('a', 'A');
  expect(await output(harness)).toEqual(['A', 5, 'idle']);
  await harness.processWatermarkStatus('active');
  expect(await output(harness)).toEqual(['active']);
});

test('results that are there at once go out with the record, or in their place behind others', async () => {
  const fn = new Answers();
  const harness = await open({
    fn: {
      asyncInvoke: (value, context) => (value.startsWith('now') ? [value] : fn.asyncInvoke(value, context)),
    },
  });
  harness.processElement('now 1');
  expect(harness.takeOutput().map(printed)).toEqual(['now 1']);
  harness.processElement('later');
  harness.processElement('now 2');
  expect(await output(harness)).toEqual([]);
  fn.give('later', 'later');
  expect(await output(harness)).toEqual(['later', 'now 2']);
});

test('at capacity records and watermarks wait inside, and the operator asks for no more', async () => {
  const fn = new Answers();
  const harness = await open({ fn, capacity: 2 });
  for (const value of ['a', 'b']) harness.processElement(value);
  expect(harness.operator.blockedUntil()).toBeUndefined();
  harness.processElement('c');
  await harness.processWatermark(1);
  const free = harness.operator.blockedUntil();
  expect(free).toBeDefined();
  expect(fn.asked).toEqual(['a#1', 'b#1']);
  fn.give('a');
  await harness.settle();
  expect(fn.asked).toEqual(['a#1', 'b#1', 'c#1']);
  expect(harness.operator.blockedUntil()).toBe(free); // The watermark still waits.
  fn.give('b');
  await harness.settle();
  await free;
  expect(harness.operator.blockedUntil()).toBeUndefined();
});

test('results wait while the outputs have no room', async () => {
  const fn = new Answers();
  const harness = await open({ fn });
  harness.processElement('a');
  harness.hasRoom = false;
  fn.give('a', 'A');
  expect(await output(harness)).toEqual([]);
  harness.hasRoom = true;
  expect(await output(harness)).toEqual(['A']);
});

test('a time-out without timeout() fails the task and says for which record', async () => {
  const fn = new Answers();
  const harness = await open({ fn, timeoutMs: 10 });
  harness.processElement('a');
  const { signal } = fn.contexts.get('a')!;
  await harness.setProcessingTime(9);
  harness.processElement('b');
  await harness.setProcessingTime(10);
  await harness.settle();
  const [failure, ...more] = harness.takeFailures();
  expect(failure).toMatchObject({
    code: 'TIMEOUT',
    message: `async function 'operator': no result within 10 ms for the record "a"`,
    hint: expect.stringContaining('timeout(value)') as string,
  });
  expect(more).toEqual([]);
  expect(signal.aborted).toBe(true);
  expect(fn.contexts.get('b')!.signal.aborted).toBe(false);
});

test('after a time-out the results of timeout() count, and the late answer does not', async () => {
  const fn = new Answers();
  const harness = await open({
    fn: Object.assign(fn, { timeout: (value: string) => [`${value} late`] }),
    timeoutMs: 10,
  });
  harness.processElement('a');
  await harness.setProcessingTime(10);
  expect(await output(harness)).toEqual(['a late']);
  fn.give('a', 'A');
  expect(await output(harness)).toEqual([]);
  expect(fn.contexts.get('a')!.signal.aborted).toBe(true);
  expect(harness.takeFailures()).toEqual([]);
});

test('the time-out counts all attempts together', async () => {
  const fn = new Answers();
  const harness = await open({
    fn: Object.assign(fn, { timeout: () => ['time is up'] }),
    timeoutMs: 25,
    retry: AsyncRetryStrategies.fixedDelay({ maxAttempts: 9, delay: 10, ifResult: RetryPredicates.emptyResult }),
  });
  harness.processElement('a');
  for (const nowMs of [10, 20]) {
    fn.give('a');
    await harness.settle();
    await harness.setProcessingTime(nowMs);
  }
  fn.give('a');
  await harness.settle();
  await harness.setProcessingTime(25);
  expect(await output(harness)).toEqual(['time is up']);
  await harness.setProcessingTime(100);
  expect(fn.asked).toEqual(['a#1', 'a#2', 'a#3']);
});

test('a failure of the function is the failure of the task, with the record', async () => {
  const fn = new Answers();
  const harness = await open({ fn });
  harness.processElement('a');
  harness.processElement('b');
  fn.refuse('a', new Error('no route'));
  const ours = new ExternalError('CONNECTION', 'server down');
  fn.refuse('b', ours);
  await harness.settle();
  const [first, second] = harness.takeFailures();
  expect(first).toMatchObject({
    code: 'USER_FUNCTION',
    message: `async function 'operator' failed in attempt 1 for the record "a"`,
    cause: new Error('no route'),
  });
  expect(second).toBe(ours); // It says more itself, also whether trying again can help.
});

test('an answer that is no list of results is refused', async () => {
  for (const answer of ['text', 3, undefined, null]) {
    const harness = await open({ fn: { asyncInvoke: () => Promise.resolve(answer as never) } });
    harness.processElement('a');
    await harness.settle();
    expect(harness.takeFailures()).toMatchObject([
      { code: 'USER_FUNCTION', message: expect.stringContaining('expected an iterable of results') as string },
    ]);
  }
});

test('the last attempt stands: its results, or its failure', async () => {
  const fn = new Answers();
  const retry = AsyncRetryStrategies.fixedDelay<string>({
    maxAttempts: 2,
    delay: 10,
    ifResult: RetryPredicates.emptyResult,
    ifError: RetryPredicates.anyError,
  });
  const harness = await open({ fn, retry });
  harness.processElement('a');
  fn.refuse('a', new Error('first'));
  await harness.settle();
  await harness.setProcessingTime(9);
  expect(fn.asked).toEqual(['a#1']);
  await harness.setProcessingTime(10);
  expect(fn.asked).toEqual(['a#1', 'a#2']);
  fn.refuse('a', new Error('second'));
  await harness.settle();
  expect(harness.takeFailures()).toMatchObject([{ cause: new Error('second') }]);
});

test('the end of input: what waits for its next attempt gets it at once, as its last, and all is waited for', async () => {
  const fn = new Answers();
  const retry = AsyncRetryStrategies.fixedDelay<string>({
    maxAttempts: 9,
    delay: '1h',
    ifResult: RetryPredicates.emptyResult,
  });
  const harness = await open({ fn, retry, capacity: 2 });
  for (const value of ['a', 'b', 'c']) harness.processElement(value);
  fn.give('a');
  await harness.settle();
  const end = harness.endInput();
  expect(fn.asked).toEqual(['a#1', 'b#1', 'a#2']);
  fn.give('a');
  fn.give('b', 'B');
  await harness.settle();
  expect(fn.asked).toEqual(['a#1', 'b#1', 'a#2', 'c#1']);
  fn.give('c');
  await end;
  expect(await output(harness)).toEqual(['B']);
});

test('a failure after the end of input says why it was not tried again', async () => {
  const fn = new Answers();
  const retry = AsyncRetryStrategies.fixedDelay<string>({
    maxAttempts: 3,
    delay: '1s',
    ifError: RetryPredicates.anyError,
  });
  const harness = await open({ fn, retry });
  harness.processElement('a');
  const end = harness.endInput();
  fn.refuse('a', new Error('HTTP 500'));
  await harness.settle();
  await end;
  expect(harness.takeFailures()).toMatchObject([
    { message: expect.stringContaining('failed in attempt 1'), hint: expect.stringContaining('The input has ended') },
  ]);
});

test('closing aborts what is under way; later answers are ignored', async () => {
  const fn = new Answers();
  const harness = await open({ fn });
  harness.processElement('a');
  const { signal } = fn.contexts.get('a')!;
  await harness.close();
  expect(signal.aborted).toBe(true);
  fn.give('a', 'A');
  expect(await output(harness)).toEqual([]);
});

test('after a restore records under way are asked about again, with their timestamp and row kind, before new ones', async () => {
  let fn = new Answers();
  const harness = await open({ fn: { asyncInvoke: (value, context) => fn.asyncInvoke(value, context) }, capacity: 2 });
  harness.processElement('a', 7, 3);
  await harness.processWatermark(7);
  harness.processElement('b', 8);
  const snapshot = await harness.snapshot();
  fn = new Answers();
  await harness.initializeState(snapshot);
  harness.processElement('c', 9);
  expect(fn.asked).toEqual(['a#1']);
  fn.give('a', 'A');
  await harness.settle();
  fn.give('b', 'B');
  await harness.settle();
  fn.give('c', 'C');
  await harness.settle();
  expect(harness.takeOutput()).toEqual([
    { value: 'A', timestampMs: 7, kind: '-D' },
    { watermarkMs: 7 },
    { value: 'B', timestampMs: 8, kind: '+I' },
    { value: 'C', timestampMs: 9, kind: '+I' },
  ]);
});

test('a watermark that was under way is not taken back by lower ones that come after a restore', async () => {
  let fn = new Answers();
  const harness = await open({ fn: { asyncInvoke: (value, context) => fn.asyncInvoke(value, context) } });
  harness.processElement('a');
  await harness.processWatermark(7);
  const snapshot = await harness.snapshot();
  fn = new Answers();
  await harness.initializeState(snapshot);
  await harness.processWatermark(5);
  fn.give('a', 'A');
  expect(await output(harness)).toEqual(['A', 7]);
  await harness.processWatermark(6);
  await harness.processWatermark(8);
  expect(await output(harness)).toEqual([8]);
});

test('a failure is reported whatever the record is', async () => {
  const value: unknown = Object.assign(Object.create(null) as object, { id: 1n });
  const harness = await open({ fn: { asyncInvoke: () => Promise.reject(new Error('broken')) } });
  harness.processElement(value as string);
  await harness.settle();
  expect(harness.takeFailures()).toMatchObject([
    { code: 'USER_FUNCTION', message: expect.stringContaining('{ id: 1n }') as string },
  ]);
});

test('pauses between attempts are fixed, or grow up to a limit', () => {
  const ifError = RetryPredicates.anyError;
  const fixed = AsyncRetryStrategies.fixedDelay({ maxAttempts: 3, delay: '1s', ifError });
  expect([1, 2, 3].map((attempt) => fixed.delayMs(attempt))).toEqual([1000, 1000, 1000]);
  const growing = AsyncRetryStrategies.exponentialBackoff({
    maxAttempts: 9,
    initialDelay: 100,
    maxDelay: '1s',
    multiplier: 3,
    ifError,
  });
  expect([1, 2, 3, 4].map((attempt) => growing.delayMs(attempt))).toEqual([100, 300, 900, 1000]);
});

test('a retry strategy with a wrong number or without a condition is refused', () => {
  const ifError = RetryPredicates.anyError;
  expect(() => AsyncRetryStrategies.fixedDelay({ maxAttempts: 0, delay: 1, ifError })).toThrow(
    'retry strategy: expected maxAttempts to be a positive integer, found 0',
  );
  expect(() => AsyncRetryStrategies.fixedDelay({ maxAttempts: 1, delay: 0, ifError })).toThrow('found 0');
  expect(() => AsyncRetryStrategies.fixedDelay({ maxAttempts: 1, delay: 1 })).toThrow('would never try again');
  const growing = { maxAttempts: 1, initialDelay: 1, maxDelay: 1, multiplier: 0.5, ifError };
  expect(() => AsyncRetryStrategies.exponentialBackoff(growing)).toThrow('a number of at least 1, found 0.5');
});
