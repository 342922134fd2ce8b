import { describe, expect, test } from 'vitest';
import { ExternalError, PreconditionFailedError } from '../../../engine/base/errors.ts';
import type { ObjectStorage } from '../../../state/storage/object-storage.ts';

export interface ObjectStorageSuiteOptions {
  /** An empty storage; each test gets one of its own. */
  create(): Promise<ObjectStorage>;
  /** Another client of the same objects, as another process would open it. */
  reopen(storage: ObjectStorage): Promise<ObjectStorage>;
  /** How many writers race. Default 50. */
  readonly writerCount?: number | undefined;
}

/** What every `ObjectStorage` must keep. Run it on an implementation of your own as it is run on ours. */
export function objectStorageSuite(name: string, options: ObjectStorageSuiteOptions): void {
  const writerCount = options.writerCount ?? 50;

  describe(`object storage: ${name}`, () => {
    test('an object is read as it was put, whole and in ranges', async () => {
      const storage = await options.create();
      await storage.put('folder/object', text('0123456789'));
      expect(await read(storage, 'folder/object')).toBe('0123456789');
      expect(decode(await storage.getRange('folder/object', 2, 3))).toBe('234');
      expect(decode(await storage.getRange('folder/object', 8, 10))).toBe('89');
      expect(decode(await storage.getRange('folder/object', 10, 5))).toBe('');
      expect(decode(await storage.getRange('folder/object', 3, 0))).toBe('');
      expect((await storage.list('')).map((entry) => [entry.key, entry.bytes])).toEqual([['folder/object', 10]]);
      expect(storage.url('folder/object')).toContain('folder/object');
    });

    test('an object that is a file is read piece by piece, now or later', async () => {
      const storage = await options.create();
      await storage.put('object', text('0123456789'));
      const file = await storage.openFile?.('object');
      if (file !== undefined) {
        const buffer = Buffer.from('..........');
        expect(file.readNow(buffer, 1, 3, 2)).toBe(3);
        expect(await file.read(buffer, 5, 5, 8)).toBe(2);
        expect(file.readNow(buffer, 0, 9, 10)).toBe(0);
        expect(decode(buffer)).toBe('.234.89...');
        await file.close();
        await expect(storage.openFile!('missing')).rejects.toMatchObject({ code: 'NOT_FOUND' });
      }
      // The file beside a log of swaps is not the object.
      await storage.put('swapped', text('1'), { ifAbsent: true });
      const { etag } = (await storage.get('swapped'))!;
      await storage.put('swapped', text('2'), { ifMatch: etag });
      expect(await storage.openFile?.('swapped')).toBeUndefined();
    });

    test('an empty object exists', async () => {
      const storage = await options.create();
      await storage.put('empty', text(''));
      expect((await storage.get('empty'))?.bytes.length).toBe(0);
      expect((await storage.list('')).map((entry) => entry.key)).toEqual(['empty']);
    });

    test('a missing object is undefined to get, an error to getRange and nothing to delete', async () => {
      const storage = await options.create();
      expect(await storage.get('nowhere/missing')).toBeUndefined();
      const error = await storage.getRange('nowhere/missing', 0, 1).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(ExternalError);
      expect((error as ExternalError).code).toBe('NOT_FOUND');
      await storage.delete(['nowhere/missing', 'other']);
      expect(await storage.list('')).toEqual([]);
    });

    test('a put replaces the object, and the etag tells versions apart', async () => {
      const storage = await options.create();
      const first = await storage.put('object', text('first'));
      expect((await storage.get('object'))?.etag).toBe(first);
      const second = await storage.put('object', text('second'));
      expect(second).not.toBe(first);
      expect(await read(storage, 'object')).toBe('second');
      expect((await storage.get('object'))?.etag).toBe(second);
      const other = await options.reopen(storage);
      expect((await other.get('object'))?.etag).toBe(second);
    });

    test('if-absent creates once', async () => {
      const storage = await options.create();
      await storage.put('a/object', text('first'), { ifAbsent: true });
      await expect(storage.put('a/object', text('second'), { ifAbsent: true })).rejects.toThrow(
        PreconditionFailedError,
      );
      expect(await read(storage, 'a/object')).toBe('first');
    });

    test(`of ${writerCount} concurrent if-absent puts exactly one wins`, async () => {
      const storage = await options.create();
      for (let round = 0; round < 3; round++) {
        const key = `round-${round}`;
        const results = await Promise.allSettled(
          Array.from({ length: writerCount }, (_, i) => storage.put(key, text(`writer ${i}`), { ifAbsent: true })),
        );
        const winners = results.flatMap((result, i) => (result.status === 'fulfilled' ? [`writer ${i}`] : []));
        expect(winners).toEqual([await read(storage, key)]);
        for (const result of results)
          if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(PreconditionFailedError);
      }
    });

    test('if-match replaces only the version it names', async () => {
      const storage = await options.create();
      const first = await storage.put('latest', text('1'), { ifAbsent: true });
      const second = await storage.put('latest', text('2'), { ifMatch: first });
      await expect(storage.put('latest', text('3'), { ifMatch: first })).rejects.toThrow(PreconditionFailedError);
      await expect(storage.put('missing', text('3'), { ifMatch: first })).rejects.toThrow(PreconditionFailedError);
      expect(await read(storage, 'latest')).toBe('2');
      expect((await storage.get('latest'))?.etag).toBe(second);
      await expect(storage.put('latest', text('4'), { ifAbsent: true })).rejects.toThrow(PreconditionFailedError);
      expect((await storage.list('')).map((entry) => [entry.key, entry.bytes])).toEqual([['latest', 1]]);
      expect(decode(await storage.getRange('latest', 0, 9))).toBe('2');
    });

    test('a chain of swaps by many clients loses no increment', async () => {
      const storage = await options.create();
      const clients = await Promise.all(Array.from({ length: 4 }, () => options.reopen(storage)));
      await storage.put('counter', text('0'), { ifAbsent: true });
      const increment = async (client: ObjectStorage): Promise<void> => {
        for (;;) {
          const current = (await client.get('counter'))!;
          const next = text(String(Number(decode(current.bytes)) + 1));
          try {
            await client.put('counter', next, { ifMatch: current.etag });
            return;
          } catch (error) {
            if (!(error instanceof PreconditionFailedError)) throw error;
          }
        }
      };
      await Promise.all(
        clients.map(async (client) => {
          for (let i = 0; i < 5; i++) await increment(client);
        }),
      );
      expect(await read(storage, 'counter')).toBe('20');
    });

    test('a deleted object is gone, can be created again, and is not swapped by who knew the old one', async () => {
      const storage = await options.create();
      let etag = await storage.put('latest', text('1'), { ifAbsent: true });
      etag = await storage.put('latest', text('2'), { ifMatch: etag });
      await storage.delete(['latest']);
      expect(await storage.get('latest')).toBeUndefined();
      expect(await storage.list('')).toEqual([]);
      await expect(storage.put('latest', text('3'), { ifMatch: etag })).rejects.toThrow(PreconditionFailedError);
      await storage.put('latest', text('again'), { ifAbsent: true });
      expect(await read(storage, 'latest')).toBe('again');
      await storage.put('latest', text('always'));
      expect(await read(storage, 'latest')).toBe('always');
      expect((await storage.list('la')).map((entry) => entry.key)).toEqual(['latest']);
    });

    test('list gives the keys of a prefix in order, whether or not it ends a folder', async () => {
      const storage = await options.create();
      const keys = ['a/1', 'a/10', 'a/2', 'a/b/1', 'a-b/1', 'ab/1', 'b/1', 'a/Z'];
      for (const key of keys) await storage.put(key, text(key));
      const listed = async (prefix: string): Promise<string[]> =>
        (await storage.list(prefix)).map((entry) => entry.key);
      expect(await listed('')).toEqual([...keys].sort());
      expect(await listed('a/')).toEqual(['a/1', 'a/10', 'a/2', 'a/Z', 'a/b/1']);
      expect(await listed('a/1')).toEqual(['a/1', 'a/10']);
      expect(await listed('a')).toEqual(keys.filter((key) => key.startsWith('a')).sort());
      expect(await listed('none')).toEqual([]);
    });

    test('keys may hold spaces, signs and any letters', async () => {
      const storage = await options.create();
      const keys = ['über/größe.txt', '日本/語', 'a b/c=d&e+f', 'emoji-\u{1f600}', 'percent%20'];
      for (const key of keys) await storage.put(key, text(key));
      for (const key of keys) expect(await read(storage, key)).toBe(key);
      const inByteOrder = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect((await storage.list('')).map((entry) => entry.key)).toEqual(inByteOrder);
      await storage.delete(keys);
      expect(await storage.list('')).toEqual([]);
    });

    test('an object of 20 MB comes back byte for byte', async () => {
      const storage = await options.create();
      const bytes = Buffer.alloc(20 * 1024 * 1024);
      for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE((i * 2654435761) >>> 0, i);
      await storage.put('big', bytes);
      const read20 = (await storage.get('big'))!.bytes;
      expect(Buffer.compare(read20, bytes)).toBe(0);
      expect(
        Buffer.compare(await storage.getRange('big', 15_000_000, 4096), bytes.subarray(15_000_000, 15_004_096)),
      ).toBe(0);
    });

    test('a reader never sees a part of a put', async () => {
      const storage = await options.create();
      const versions = ['a', 'b', 'c'].map((letter) => letter.repeat(100_000));
      await storage.put('object', text(versions[0]!));
      let isDone = false;
      const writing = (async () => {
        for (let i = 0; i < 12; i++) await storage.put('object', text(versions[i % 3]!));
        isDone = true;
      })();
      while (!isDone) expect(versions).toContain(await read(storage, 'object'));
      await writing;
    });
  });
}

function text(value: string): Uint8Array {
  return Buffer.from(value);
}

function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

async function read(storage: ObjectStorage, key: string): Promise<string | undefined> {
  const object = await storage.get(key);
  return object === undefined ? undefined : decode(object.bytes);
}
