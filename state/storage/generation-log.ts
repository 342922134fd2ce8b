/*
 * Generation file `<key>/@<number, 16 digits>`, version 1: one per state of a swapped object; the highest number is its
 * state now. Little-endian.
 *   0  u32  magic     "TGEN"
 *   4  u8   version   1
 *   5  u8   kind      0 content, 1 tombstone (the object is deleted)
 *   6  u16  reserved  0
 *   8  32 bytes       etag of this generation: number and a unique id, 16 hex digits each
 *  40  32 bytes       etag of the generation it follows
 *  72  u32  checksum  CRC-32 of the content
 *  76  u32  checksum  CRC-32 of the bytes 0 to 76
 *  80  content
 */
import { crc32 } from 'node:zlib';
import { assert } from '../../engine/base/assert.ts';
import type { Environment } from '../../engine/base/environment.ts';
import { ExternalError } from '../../engine/base/errors.ts';
import type { FileSystem } from '../../engine/base/file-system.ts';
import type { ObjectEntry } from './object-storage.ts';

const MAGIC = 0x4e454754;
const VERSION = 1;
const HEADER_BYTES = 80;
const ETAG_BYTES = 32;
const NUMBER_DIGITS = 16;

/**
 * Older generations kept. A writer that is behind by more than these could make a number that has been cleaned up; it
 * notices that by the generations after its own, and withdraws.
 */
const KEPT_COUNT = 8;

export interface Generation {
  /** 0 is the plain file that an object was before its first swap. */
  readonly number: number;
  readonly etag: string;
  /** Undefined: a tombstone. */
  readonly content: Uint8Array | undefined;
}

/**
 * Compare-and-swap on a file system: the successor of generation n is whoever links the file n + 1 first. No locks, so
 * nothing is left locked by a writer that dies.
 */
export class GenerationLog {
  readonly #files: FileSystem;
  readonly #root: string;
  readonly #newId: () => string;
  readonly #writeTemporary: (bytes: Uint8Array) => Promise<string>;

  /** @param writeTemporary stores bytes durably under a new name on the same file system and returns the name. */
  constructor(environment: Environment, root: string, writeTemporary: (bytes: Uint8Array) => Promise<string>) {
    this.#files = environment.files;
    this.#newId = () => environment.newId();
    this.#root = root;
    this.#writeTemporary = writeTemporary;
  }

  /** Undefined when the object has never been swapped. */
  async newest(key: string): Promise<Generation | undefined> {
    for (;;) {
      const number = (await this.#numbers(key)).at(-1);
      if (number === undefined) return undefined;
      const generation = await this.#read(key, number);
      if (generation !== undefined) return generation.generation;
      // Cleaned up meanwhile: there are newer ones.
    }
  }

  /**
   * Adds a generation after `current`.
   *
   * @returns undefined, with nothing changed, when another one has followed it.
   */
  async appendAfter(
    key: string,
    current: Generation,
    content: Uint8Array | undefined,
  ): Promise<Generation | undefined> {
    const number = current.number + 1;
    const path = this.#path(key, number);
    const etag = number.toString(16).padStart(16, '0') + this.#newId();
    const temporary = await this.#writeTemporary(frame(etag, current.etag, content));
    try {
      await this.#files.makeDirectory(`${this.#root}/${key}`);
      if (!(await this.#files.linkIfAbsent(temporary, path))) return undefined;
    } finally {
      await this.#files.remove(temporary);
    }
    if (!(await this.#isInChain(key, number, etag))) {
      await this.#files.remove(path);
      return undefined;
    }
    await this.#cleanUp(key, number);
    return { number, etag, content };
  }

  /** Adds a generation after whatever is there. */
  async append(key: string, content: Uint8Array): Promise<Generation> {
    for (;;) {
      const current = await this.newest(key);
      assert(current !== undefined, () => `object ${key} has no generations`);
      const next = await this.appendAfter(key, current, content);
      if (next !== undefined) return next;
    }
  }

  /** Marks a swapped object as deleted; does nothing to another one. Its numbers go on, so that no old writer comes back. */
  async appendTombstone(key: string): Promise<void> {
    for (;;) {
      const current = await this.newest(key);
      if (current?.content === undefined) return;
      if ((await this.appendAfter(key, current, undefined)) !== undefined) return;
    }
  }

  /** The swapped objects below a folder by key; undefined for a deleted one. */
  async list(folder: string): Promise<Map<string, ObjectEntry | undefined>> {
    const prefix = folder === '' ? '' : `${folder}/`;
    const newestByKey = new Map<string, number>();
    for (const entry of await this.#files.list(folder === '' ? this.#root : `${this.#root}/${folder}`)) {
      const [key, number] = splitPath(prefix + entry.path);
      if (number > (newestByKey.get(key) ?? 0)) newestByKey.set(key, number);
    }
    const entries = new Map<string, ObjectEntry | undefined>();
    for (const key of newestByKey.keys()) {
      const generation = await this.newest(key);
      if (generation === undefined) continue;
      const stat = await this.#files.stat(this.#path(key, generation.number));
      const bytes = generation.content?.length;
      entries.set(key, bytes === undefined ? undefined : { key, bytes, modifiedAtMs: stat?.modifiedAtMs ?? 0 });
    }
    return entries;
  }

  /** Whether the generation just linked follows the newest one, rather than one that had long been replaced. */
  async #isInChain(key: string, number: number, etag: string): Promise<boolean> {
    const numbers = await this.#numbers(key);
    if (numbers.at(-1) === number) return true;
    return (await this.#read(key, number + 1))?.previousEtag === etag;
  }

  async #cleanUp(key: string, newest: number): Promise<void> {
    for (const number of await this.#numbers(key)) {
      if (number < newest - KEPT_COUNT) await this.#files.remove(this.#path(key, number));
    }
  }

  async #numbers(key: string): Promise<number[]> {
    const numbers: number[] = [];
    for (const entry of await this.#files.list(`${this.#root}/${key}`)) {
      if (!entry.path.includes('/')) numbers.push(splitPath(`${key}/${entry.path}`)[1]);
    }
    return numbers.sort((a, b) => a - b);
  }

  /** Undefined when the file is gone. */
  async #read(
    key: string,
    number: number,
  ): Promise<{ readonly generation: Generation; readonly previousEtag: string } | undefined> {
    const path = this.#path(key, number);
    let bytes: Uint8Array;
    try {
      bytes = await this.#files.read(path);
    } catch (error) {
      if (error instanceof ExternalError && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const isWhole =
      buffer.length >= HEADER_BYTES &&
      buffer.readUInt32LE(0) === MAGIC &&
      buffer[4] === VERSION &&
      buffer.readUInt32LE(76) === crc32(buffer.subarray(0, 76)) &&
      buffer.readUInt32LE(72) === crc32(buffer.subarray(HEADER_BYTES));
    if (!isWhole) {
      throw new ExternalError('STORAGE', `damaged file ${path}: it is no generation of an object`, {
        retryable: false,
        hint: 'Remove the file by hand: the generation before it is then the state of the object.',
      });
    }
    const content = buffer[5] === 0 ? buffer.subarray(HEADER_BYTES) : undefined;
    const generation = { number, etag: buffer.toString('latin1', 8, 8 + ETAG_BYTES), content };
    return { generation, previousEtag: buffer.toString('latin1', 40, 40 + ETAG_BYTES) };
  }

  #path(key: string, number: number): string {
    return `${this.#root}/${key}/@${String(number).padStart(NUMBER_DIGITS, '0')}`;
  }
}

function frame(etag: string, previousEtag: string, content: Uint8Array | undefined): Uint8Array {
  const contentBytes = content ?? new Uint8Array(0);
  const buffer = Buffer.alloc(HEADER_BYTES + contentBytes.length);
  buffer.writeUInt32LE(MAGIC, 0);
  buffer[4] = VERSION;
  buffer[5] = content === undefined ? 1 : 0;
  buffer.write(etag, 8, ETAG_BYTES, 'latin1');
  buffer.write(previousEtag, 40, ETAG_BYTES, 'latin1');
  buffer.writeUInt32LE(crc32(contentBytes), 72);
  buffer.writeUInt32LE(crc32(buffer.subarray(0, 76)), 76);
  buffer.set(contentBytes, HEADER_BYTES);
  return buffer;
}

/** Key and number of a generation's path below the root. */
function splitPath(path: string): [key: string, number: number] {
  const at = path.lastIndexOf('/@');
  return [path.slice(0, at), Number(path.slice(at + 2))];
}
