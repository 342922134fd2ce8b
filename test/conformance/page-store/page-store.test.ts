import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { HeapPageStore } from '../../../state/store/heap-page-store.ts';
import { openRocksDbPageStore } from '../../../state/store/rocksdb-page-store.ts';
import { pageStoreSuite } from './page-store-suite.ts';

const root = mkdtempSync(join(tmpdir(), 'tidemark-page-store-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folderCount = 0;

describe('heap', () => {
  pageStoreSuite(() => new HeapPageStore());
});
describe('rocksdb', () => {
  pageStoreSuite(() => openRocksDbPageStore({ directory: join(root, String(folderCount++)) }));
});
