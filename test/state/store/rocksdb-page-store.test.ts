import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openRocksDbPageStore } from '../../../state/store/rocksdb-page-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-rocksdb-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the folder is emptied at open and gone after close', async () => {
  const directory = join(folder, 'used before');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'CURRENT'), 'of another run');
  const store = await openRocksDbPageStore({ directory });
  await store.write([{ key: Buffer.from('a'), value: Buffer.from('1') }]);
  expect((await store.getMany([Buffer.from('a')])).length).toBe(1);
  await store.close();
  expect(existsSync(directory)).toBe(false);
});

test('a folder that cannot be made is reported with its path', async () => {
  const file = join(folder, 'a file');
  writeFileSync(file, '');
  const opening = openRocksDbPageStore({ directory: join(file, 'below') });
  await expect(opening).rejects.toMatchObject({ code: 'STORAGE', message: expect.stringContaining('below') });
});
