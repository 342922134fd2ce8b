import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CheckpointCorruptError } from '../../../engine/base/errors.ts';
import { groupFiles, planFold } from '../../../state/snapshot/fold-plan.ts';
import { MergedRun } from '../../../state/snapshot/merged-run.ts';
import type { PageRun } from '../../../state/snapshot/page-run.ts';
import { StateFileReader } from '../../../state/snapshot/state-file-reader.ts';
import type { StateFile } from '../../../state/snapshot/state-file.ts';
import { writeStateFiles } from '../../../state/snapshot/write-state-files.ts';
import { MemoryStorage } from '../keyed/memory-storage.ts';

interface TestPage {
  readonly keyGroup: number;
  readonly hash: number;
  readonly key: string;
  /** Undefined: a tombstone. Its first byte is the format. */
  readonly page: string | undefined;
}

class ListRun implements PageRun {
  readonly #pages: readonly TestPage[];
  #at = -1;
  buffer: Buffer = Buffer.alloc(0);
  readonly keyOffset = 0;
  readonly format = 0;

  constructor(pages: readonly TestPage[]) {
    this.#pages = pages;
  }

  get #page(): TestPage {
    return this.#pages[this.#at]!;
  }
  get keyGroup(): number {
    return this.#page.keyGroup;
  }
  get hash(): number {
    return this.#page.hash;
  }
  get keyLength(): number {
    return this.#page.key.length;
  }
  get pageOffset(): number {
    return this.#page.key.length;
  }
  get pageLength(): number {
    return this.#page.page?.length ?? 0;
  }

  next(): boolean {
    if (this.#at + 1 >= this.#pages.length) return false;
    this.#at++;
    this.buffer = Buffer.from(this.#page.key + (this.#page.page ?? ''), 'latin1');
    return true;
  }

  async load(): Promise<boolean> {
    return false;
  }
}

async function collect(run: PageRun): Promise<TestPage[]> {
  const pages: TestPage[] = [];
  do {
    while (run.next()) {
      const { keyOffset, keyLength, pageOffset, pageLength } = run;
      pages.push({
        keyGroup: run.keyGroup,
        hash: run.hash,
        key: run.buffer.toString('latin1', keyOffset, keyOffset + keyLength),
        page: pageLength === 0 ? undefined : run.buffer.toString('latin1', pageOffset, pageOffset + pageLength),
      });
    }
  } while (await run.load());
  return pages;
}

const order = (a: TestPage, b: TestPage): number =>
  a.keyGroup - b.keyGroup || (a.hash >>> 0) - (b.hash >>> 0) || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

async function write(
  storage: MemoryStorage,
  pages: readonly TestPage[],
  options: { stem: string; bytesMax?: number },
): Promise<StateFile[]> {
  return writeStateFiles(new ListRun(pages), {
    storage,
    header: { operatorUid: 'tested', maxParallelism: 128, checkpointId: 1, kind: 'delta', formats: [[]] },
    stem: options.stem,
    keyGroupStart: 0,
    keyGroupEnd: 128,
    keepsTombstones: true,
    fileBytesMax: options.bytesMax,
  });
}

const anyPage = fc.record({
  keyGroup: fc.integer({ min: 0, max: 127 }),
  hash: fc.integer(),
  key: fc.string({ minLength: 1, maxLength: 30 }),
  page: fc.option(
    fc.string({ maxLength: 400 }).map((text) => `\u0000\u0000${text}`),
    { nil: undefined },
  ),
});
const anyPages = fc
  .uniqueArray(anyPage, { maxLength: 300, selector: (page) => `${page.keyGroup}/${page.hash}/${page.key}` })
  .map((pages) => pages.sort(order));

test('pages come back as they were written, whatever the file size, and only those of the key groups asked for', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyPages,
      fc.constantFrom(100, 5_000, 64 << 20),
      fc.nat(127),
      fc.nat(127),
      async (pages, bytesMax, a, b) => {
        const storage = new MemoryStorage();
        const files = await write(storage, pages, { stem: 'x', bytesMax });
        expect(files.reduce((sum, file) => sum + file.pageCount, 0)).toBe(pages.length);
        const [start, end] = [Math.min(a, b), Math.max(a, b) + 1];
        for (const [from, to] of [[0, 128] as const, [start, end] as const]) {
          const runs: PageRun[] = [];
          for (const file of files) {
            const narrowed = {
              ...file,
              keyGroupStart: Math.max(file.keyGroupStart, from),
              keyGroupEnd: Math.min(file.keyGroupEnd, to),
            };
            if (narrowed.keyGroupStart < narrowed.keyGroupEnd)
              runs.push((await StateFileReader.open(storage, narrowed)).run([0]));
          }
          expect(await collect(new MergedRun(runs))).toEqual(
            pages.filter(({ keyGroup }) => keyGroup >= from && keyGroup < to),
          );
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('of several runs the last version of a page wins', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyPages, { maxLength: 5 }), async (lists) => {
      const merged = new Map<string, TestPage>();
      for (const list of lists) {
        for (const page of list) merged.set(`${page.keyGroup}/${page.hash}/${page.key}`, page);
      }
      const found = await collect(new MergedRun(lists.map((list) => new ListRun(list))));
      expect(found).toEqual([...merged.values()].sort(order));
    }),
    { numRuns: 100 },
  );
});

const somePages: TestPage[] = Array.from({ length: 3000 }, (_, i) => ({
  keyGroup: Math.floor(i / 30),
  hash: i,
  key: `key-${i}`,
  page: `\u0000\u0000page of ${i}`,
}));

async function readAll(storage: MemoryStorage, file: StateFile): Promise<TestPage[]> {
  return collect((await StateFileReader.open(storage, file)).run([0]));
}

test('a changed byte anywhere is reported with the file and the offset', async () => {
  const storage = new MemoryStorage();
  const [file] = await write(storage, somePages, { stem: 'x' });
  expect(await readAll(storage, file!)).toHaveLength(3000);
  const bytes = storage.objects.get(file!.key)!;
  // Without the checksum of the whole file, as when a part of a large file is read.
  const partly = { ...file!, checksum: -1 };
  await expect(readAll(storage, partly)).rejects.toThrow(CheckpointCorruptError);
  for (let at = 0; at < bytes.length; at += 997) {
    bytes[at]! ^= 0x40;
    await expect(readAll(storage, file!), `offset ${at}`).rejects.toThrow(
      /state file x-000-[0-9a-f]{8}\.state, offset \d+: expected/,
    );
    bytes[at]! ^= 0x40;
  }
});

test('a changed byte of a large file is found by the checksum of its block, header or footer', async () => {
  const storage = new MemoryStorage();
  const large = somePages.map((page) => ({ ...page, page: `\u0000\u0000${'z'.repeat(2000)}` }));
  const [file] = await write(storage, large, { stem: 'x' });
  expect(file!.bytes).toBeGreaterThan(4 << 20);
  expect(await readAll(storage, file!)).toEqual(large);
  const bytes = storage.objects.get(file!.key)!;
  for (const at of [0, 5, 9, 20, 5000, 3_000_000, bytes.length - 200, bytes.length - 10, bytes.length - 1]) {
    bytes[at]! ^= 1;
    await expect(readAll(storage, file!), `offset ${at}`).rejects.toThrow(CheckpointCorruptError);
    bytes[at]! ^= 1;
  }
});

test('a torn or missing file is reported', async () => {
  const storage = new MemoryStorage();
  const [file] = await write(storage, somePages, { stem: 'x' });
  const bytes = storage.objects.get(file!.key)!;
  storage.objects.set(file!.key, bytes.slice(0, bytes.length - 1));
  await expect(readAll(storage, file!)).rejects.toThrow(CheckpointCorruptError);
  storage.objects.delete(file!.key);
  await expect(readAll(storage, file!)).rejects.toThrow(/is missing/);
});

test('reading a few key groups of a large file reads little of it', async () => {
  const storage = new MemoryStorage();
  const large = somePages.map((page) => ({ ...page, page: `\u0000\u0000${'z'.repeat(5000)}` }));
  const [file] = await write(storage, large, { stem: 'x' });
  storage.readBytes = 0;
  const found = await readAll(storage, { ...file!, keyGroupStart: 50, keyGroupEnd: 52 });
  expect(found).toEqual(large.filter(({ keyGroup }) => keyGroup === 50 || keyGroup === 51));
  expect(storage.readBytes).toBeLessThan(file!.bytes / 10);
});

test('folding keeps the number of files and the bytes rewritten low', () => {
  let nextId = 0;
  const file = (bytes: number): StateFile => ({
    key: `${nextId++}-delta-000-00000000.state`,
    bytes,
    checksum: 0,
    kind: 'delta',
    pageCount: 1,
    keyGroupStart: 0,
    keyGroupEnd: 1,
  });
  let files: StateFile[] = [];
  let written = 0;
  let rewritten = 0;
  let filesMax = 0;
  for (let i = 0; i < 2000; i++) {
    files.push(file(100));
    written += 100;
    const groups = groupFiles(files);
    const plan = planFold(groups);
    if (plan !== undefined) {
      const folded = groups.slice(plan.start, plan.end).reduce((sum, group) => sum + group.bytes, 0);
      files = [...files.slice(0, plan.start), file(folded), ...files.slice(plan.end)];
      rewritten += folded;
    }
    filesMax = Math.max(filesMax, files.length);
  }
  expect(filesMax).toBeLessThan(25);
  expect(rewritten / written).toBeLessThan(8);
});

test('parts written together are folded together', () => {
  const part = (stem: string, number: number): StateFile => ({
    key: `${stem}-00${number}-0a0b0c0d.state`,
    bytes: 10,
    checksum: 0,
    kind: 'base',
    pageCount: 1,
    keyGroupStart: 0,
    keyGroupEnd: 1,
  });
  const groups = groupFiles([part('a', 0), part('a', 1), part('b', 0)]);
  expect(groups.map((group) => [group.files.length, group.bytes])).toEqual([
    [2, 20],
    [1, 10],
  ]);
});

test('a file of version 1 is read', async () => {
  const storage = new MemoryStorage();
  const text =
    'VE1TRgEAAABcAAAAmQAhKXsib3BlcmF0b3JVaWQiOiJ0ZXN0ZWQiLCJtYXhQYXJhbGxlbGlzbSI6MTI4LCJjaGVja3BvaW50SWQiOjEsImtpbmQiOiJk' +
    'ZWx0YSIsImZvcm1hdHMiOltbXV19MwAAADDV5+ABAAEABQAAAAUAAABhAABvbmUBAAEA+f///wAAAABiAwABAAkAAAAHAAAAYwAAdGhyZWVsAAAAMwAAAAEA' +
    'AwADAAAAAQAAADAs5EkBAAAAVE1TRg==';
  storage.objects.set('old', Buffer.from(text, 'base64'));
  const file: StateFile = {
    key: 'old',
    bytes: 199,
    checksum: 1359550141,
    kind: 'delta',
    pageCount: 3,
    keyGroupStart: 0,
    keyGroupEnd: 128,
  };
  expect(await readAll(storage, file)).toEqual([
    { keyGroup: 1, hash: 5, key: 'a', page: '\0\0one' },
    { keyGroup: 1, hash: -7, key: 'b', page: undefined },
    { keyGroup: 3, hash: 9, key: 'c', page: '\0\0three' },
  ]);
  const reader = await StateFileReader.open(storage, file);
  expect(reader.mayHave(12345)).toBe(true);
  expect(reader.blocks.ofHash(3, 9)).toEqual({ start: 0, end: 1 });
  expect(reader.blocks.ofHash(4, 9)).toEqual({ start: 1, end: 1 });
  expect(reader.blocks.firstEventTimerMs(0)).toBe(-Infinity);
});

test('every page is in the blocks that a look-up of its hash reads, and few others are', async () => {
  const property = fc.asyncProperty(anyPages, fc.integer({ min: -50, max: 50 }), async (pages, hash) => {
    const storage = new MemoryStorage();
    const long = pages.map((page) => ({ ...page, page: page.page && page.page + 'y'.repeat(3000) }));
    for (const file of await write(storage, long, { stem: 'x' })) {
      const reader = await StateFileReader.open(storage, file);
      for (const page of long) {
        expect(reader.mayHave(page.hash)).toBe(true);
        const { start, end } = reader.blocks.ofHash(page.keyGroup, page.hash);
        const found = await collect(reader.blockRun(start, end, [0]));
        expect(found).toContainEqual(page);
        expect(end - start).toBeLessThanOrEqual(4);
      }
      const { start, end } = reader.blocks.ofHash(64, hash);
      expect(end).toBeGreaterThanOrEqual(start);
    }
  });
  await fc.assert(property, { numRuns: 10 });
});
