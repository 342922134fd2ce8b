import { expect, test } from 'vitest';
import type { Environment } from '../../../../engine/base/environment.ts';
import { declareLookupJoin, type LookupJoinOptions } from '../../../../operators/async/lookup/lookup-join.ts';
import {
  collectionSource,
  collectSink,
  defineJob,
  type LookupTable,
  string,
  WatermarkStrategy,
} from '../../../../operators/index.ts';
import { testJob } from '../../../harness/index.ts';
import { oneInputHarness, type OperatorHarness } from '../../../harness/operators/operator-harness.ts';
import { isRecord } from '../../../harness/operators/stream-elements.ts';

/** A table whose answers the test gives. */
class Table implements LookupTable<string, string> {
  readonly description = 'the table of the test';
  readonly asked: string[] = [];
  rows: [string, string][] = [];
  scanCount = 0;
  isBroken = false;
  openCount = 0;
  readonly #pending: { readonly key: string; readonly answer: PromiseWithResolvers<readonly string[]> }[] = [];

  open(): void {
    this.openCount++;
  }

  lookup(key: string): Promise<readonly string[]> {
    this.asked.push(key);
    const answer = Promise.withResolvers<readonly string[]>();
    this.#pending.push({ key, answer });
    return answer.promise;
  }

  async *scan(): AsyncGenerator<readonly [string, string]> {
    this.scanCount++;
    if (this.isBroken) throw new Error('table is locked');
    yield* this.rows;
  }

  close(): void {
    this.openCount--;
  }

  /** Answers the oldest request. */
  answer(...rows: string[]): void {
    this.#pending.shift()!.answer.resolve(rows);
  }

  refuse(error: Error): void {
    this.#pending.shift()!.answer.reject(error);
  }
}

type Options = Partial<LookupJoinOptions<string, string, string, string>>;

function open(table: Table, options: Options = {}): Promise<OperatorHarness<string>> {
  const { factory } = declareLookupJoin<string, string, string, string>(table, {
    uid: 'look-up',
    schema: string(),
    keySelector: (value) => value[0],
    join: 'left',
    result: (value: string, row: string | undefined) => `${value}=${row ?? '-'}`,
    ...options,
  } as LookupJoinOptions<string, string, string, string>);
  return oneInputHarness(factory);
}

async function output(harness: OperatorHarness<string>): Promise<unknown[]> {
  await harness.settle();
  return harness
    .takeOutput()
    .filter(isRecord)
    .map(({ value }) => value);
}

const counts = ({ metrics }: OperatorHarness<string>): Record<string, number> =>
  Object.fromEntries([...metrics.counters].map(([name, { value }]) => [name, value]));

test('records that ask for one key at a time share one request', async () => {
  const table = new Table();
  const harness = await open(table);
  for (const value of ['a1', 'b1', 'a2', 'a3']) harness.processElement(value);
  expect(table.asked).toEqual(['a', 'b']);
  table.answer('A', 'AA');
  table.answer();
  expect(await output(harness)).toEqual(['a1=A', 'a1=AA', 'b1=-', 'a2=A', 'a2=AA', 'a3=A', 'a3=AA']);
  harness.processElement('a4');
  expect(table.asked).toEqual(['a', 'b', 'a']);
  expect(counts(harness)).toMatchObject({ hitCount: 0, missCount: 5, loadCount: 3, numLoadFailures: 0 });
});

test('inner drops records without rows; a record without key has none and asks nobody', async () => {
  for (const join of ['inner', 'left'] as const) {
    const table = new Table();
    const harness = await open(table, { join: join as 'left', keySelector: (value) => (value === '' ? null : value) });
    for (const value of ['', 'a']) harness.processElement(value);
    table.answer();
    expect(await output(harness)).toEqual(join === 'inner' ? [] : ['=-', 'a=-']);
    expect(table.asked).toEqual(['a']);
  }
});

test('a partial cache answers at once, counts hits and misses, and keeps that a key has no rows', async () => {
  const table = new Table();
  const harness = await open(table, { cache: { kind: 'partial', maxRows: 10 } });
  harness.processElement('a1');
  harness.processElement('b1');
  table.answer('A');
  table.answer();
  await harness.settle();
  harness.processElement('a2');
  harness.processElement('b2');
  expect(await output(harness)).toEqual(['a1=A', 'b1=-', 'a2=A', 'b2=-']);
  expect(table.asked).toEqual(['a', 'b']);
  expect(counts(harness)).toMatchObject({ hitCount: 2, missCount: 2, loadCount: 2 });
  expect(harness.metrics.gauges.get('numCachedRecords')!()).toBe(2);
});

test('without cacheMissing a key without rows is asked for again', async () => {
  const table = new Table();
  const harness = await open(table, { cache: { kind: 'partial', maxRows: 10, cacheMissing: false } });
  for (const value of ['b1', 'b2']) {
    harness.processElement(value);
    table.answer();
    await harness.settle();
  }
  expect(table.asked).toEqual(['b', 'b']);
});

test('a miss is tried again; only the miss of the last attempt is kept, and is not tried again', async () => {
  const table = new Table();
  const harness = await open(table, {
    retryOnMiss: { maxAttempts: 2, delay: 10 },
    cache: { kind: 'partial', maxRows: 10 },
  });
  harness.processElement('a1');
  table.answer();
  await harness.settle();
  harness.processElement('a2'); // Is not told yet that there is none.
  table.answer('A');
  expect(await output(harness)).toEqual([]);
  await harness.setProcessingTime(10);
  expect(await output(harness)).toEqual(['a1=A', 'a2=A']);
  harness.processElement('b1');
  table.answer();
  await harness.settle();
  await harness.setProcessingTime(20);
  table.answer();
  expect(await output(harness)).toEqual(['b1=-']);
  harness.processElement('b2');
  expect(await output(harness)).toEqual(['b2=-']);
  expect(table.asked).toEqual(['a', 'a', 'b', 'b']);
});

test('a request that fails fails all that wait for it, is counted, and is not kept', async () => {
  const table = new Table();
  const harness = await open(table, { cache: { kind: 'partial', maxRows: 10 } });
  harness.processElement('a1');
  harness.processElement('a2');
  table.refuse(new Error('no route'));
  await harness.settle();
  expect(harness.takeFailures()).toMatchObject([{ cause: new Error('no route') }, { cause: new Error('no route') }]);
  expect(counts(harness)).toMatchObject({ loadCount: 1, numLoadFailures: 1 });
  harness.processElement('a3');
  expect(table.asked).toEqual(['a', 'a']);
});

test('a full cache is there before the first record, and is loaded anew; a load that fails leaves it as it was', async () => {
  const table = new Table();
  table.rows = [
    ['a', 'A'],
    ['a', 'AA'],
    ['b', 'B'],
  ];
  const harness = await open(table, { cache: { kind: 'full', reloadInterval: '1m' } });
  const ask = async (value: string): Promise<unknown[]> => {
    harness.processElement(value);
    return await output(harness);
  };
  expect(await ask('a1')).toEqual(['a1=A', 'a1=AA']);
  expect(await ask('c1')).toEqual(['c1=-']);
  table.rows = [['c', 'C']];
  expect(await ask('c2')).toEqual(['c2=-']);
  await harness.setProcessingTime(60_000);
  await harness.settle();
  expect(await ask('c3')).toEqual(['c3=C']);
  expect(await ask('a2')).toEqual(['a2=-']);
  table.isBroken = true;
  await harness.setProcessingTime(120_000);
  await harness.settle();
  expect(await ask('c4')).toEqual(['c4=C']);
  expect(counts(harness)).toMatchObject({ hitCount: 3, missCount: 3, loadCount: 3, numLoadFailures: 1 });
  expect(table.asked).toEqual([]);
  await harness.close();
  expect(table.openCount).toBe(0);
  await harness.setProcessingTime(600_000);
  await harness.settle();
  expect(table.scanCount).toBe(3);
});

test('a full cache that cannot be loaded does not open', async () => {
  const table = new Table();
  table.isBroken = true;
  await expect(open(table, { cache: { kind: 'full', reloadInterval: '1m' } })).rejects.toThrow('table is locked');
});

test('wrong options are refused in words of the author of the job', () => {
  const table = new Table();
  const declare = (options: Options, of: LookupTable<string, string> = table): unknown =>
    declareLookupJoin(of, {
      uid: 'look-up',
      schema: string(),
      keySelector: (value: string) => value,
      result: String,
      ...options,
    } as LookupJoinOptions<string, string, string, string>);
  expect(() => declare({ cache: { kind: 'partial' } })).toThrow(
    "lookup-join 'look-up': a partial cache without a limit would grow forever",
  );
  expect(() => declare({ cache: { kind: 'partial', maxRows: 0 } })).toThrow(
    'maxRows to be a positive integer, found 0',
  );
  expect(() => declare({ cache: { kind: 'full', reloadInterval: 0 } })).toThrow(
    'reloadInterval to be positive, found 0',
  );
  const unreadable = { description: table.description, lookup: (key: string) => table.lookup(key) };
  expect(() => declare({ cache: { kind: 'full', reloadInterval: 1 } }, unreadable)).toThrow(
    "lookup-join 'look-up': the table of the test cannot be read whole, as a full cache does",
  );
  expect(() => declare({ result: undefined as never })).toThrow('expected the function result, found undefined');
  expect(() => declare({ schema: undefined as never })).toThrow('expected the schema of its input');
});

/** A table that answers after a while, differently long. */
class SlowTable implements LookupTable<string, number> {
  readonly description = 'a slow table';
  #environment: Environment = undefined as never;

  open({ environment }: { readonly environment: Environment }): void {
    this.#environment = environment;
  }

  async lookup(key: string): Promise<readonly number[]> {
    await this.#environment.scheduler.delay(this.#environment.random.next() * 50);
    return key === 'x' ? [] : [key.charCodeAt(0)];
  }
}

const job = defineJob({
  name: 'look-ups',
  build(env) {
    env
      .fromSource(collectionSource<string>([]), 'words', WatermarkStrategy.noWatermarks<string>())
      .lookupJoin(new SlowTable(), {
        uid: 'codes',
        schema: string(),
        keySelector: (word) => word[0],
        result: (word, code) => `${word} ${code}`,
        cache: { kind: 'partial', maxRows: 2 },
      })
      .sinkTo(collectSink(), { uid: 'out' });
  },
});

test('in a whole job, through a snapshot with look-ups under way and a restore at another parallelism', async () => {
  for (const parallelism of [1, 2, 3]) {
    const driver = await testJob(job, { parallelism: 2 });
    driver.source('words').push('apple', 'xylophone', 'bear', 'ant', 'cow', 'bee');
    await driver.snapshot();
    await driver.restore({ parallelism });
    driver.source('words').push('dog');
    await driver.finish();
    expect(driver.sink<string>('out').take().toSorted()).toEqual([
      'ant 97',
      'apple 97',
      'bear 98',
      'bee 98',
      'cow 99',
      'dog 100',
    ]);
  }
});

test('a full cache finds keys that the table gives in another type, as a look-up does', async () => {
  const table: LookupTable<string | bigint, string> = {
    description: 'a table with numbers as keys',
    lookup: () => Promise.reject(new Error('not asked')),
    async *scan() {
      yield [7, 'seven'] as unknown as [string, string];
    },
  };
  for (const keySelector of [() => '7', () => 7n]) {
    const harness = await open(table as unknown as Table, {
      cache: { kind: 'full', reloadInterval: '1h' },
      keySelector: keySelector as () => string,
    });
    harness.processElement('a');
    expect(await output(harness)).toEqual(['a=seven']);
  }
});
