import { hash } from 'node:crypto';
import * as nodePath from 'node:path';
import type { Environment } from '../../engine/base/environment.ts';
import { ExternalError, PreconditionFailedError } from '../../engine/base/errors.ts';
import type { FileEntry, FileSystem, OpenFile } from '../../engine/base/file-system.ts';
import { GenerationLog, type Generation } from './generation-log.ts';
import type { ObjectEntry, ObjectStorage, PutCondition, StoredObject } from './object-storage.ts';
import { checkKey, compareKeys, RESERVED_FOLDER } from './storage-key.ts';

/** Temporary files of writers that died are removed after this time. */
const LEFTOVER_MS = 24 * 60 * 60 * 1000;

/**
 * Objects as plain files below a directory, which other programs can read as they are.
 *
 * A put writes a temporary file, makes it durable and gives it its name: by `rename`, or by `link` when the object must
 * not exist. An object that has ever been swapped with `ifMatch` has a log of generations (`GenerationLog`), which then
 * holds its truth; the plain file is refreshed for people's eyes. Both are safe against other processes and against the
 * death of a writer at any point. Do not mix unconditional puts with swaps of one key: their order is not defined.
 */
export class DirectoryStorage implements ObjectStorage {
  readonly description: string;
  readonly #root: string;
  readonly #files: FileSystem;
  readonly #environment: Environment;
  readonly #generations: GenerationLog;
  readonly #directories = new Set<string>();
  #hasSwept = false;

  /** @param root made at the first put. */
  constructor(environment: Environment, root: string) {
    this.#root = root.length > 1 ? root.replace(/\/+$/, '') : root;
    this.description = `directory ${this.#root}`;
    this.#environment = environment;
    this.#files = environment.files;
    this.#generations = new GenerationLog(environment, this.#path(`${RESERVED_FOLDER}/generations`), (bytes) =>
      this.#writeTemporary(bytes),
    );
  }

  url(key: string): string {
    return nodePath.resolve(this.#path(key));
  }

  async get(key: string): Promise<StoredObject | undefined> {
    checkKey(key);
    const generation = await this.#generations.newest(key);
    if (generation !== undefined)
      return generation.content === undefined ? undefined : stored(generation, generation.content);
    try {
      const bytes = await this.#files.read(this.#path(key));
      return { bytes, etag: etagOf(bytes) };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async getRange(key: string, offset: number, length: number): Promise<Uint8Array> {
    checkKey(key);
    const generation = await this.#generations.newest(key);
    if (generation === undefined) {
      if (length === 0 && (await this.#files.stat(this.#path(key))) !== undefined) return new Uint8Array(0);
      return this.#files.readRange(this.#path(key), offset, length);
    }
    if (generation.content === undefined)
      throw new ExternalError('NOT_FOUND', `no such object: ${this.url(key)}`, { retryable: false });
    return generation.content.subarray(offset, offset + length);
  }

  async openFile(key: string): Promise<OpenFile | undefined> {
    checkKey(key);
    if ((await this.#generations.newest(key)) !== undefined) return undefined;
    return this.#files.openFile?.(this.#path(key));
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<string> {
    checkKey(key);
    const generation = await this.#generations.newest(key);
    if (condition === undefined) return this.#putAlways(key, bytes, generation);
    if ('ifAbsent' in condition) return this.#putIfAbsent(key, bytes, generation);
    return this.#swap(key, bytes, condition.ifMatch, generation);
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      checkKey(key);
      await this.#files.remove(this.#path(key));
      await this.#generations.appendTombstone(key);
    }
  }

  async list(prefix: string): Promise<ObjectEntry[]> {
    const folder = prefix.includes('/') ? prefix.slice(0, prefix.lastIndexOf('/')) : '';
    const entryByKey = new Map<string, ObjectEntry>();
    for (const entry of await this.#listFolder(folder)) {
      if (entry.key.startsWith(prefix) && !entry.key.startsWith(`${RESERVED_FOLDER}/`))
        entryByKey.set(entry.key, entry);
    }
    for (const [key, entry] of await this.#generations.list(folder)) {
      if (!key.startsWith(prefix)) continue;
      if (entry === undefined) entryByKey.delete(key);
      else entryByKey.set(key, entry);
    }
    return [...entryByKey.values()].sort((a, b) => compareKeys(a.key, b.key));
  }

  async #putAlways(key: string, bytes: Uint8Array, generation: Generation | undefined): Promise<string> {
    if (generation === undefined) {
      await this.#replaceFile(key, bytes);
      if ((await this.#generations.newest(key)) === undefined) return etagOf(bytes);
    }
    const appended = await this.#generations.append(key, bytes);
    await this.#refresh(key, bytes);
    return appended.etag;
  }

  async #putIfAbsent(key: string, bytes: Uint8Array, generation: Generation | undefined): Promise<string> {
    if (generation !== undefined) {
      if (generation.content !== undefined) throw this.#lost(key, 'it exists');
      return this.#appendAfter(key, bytes, generation, 'it exists');
    }
    const temporary = await this.#writeTemporary(bytes);
    try {
      await this.#makeParent(this.#path(key));
      if (!(await this.#files.linkIfAbsent(temporary, this.#path(key)))) throw this.#lost(key, 'it exists');
    } finally {
      await this.#files.remove(temporary);
    }
    return etagOf(bytes);
  }

  async #swap(key: string, bytes: Uint8Array, etag: string, generation: Generation | undefined): Promise<string> {
    const current = generation ?? (await this.#firstGeneration(key));
    if (current?.content === undefined) throw this.#lost(key, 'it does not exist');
    if (current.etag !== etag) throw this.#lost(key, `its etag is ${current.etag}, expected ${etag}`);
    return this.#appendAfter(key, bytes, current, 'another writer was faster');
  }

  /** The plain file as the generation before the first. */
  async #firstGeneration(key: string): Promise<Generation | undefined> {
    const object = await this.get(key);
    return object === undefined ? undefined : { number: 0, etag: object.etag, content: object.bytes };
  }

  async #appendAfter(key: string, bytes: Uint8Array, current: Generation, problem: string): Promise<string> {
    const next = await this.#generations.appendAfter(key, current, bytes);
    if (next === undefined) throw this.#lost(key, problem);
    await this.#refresh(key, bytes);
    return next.etag;
  }

  /** The plain file beside a log is a courtesy: a failure must not make a swap that has succeeded look failed. */
  async #refresh(key: string, bytes: Uint8Array): Promise<void> {
    try {
      await this.#replaceFile(key, bytes);
    } catch (error) {
      this.#environment.logger.warn('the plain copy of a swapped object could not be refreshed', {
        object: this.url(key),
        error,
      });
    }
  }

  async #replaceFile(key: string, bytes: Uint8Array): Promise<void> {
    const temporary = await this.#writeTemporary(bytes);
    const path = this.#path(key);
    try {
      await this.#makeParent(path);
      await this.#files.rename(temporary, path);
    } catch (error) {
      await this.#files.remove(temporary);
      throw error;
    }
  }

  async #writeTemporary(bytes: Uint8Array): Promise<string> {
    const folder = this.#path(`${RESERVED_FOLDER}/temporary`);
    const path = `${folder}/${this.#environment.newId()}`;
    await this.#makeParent(path);
    await this.#sweep(folder);
    try {
      await this.#files.write(path, bytes);
    } catch (error) {
      await this.#files.remove(path).catch(() => {}); // A disk that is full has no room for a part of it either.
      throw error;
    }
    return path;
  }

  /** Once per instance: removes what writers left behind that were killed long ago. */
  async #sweep(folder: string): Promise<void> {
    if (this.#hasSwept) return;
    this.#hasSwept = true;
    const oldestMs = this.#environment.clock.nowMs() - LEFTOVER_MS;
    for (const entry of await this.#files.list(folder)) {
      if (entry.modifiedAtMs < oldestMs) await this.#files.remove(`${folder}/${entry.path}`);
    }
  }

  async #makeParent(path: string): Promise<void> {
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (this.#directories.has(parent)) return;
    await this.#files.makeDirectory(parent);
    this.#directories.add(parent);
  }

  async #listFolder(folder: string): Promise<ObjectEntry[]> {
    const entries: FileEntry[] = await this.#files.list(folder === '' ? this.#root : this.#path(folder));
    return entries.map((entry) => ({
      key: folder === '' ? entry.path : `${folder}/${entry.path}`,
      bytes: entry.bytes,
      modifiedAtMs: entry.modifiedAtMs,
    }));
  }

  #path(key: string): string {
    return this.#root === '/' ? `/${key}` : `${this.#root}/${key}`;
  }

  #lost(key: string, problem: string): PreconditionFailedError {
    return new PreconditionFailedError(`conditional put of ${this.url(key)} lost: ${problem}`);
  }
}

function stored(generation: Generation, content: Uint8Array): StoredObject {
  return { bytes: content, etag: generation.etag };
}

/** The same for the same content, like S3's. */
function etagOf(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex').slice(0, 32);
}

function isNotFound(error: unknown): boolean {
  return error instanceof ExternalError && error.code === 'NOT_FOUND';
}
