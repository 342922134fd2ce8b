import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../engine/base/random.ts';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import type { PageStore } from '../../../state/store/page-store.ts';
import { openRocksDbPageStore } from '../../../state/store/rocksdb-page-store.ts';

/* The suite that every page store passes. */
const root = mkdtempSync(join(tmpdir(), 'tidemark-page-store-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folderCount = 0;

const stores: readonly [string, () => Promise<PageStore>][] = [
  ['heap', async () => new HeapPageStore()],
  ['rocksdb', () => openRocksDbPageStore({ directory: join(root, String(folderCount++)) })],
];

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const texts = (values: readonly (Uint8Array | undefined)[]): (string | undefined)[] =>
  values.map((value) => (value === undefined ? undefined : Buffer.from(value).toString('latin1')));

async function scan(store: PageStore, start: string, end: string): Promise<[string, string][]> {
  const entries: [string, string][] = [];
  for await (const { key, value } of store.iterate(bytes(start), bytes(end))) {
    entries.push([Buffer.from(key).toString('latin1'), Buffer.from(value).toString('latin1')]);
  }
  return entries;
}

for (const [name, open] of stores) {
  describe(name, () => {
    test('returns values in the order of the keys asked for, and nothing for unknown ones', async () => {
      const store = await open();
      await store.write([
        { key: bytes('a'), value: bytes('1') },
        { key: bytes('b'), value: bytes('') },
        { key: bytes('a'), value: bytes('2') },
      ]);
      expect(texts(await store.getMany([bytes('b'), bytes('x'), bytes('a'), bytes('a')]))).toEqual([
        '',
        undefined,
        '2',
        '2',
      ]);
      expect(await store.getMany([])).toEqual([]);
      await store.close();
    });

    test('a read sees writes issued before it, also before they have resolved', async () => {
      const store = await open();
      const write = store.write([{ key: bytes('k'), value: bytes('v') }]);
      expect(texts(store.getManyBlocking([bytes('k'), bytes('none')]))).toEqual(['v', undefined]);
      const read = store.getMany([bytes('k')]);
      void store.write([{ key: bytes('k'), value: undefined }]);
      expect(texts(store.getManyBlocking([bytes('k')]))).toEqual([undefined]);
      await write;
      expect(texts(await read)).toEqual(['v']);
      await store.close();
    });

    test('the bytes handed over may be reused, and those handed out are the caller’s', async () => {
      const store = await open();
      const key = Buffer.from('key');
      const value = Buffer.from('value');
      const write = store.write([{ key, value }]);
      key.fill(0);
      value.fill(0);
      await write;
      const [first] = await store.getMany([bytes('key')]);
      first!.fill(0);
      expect(texts(await store.getMany([bytes('key')]))).toEqual(['value']);
      await store.close();
    });

    test('iterates a half-open range in the order of unsigned bytes', async () => {
      const store = await open();
      const keys = ['\u0001', '\u007f', '\u0080', '\u00ff', 'a', 'aa', 'b'];
      await store.write(keys.map((key) => ({ key: bytes(key), value: bytes(key) })));
      expect((await scan(store, '', '\u00ff\u00ff')).map(([key]) => key)).toEqual(keys.toSorted());
      expect((await scan(store, 'a', 'b')).map(([key]) => key)).toEqual(['a', 'aa']);
      expect(await scan(store, 'c', 'd')).toEqual([]);
      await store.close();
    });

    test('deletes a half-open range', async () => {
      const store = await open();
      await store.write(['a', 'b', 'c', 'd'].map((key) => ({ key: bytes(key), value: bytes(key) })));
      await store.deleteRange(bytes('b'), bytes('d'));
      expect((await scan(store, '', 'z')).map(([key]) => key)).toEqual(['a', 'd']);
      await store.close();
    });

    test('holds large values, and more entries than one step of an iteration', async () => {
      const store = await open();
      const large = Buffer.alloc(1_000_000, 'x');
      await store.write([{ key: bytes('large'), value: large }]);
      expect(Buffer.from((await store.getMany([bytes('large')]))[0]!).equals(large)).toBe(true);
      const keys = Array.from({ length: 2500 }, (_, i) => `n${String(i).padStart(5, '0')}`);
      await store.write(keys.map((key) => ({ key: bytes(key), value: bytes(key) })));
      expect((await scan(store, 'n', 'o')).map(([key]) => key)).toEqual(keys);
      await store.close();
    });

    test('refuses use after it is closed', async () => {
      const store = await open();
      await store.close();
      await expect(store.getMany([bytes('a')])).rejects.toThrow('closed');
      expect(() => store.getManyBlocking([bytes('a')])).toThrow('closed');
    });

    test('behaves as a map does under random operations', async () => {
      const store = await open();
      const model = new Map<string, string>();
      const random = new SeededRandom(7);
      const key = (): string => `k${random.below(60)}`;
      for (let step = 0; step < 300; step++) {
        const choice = random.below(10);
        if (choice < 6) {
          const batch = Array.from(
            { length: random.below(8) },
            () => [key(), random.below(4) === 0 ? undefined : String(step)] as const,
          );
          for (const [name, value] of batch) {
            if (value === undefined) model.delete(name);
            else model.set(name, value);
          }
          void store.write(
            batch.map(([name, value]) => ({ key: bytes(name), value: value === undefined ? undefined : bytes(value) })),
          );
        } else if (choice < 7) {
          const [from, to] = [key(), key()].toSorted() as [string, string];
          for (const name of [...model.keys()]) if (name >= from && name < to) model.delete(name);
          void store.deleteRange(bytes(from), bytes(to));
        } else {
          const names = Array.from({ length: random.below(5) }, key);
          const expected = names.map((name) => model.get(name));
          const found = choice < 9 ? store.getManyBlocking(names.map(bytes)) : await store.getMany(names.map(bytes));
          expect(texts(found)).toEqual(expected);
        }
      }
      expect(await scan(store, '', 'z')).toEqual([...model].toSorted(([a], [b]) => (a < b ? -1 : 1)));
      await store.close();
    });
  });
}
