import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createNodeEnvironment } from '../../../engine/base/environment-node.ts';
import { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import { ExternalError, PreconditionFailedError } from '../../../engine/base/errors.ts';
import type { FileSystem } from '../../../engine/base/file-system.ts';
import { MemoryFileSystem } from '../../../engine/base/file-system-memory.ts';
import { DirectoryStorage } from '../../../state/storage/directory-storage.ts';
import { objectStorageSuite } from '../../conformance/object-storage/object-storage-suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidemark-storage-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rootByStorage = new WeakMap<object, string>();
let rootCount = 0;
const environment = createNodeEnvironment();

objectStorageSuite('directory on disk', {
  create: async () => {
    const root = join(folder, String(rootCount++));
    const storage = new DirectoryStorage(environment, root);
    rootByStorage.set(storage, root);
    return storage;
  },
  reopen: async (storage) => new DirectoryStorage(createNodeEnvironment(), rootByStorage.get(storage)!),
});

const virtual = new VirtualEnvironment();

objectStorageSuite('directory in memory', {
  create: async () => {
    const root = `memory/${rootCount++}`;
    const storage = new DirectoryStorage(virtual, root);
    rootByStorage.set(storage, root);
    return storage;
  },
  reopen: async (storage) => new DirectoryStorage(virtual, rootByStorage.get(storage)!),
});

/** Files whose operations stop working after a number of changes, as those of a killed process do. */
class DyingFiles implements FileSystem {
  readonly #files: FileSystem;
  #changesLeft: number;

  constructor(files: FileSystem, changesLeft: number) {
    this.#files = files;
    this.#changesLeft = changesLeft;
  }

  get isDead(): boolean {
    return this.#changesLeft < 0;
  }

  #change<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#changesLeft-- <= 0) return Promise.reject(new ExternalError('STORAGE', 'killed', { retryable: false }));
    return operation();
  }

  read = (path: string): Promise<Uint8Array> => this.#files.read(path);
  readRange = (path: string, offset: number, length: number): Promise<Uint8Array> =>
    this.#files.readRange(path, offset, length);
  list = (path: string): ReturnType<FileSystem['list']> => this.#files.list(path);
  stat = (path: string): ReturnType<FileSystem['stat']> => this.#files.stat(path);
  write = async (path: string, bytes: Uint8Array): Promise<void> => {
    // A killed writer leaves a part of the file.
    if (this.#changesLeft === 0) await this.#files.write(path, bytes.subarray(0, bytes.length >> 1));
    return this.#change(() => this.#files.write(path, bytes));
  };
  rename = (from: string, to: string): Promise<void> => this.#change(() => this.#files.rename(from, to));
  linkIfAbsent = (from: string, to: string): Promise<boolean> => this.#change(() => this.#files.linkIfAbsent(from, to));
  remove = (path: string): Promise<void> => this.#change(() => this.#files.remove(path));
  removeTree = (path: string): Promise<void> => this.#change(() => this.#files.removeTree(path));
  makeDirectory = (path: string): Promise<void> => this.#change(() => this.#files.makeDirectory(path));
}

describe('a writer that is killed', () => {
  test('at any step of a chain of puts leaves every object whole and open to the next writer', async () => {
    for (let steps = 0; steps < 60; steps++) {
      const files = new MemoryFileSystem();
      const dying = new DyingFiles(files, steps);
      const doomed = new DirectoryStorage({ ...environment, files: dying }, 'root');
      const attempt = async (): Promise<void> => {
        await doomed.put('plain', Buffer.from('plain 1'));
        await doomed.put('plain', Buffer.from('plain 2'));
        let etag = await doomed.put('latest', Buffer.from('swap 0'), { ifAbsent: true });
        for (let i = 1; i <= 3; i++) etag = await doomed.put('latest', Buffer.from(`swap ${i}`), { ifMatch: etag });
        await doomed.delete(['latest']);
      };
      await attempt().catch(() => {});

      const next = new DirectoryStorage({ ...environment, files }, 'root');
      const plain = await next.get('plain');
      expect([undefined, 'plain 1', 'plain 2']).toContain(plain && Buffer.from(plain.bytes).toString());
      await next.put('plain', Buffer.from('plain 3'));
      const latest = await next.get('latest');
      expect([undefined, 'swap 0', 'swap 1', 'swap 2', 'swap 3']).toContain(
        latest && Buffer.from(latest.bytes).toString(),
      );
      if (latest === undefined) await next.put('latest', Buffer.from('again'), { ifAbsent: true });
      else await next.put('latest', Buffer.from('again'), { ifMatch: latest.etag });
      expect(Buffer.from((await next.get('latest'))!.bytes).toString()).toBe('again');
      expect((await next.list('')).map((entry) => entry.key)).toEqual(['latest', 'plain']);
    }
  });
});

test('a swapped object stays readable as a plain file', async () => {
  const root = join(folder, 'plain-copy');
  const storage = new DirectoryStorage(environment, root);
  let etag = await storage.put('job/latest', Buffer.from('0'), { ifAbsent: true });
  for (let i = 1; i < 30; i++) etag = await storage.put('job/latest', Buffer.from(String(i)), { ifMatch: etag });
  expect(readFileSync(storage.url('job/latest'), 'utf8')).toBe('29');
  expect((await environment.files.list(join(root, '.tidemark/generations'))).length).toBeLessThan(12);
});

test('a writer that slept through many swaps cannot come back with a number that has been cleaned up', async () => {
  const files = new MemoryFileSystem();
  const storage = new DirectoryStorage({ ...environment, files }, 'root');
  let etag = await storage.put('latest', Buffer.from('0'), { ifAbsent: true });
  etag = await storage.put('latest', Buffer.from('1'), { ifMatch: etag });
  // The sleeper has read version 1; before it links its file, twenty others swap.
  let isAsleep = true;
  const sleeper = new DirectoryStorage(
    {
      ...environment,
      files: Object.assign(new DyingFiles(files, Infinity), {
        linkIfAbsent: async (from: string, to: string) => {
          if (isAsleep) {
            isAsleep = false;
            for (let i = 2; i < 22; i++) etag = await storage.put('latest', Buffer.from(String(i)), { ifMatch: etag });
          }
          return files.linkIfAbsent(from, to);
        },
      }),
    },
    'root',
  );
  await expect(sleeper.put('latest', Buffer.from('zombie'), { ifMatch: etag })).rejects.toThrow(
    PreconditionFailedError,
  );
  expect(Buffer.from((await storage.get('latest'))!.bytes).toString()).toBe('21');
  await storage.put('latest', Buffer.from('next'), { ifMatch: etag });
});

test('what a killed writer left behind is removed a day later', async () => {
  const files = new MemoryFileSystem(() => 0);
  await files.write('root/.tidemark/temporary/left', Buffer.from('x'));
  await new DirectoryStorage(new VirtualEnvironment({ files }), 'root').put('a', Buffer.from('1'));
  expect((await files.list('root')).map((entry) => entry.path)).toEqual(['a']);
});

test('a key that leaves the directory is refused', async () => {
  const storage = new DirectoryStorage(virtual, 'root');
  for (const key of ['../a', '/a', 'a//b', '', 'a/', '.tidemark/a']) {
    await expect(storage.put(key, Buffer.from('x'))).rejects.toThrow('object key');
  }
});
