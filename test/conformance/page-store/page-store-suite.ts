import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PageEntry, PageStore, PageWrite } from '../../../state/store/page-store.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString('latin1');
const put = (key: string, value: string | undefined): PageWrite => ({
  key: bytes(key),
  value: value === undefined ? undefined : bytes(value),
});

async function collect(entries: AsyncIterable<PageEntry>): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for await (const { key, value } of entries) found.push([text(key)!, text(value)!]);
  return found;
}

/**
 * What every `PageStore` must do. An implementation calls it from a test file of its own.
 *
 * @param open a new, empty store.
 */
export function pageStoreSuite(open: () => PageStore | Promise<PageStore>): void {
  async function withStore(use: (store: PageStore) => Promise<void>): Promise<void> {
    const store = await open();
    try {
      await use(store);
    } finally {
      await store.close();
    }
  }

  test('a value put is got; a missing one is undefined, in the order of the keys', () =>
    withStore(async (store) => {
      await store.write([put('a', '1'), put('b', '2')]);
      const values = await store.getMany([bytes('b'), bytes('c'), bytes('a'), bytes('b')]);
      expect(values.map(text)).toEqual(['2', undefined, '1', '2']);
      expect(await store.getMany([])).toEqual([]);
    }));

  test('the last write of a key in a batch counts', () =>
    withStore(async (store) => {
      await store.write([
        put('a', '1'),
        put('a', '2'),
        put('b', '1'),
        put('b', undefined),
        put('c', undefined),
        put('c', '3'),
      ]);
      expect((await store.getMany(['a', 'b', 'c'].map(bytes))).map(text)).toEqual(['2', undefined, '3']);
      await store.write([]);
      await store.write([put('a', undefined), put('never there', undefined)]);
      expect(await store.getMany([bytes('a')])).toEqual([undefined]);
    }));

  test('a write is seen by reads made before its promise resolves', () =>
    withStore(async (store) => {
      const written = store.write([put('a', '1')]);
      const got = store.getMany([bytes('a')]);
      const overwritten = store.write([put('a', '2')]);
      const blocking = store.getManyBlocking([bytes('a')]);
      const iterated = collect(store.iterate(bytes('a'), bytes('b')));
      expect((await got).map(text)).toEqual(['1']);
      expect(blocking.map(text)).toEqual(['2']);
      expect(await iterated).toEqual([['a', '2']]);
      await Promise.all([written, overwritten]);
    }));

  test('the bytes handed to write and getMany may be reused at once', () =>
    withStore(async (store) => {
      const key = bytes('key1');
      const value = bytes('value1');
      const written = store.write([{ key, value }]);
      key.fill(120);
      value.fill(121);
      await written;
      const asked = bytes('key1');
      const got = store.getMany([asked]);
      asked.fill(122);
      expect((await got).map(text)).toEqual(['value1']);
    }));

  test('the bytes got belong to the caller', () =>
    withStore(async (store) => {
      await store.write([put('a', 'value')]);
      (await store.getMany([bytes('a')]))[0]!.fill(0);
      store.getManyBlocking([bytes('a')])[0]!.fill(0);
      expect((await store.getMany([bytes('a')])).map(text)).toEqual(['value']);
    }));

  test('empty values are values, and large ones come back whole', () =>
    withStore(async (store) => {
      const large = new Uint8Array(1 << 20).map((_, i) => (i * 31) & 0xff);
      await store.write([{ key: bytes('large'), value: large }, put('empty', '')]);
      const [first, second] = await store.getMany([bytes('large'), bytes('empty')]);
      expect(Buffer.compare(first!, large)).toBe(0);
      expect(second).toHaveLength(0);
      expect(store.getManyBlocking([bytes('empty')])[0]).toHaveLength(0);
    }));

  test('iteration goes over [start, end) by unsigned bytes', () =>
    withStore(async (store) => {
      const keys = ['a', 'ab', 'a\u0000', 'b', '\u00ff', '\u0080', '\u007f', 'a\u00ff'];
      await store.write(keys.map((key) => put(key, key)));
      const all = await collect(store.iterate(bytes('\u0000'), bytes('\u00ff\u0000')));
      expect(all.map(([key]) => key)).toEqual(['a', 'a\u0000', 'ab', 'a\u00ff', 'b', '\u007f', '\u0080', '\u00ff']);
      expect((await collect(store.iterate(bytes('a\u0000'), bytes('b')))).map(([key]) => key)).toEqual([
        'a\u0000',
        'ab',
        'a\u00ff',
      ]);
      expect(await collect(store.iterate(bytes('c'), bytes('c')))).toEqual([]);
    }));

  test('iteration over thousands of entries misses and repeats none', () =>
    withStore(async (store) => {
      const keys = Array.from({ length: 3500 }, (_, i) => `k${String(i).padStart(5, '0')}`);
      await store.write(keys.map((key) => put(key, `v${key}`)));
      expect((await collect(store.iterate(bytes('k'), bytes('l')))).map(([key]) => key)).toEqual(keys);
    }));

  test('an iteration may be left early', () =>
    withStore(async (store) => {
      await store.write([put('a', '1'), put('b', '2'), put('c', '3')]);
      for await (const { key } of store.iterate(bytes('a'), bytes('z'))) {
        expect(text(key)).toBe('a');
        break;
      }
      expect((await store.getMany([bytes('c')])).map(text)).toEqual(['3']);
    }));

  test('deleteRange removes [start, end) and nothing else', () =>
    withStore(async (store) => {
      await store.write(['a', 'b', 'bb', 'c', 'd'].map((key) => put(key, key)));
      const deleted = store.deleteRange(bytes('b'), bytes('d'));
      const after = store.write([put('c', 'again')]);
      expect((await store.getMany(['a', 'b', 'bb', 'c', 'd'].map(bytes))).map(text)).toEqual([
        'a',
        undefined,
        undefined,
        'again',
        'd',
      ]);
      await Promise.all([deleted, after]);
    }));

  test('blocking reads mix with asynchronous ones', () =>
    withStore(async (store) => {
      const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
      const pending: Promise<unknown>[] = [];
      for (const key of keys) {
        pending.push(store.write([put(key, key)]));
        pending.push(store.getMany([bytes(key)]).then((values) => expect(values.map(text)).toEqual([key])));
        expect(store.getManyBlocking([bytes(key), bytes('none')]).map(text)).toEqual([key, undefined]);
      }
      await Promise.all(pending);
    }));

  test('after close every use is refused with STATE_CLOSED; closing twice is fine', async () => {
    const store = await open();
    await store.write([put('a', '1')]);
    await store.close();
    await store.close();
    const closed = expect.objectContaining({ code: 'STATE_CLOSED' });
    await expect(store.getMany([bytes('a')])).rejects.toEqual(closed);
    await expect(store.write([put('a', '1')])).rejects.toEqual(closed);
    await expect(store.write([])).rejects.toEqual(closed);
    await expect(store.deleteRange(bytes('a'), bytes('b'))).rejects.toEqual(closed);
    await expect(collect(store.iterate(bytes('a'), bytes('b')))).rejects.toEqual(closed);
    expect(() => store.getManyBlocking([bytes('a')])).toThrow(closed);
    expect(() => store.rangeBlocking(bytes('a'), bytes('b'), 1)).toThrow(closed);
  });

  test('close waits for writes under way', async () => {
    const store = await open();
    const written = store.write(Array.from({ length: 1000 }, (_, i) => put(`k${i}`, 'x'.repeat(100))));
    await Promise.all([written, store.close()]);
  });

  test('memoryBytes is a number that is not negative', () =>
    withStore(async (store) => {
      await store.write([put('a', '1')]);
      expect(store.memoryBytes()).toBeGreaterThanOrEqual(0);
    }));

  const key = fc.string({ unit: fc.constantFrom('a', 'b', '\u0000', '\u00ff'), maxLength: 4 });
  const value = fc.option(fc.string({ maxLength: 20 }), { nil: undefined });
  const step = fc.oneof(
    fc.record({ do: fc.constant('write' as const), batch: fc.array(fc.tuple(key, value), { maxLength: 20 }) }),
    fc.record({ do: fc.constant('get' as const), isBlocking: fc.boolean(), keys: fc.array(key, { maxLength: 10 }) }),
    fc.record({ do: fc.constant('iterate' as const), start: key, end: key }),
    fc.record({ do: fc.constant('range' as const), start: key, end: key, limit: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ do: fc.constant('deleteRange' as const), start: key, end: key }),
  );

  test('any sequence of operations does what a sorted map does', () =>
    withStore(async (store) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          await store.deleteRange(bytes(''), bytes('\u00ff'.repeat(8)));
          const model = new Map<string, string>();
          const inRange = (start: string, end: string): [string, string][] =>
            [...model].filter(([k]) => k >= start && k < end).sort(([a], [b]) => (a < b ? -1 : 1));
          for (const one of steps) {
            if (one.do === 'iterate') {
              const found = await collect(store.iterate(bytes(`k${one.start}`), bytes(`k${one.end}`)));
              expect(found).toEqual(inRange(`k${one.start}`, `k${one.end}`));
            } else if (one.do === 'range') {
              const found = store.rangeBlocking(bytes(`k${one.start}`), bytes(`k${one.end}`), one.limit);
              expect(found.map(({ key: k, value: v }) => [text(k), text(v)])).toEqual(
                inRange(`k${one.start}`, `k${one.end}`).slice(0, one.limit),
              );
            } else if (one.do === 'write') {
              void store.write(one.batch.map(([k, v]) => put(`k${k}`, v)));
              for (const [k, v] of one.batch) {
                if (v === undefined) model.delete(`k${k}`);
                else model.set(`k${k}`, v);
              }
            } else if (one.do === 'get') {
              const keys = one.keys.map((k) => bytes(`k${k}`));
              const got = one.isBlocking ? store.getManyBlocking(keys) : await store.getMany(keys);
              expect(got.map(text)).toEqual(one.keys.map((k) => model.get(`k${k}`)));
            } else if (one.do === 'deleteRange' && one.start < one.end) {
              void store.deleteRange(bytes(`k${one.start}`), bytes(`k${one.end}`));
              for (const [k] of inRange(`k${one.start}`, `k${one.end}`)) model.delete(k);
            }
          }
        }),
        { numRuns: 40 },
      );
    }));
}
