import type { ByteReader } from '../../../engine/base/bytes.ts';
import { skipString } from './scan-json.ts';

/** Names that a schema does not know are remembered up to this count, to be passed over as fast as known ones. */
const UNKNOWN_KEYS_MAX = 64;
/** No key, where one is looked for. */
export const NO_KEY = -1;

/**
 * The keys that a JSON object is expected to have, with what usually follows each: writers keep their order, so the next key
 * is compared and not looked up. Keys 0 to n - 1 are those of the schema.
 */
export class KeyTable {
  readonly #indexByName = new Map<string, number>();
  /** The bytes of each key with quotes and colon: whole words, then the last four bytes. */
  readonly #words: Int32Array[] = [];
  readonly #bytes: number[] = [];
  /** By key, and at the end for the start of an object: the key that followed it last time, and the one before that. */
  readonly next: Int32Array;
  readonly nextBut: Int32Array;
  readonly knownCount: number;

  constructor(names: readonly string[]) {
    this.knownCount = names.length;
    for (const name of names) this.#add(name);
    const slotCount = names.length + UNKNOWN_KEYS_MAX + 2;
    this.next = new Int32Array(slotCount).fill(NO_KEY);
    this.nextBut = new Int32Array(slotCount).fill(NO_KEY);
    // A writer probably keeps the order of the schema.
    for (let i = 0; i < names.length; i++) this.next[i] = i + 1 < names.length ? i + 1 : NO_KEY;
    this.next[this.start] = names.length > 0 ? 0 : NO_KEY;
  }

  /** The slot before the first key. */
  get start(): number {
    return this.knownCount + UNKNOWN_KEYS_MAX;
  }

  /** The slot of keys that are not remembered. */
  get other(): number {
    return this.knownCount + UNKNOWN_KEYS_MAX + 1;
  }

  /** The offset behind the key `index` with its quotes and colon when it stands at `at`, else -1. */
  match(index: number, view: DataView, at: number): number {
    const words = this.#words[index]!;
    const behind = at + this.#bytes[index]!;
    // Hot: four bytes at a time, the last four overlapping. A pattern has at least four bytes.
    const last = words.length - 1;
    if (view.getInt32(behind - 4, true) !== words[last]) return -1;
    for (let i = 0; i < last; i++) if (view.getInt32(at + i * 4, true) !== words[i]) return -1;
    return behind;
  }

  /**
   * The key that stands at `at`, after `previous`; remembers that it follows it.
   *
   * @returns NO_KEY when it is none, or not written as `"name":`; the `other` slot when there are too many to remember.
   */
  lookUp(reader: ByteReader, at: number, previous: number): number {
    const end = skipString(reader, at + 1);
    if (end < 0 || reader.buffer[end] !== 0x3a) return NO_KEY;
    const name = reader.buffer.toString('utf8', at + 1, end - 1);
    if (name.includes('\\')) return NO_KEY;
    let index = this.#indexByName.get(name);
    if (index === undefined) {
      if (this.#bytes.length === this.knownCount + UNKNOWN_KEYS_MAX) return this.other;
      index = this.#add(name);
    }
    this.nextBut[previous] = this.next[previous]!;
    this.next[previous] = index;
    return index;
  }

  #add(name: string): number {
    const index = this.#bytes.length;
    const pattern = Buffer.from(`${JSON.stringify(name)}:`);
    const wordCount = Math.floor((pattern.length - 1) / 4);
    const words = Array.from({ length: wordCount }, (_, i) => pattern.readInt32LE(i * 4));
    this.#indexByName.set(name, index);
    this.#bytes.push(Math.max(pattern.length, 4));
    // An empty name has three bytes: its pattern never matches, so that it is looked up each time.
    this.#words.push(Int32Array.from([...words, pattern.length < 4 ? 0 : pattern.readInt32LE(pattern.length - 4)]));
    return index;
  }
}
