import { ExternalError, PreconditionFailedError } from '../../../engine/base/errors.ts';
import type { ObjectEntry, ObjectStorage, PutCondition, StoredObject } from '../../../state/storage/object-storage.ts';

/** Objects in memory, with a switch that makes puts fail. */
export class MemoryStorage implements ObjectStorage {
  readonly description = 'memory';
  readonly objects: Map<string, Uint8Array> = new Map();
  failPuts = false;
  readBytes = 0;

  url(key: string): string {
    return `memory:${key}`;
  }

  async get(key: string): Promise<StoredObject | undefined> {
    const bytes = this.objects.get(key);
    return bytes === undefined ? undefined : { bytes, etag: '1' };
  }

  async getRange(key: string, offset: number, length: number): Promise<Uint8Array> {
    const bytes = this.objects.get(key);
    if (bytes === undefined) throw new ExternalError('NOT_FOUND', `no object ${key}`);
    this.readBytes += length;
    return bytes.slice(offset, offset + length);
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<string> {
    await Promise.resolve();
    if (this.failPuts) throw new ExternalError('STORAGE', `put of ${key} failed`);
    if (condition !== undefined && this.objects.has(key)) throw new PreconditionFailedError(`${key} exists`);
    this.objects.set(key, new Uint8Array(bytes));
    return '1';
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.objects.delete(key);
  }

  async list(prefix: string): Promise<ObjectEntry[]> {
    const found: ObjectEntry[] = [];
    for (const [key, bytes] of this.objects) {
      if (key.startsWith(prefix)) found.push({ key, bytes: bytes.length, modifiedAtMs: 0 });
    }
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}
