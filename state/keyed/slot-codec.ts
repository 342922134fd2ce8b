import type { ByteReader, ByteWriter } from '../../engine/base/bytes.ts';
import type { Schema } from '../schema/schema.ts';
import { disposeContent, type LargeFactory } from './large-factory.ts';
import { LargeList } from './large-list.ts';
import { LargeMap } from './large-map.ts';
import { NamespaceMap } from './namespace-map.ts';
import { type ExpiryClock, Stamped, UNSTAMPED_MS } from './stamped.ts';
import type { StateTtl } from './state.ts';
import { readNamespace, readVarint, writeNamespace, writeVarint } from './varint.ts';

/*
 * Slot, version 1. A namespaced state: varint count, then per namespace its bytes and its content. Else its content.
 * Content by kind; with time-to-live an f64 timestamp stands before every value:
 *   value, reducing, aggregating   the value, Avro binary
 *   list                           varint count * 2, the values
 *   map                            varint count * 2, per entry key and value
 *   large list                     varint 1, varint content id, varint segments, varint count of each; the tail as a list
 *   large map                      varint 1, varint content id, varint buckets, varint entries
 */

type Decode = (reader: ByteReader) => unknown;

/** How one state's content is written and read. Stateless but for its statistics. */
export interface ContentCodec {
  write(writer: ByteWriter, content: unknown): void;
  /** Undefined when the content is empty. */
  read(reader: ByteReader): unknown;
  /** Drops what has expired, stamps what is unstamped; undefined when nothing is left. Time-to-live only. */
  expire(content: unknown, timeToLiveMs: number, clock: ExpiryClock): unknown;
  /** The earliest timestamp in it; Infinity when empty. Time-to-live only. */
  firstStampMs(content: unknown): number;
}

const LARGE = 1;

/** What a codec is made of. The writer's side may be an older format than the reader's. */
export interface ContentCodecOptions {
  readonly schema: Schema<unknown>;
  readonly decode: Decode;
  readonly writerHasTtl: boolean;
  readonly readerHasTtl: boolean;
  /** Whether what was written then says something to the reader: not when it is of another clock. */
  readonly keepsTimes: boolean;
  readonly large: LargeFactory;
}

function decodeStamped(options: ContentCodecOptions): Decode {
  const { decode, writerHasTtl, readerHasTtl, keepsTimes } = options;
  if (writerHasTtl && readerHasTtl) {
    return (reader) => {
      const timestampMs = reader.f64();
      return new Stamped(decode(reader), keepsTimes ? timestampMs : UNSTAMPED_MS);
    };
  }
  if (readerHasTtl) return (reader) => new Stamped(decode(reader), UNSTAMPED_MS);
  if (writerHasTtl) {
    return (reader) => {
      reader.f64();
      return decode(reader);
    };
  }
  return decode;
}

function keepStamp(stamped: Stamped, timeToLiveMs: number, clock: ExpiryClock): boolean {
  if (clock.isExpired(stamped.timestampMs, timeToLiveMs)) return false;
  if (stamped.timestampMs === UNSTAMPED_MS) stamped.timestampMs = clock.firstMs;
  return true;
}

export class ValueCodec implements ContentCodec {
  readonly #schema: Schema<unknown>;
  readonly #decode: Decode;
  readonly #hasTtl: boolean;

  constructor(options: ContentCodecOptions) {
    this.#schema = options.schema;
    this.#decode = decodeStamped(options);
    this.#hasTtl = options.readerHasTtl;
  }

  write(writer: ByteWriter, content: unknown): void {
    if (this.#hasTtl) {
      writer.f64((content as Stamped).timestampMs);
      this.#schema.encode(writer, (content as Stamped).value);
    } else {
      this.#schema.encode(writer, content);
    }
  }

  read(reader: ByteReader): unknown {
    return this.#decode(reader);
  }

  expire(content: unknown, timeToLiveMs: number, clock: ExpiryClock): unknown {
    return keepStamp(content as Stamped, timeToLiveMs, clock) ? content : undefined;
  }

  firstStampMs(content: unknown): number {
    return (content as Stamped).timestampMs;
  }
}

export class ListCodec implements ContentCodec {
  readonly #schema: Schema<unknown>;
  readonly #decode: Decode;
  readonly #hasTtl: boolean;
  readonly #large: LargeFactory;

  constructor(options: ContentCodecOptions) {
    this.#schema = options.schema;
    this.#decode = decodeStamped(options);
    this.#hasTtl = options.readerHasTtl;
    this.#large = options.large;
  }

  write(writer: ByteWriter, content: unknown): void {
    if (content instanceof LargeList) {
      writeVarint(writer, LARGE);
      writeVarint(writer, content.contentId);
      writeVarint(writer, content.segmentCounts.length);
      for (const count of content.segmentCounts) writeVarint(writer, count);
      this.#writeElements(writer, content.tail);
    } else {
      this.#writeElements(writer, content as readonly unknown[]);
    }
  }

  #writeElements(writer: ByteWriter, elements: readonly unknown[]): void {
    writeVarint(writer, elements.length * 2);
    const start = writer.length;
    for (let i = 0; i < elements.length; i++) {
      const element = elements[i];
      if (this.#hasTtl) {
        writer.f64((element as Stamped).timestampMs);
        this.#schema.encode(writer, (element as Stamped).value);
      } else {
        this.#schema.encode(writer, element);
      }
    }
    this.#large.learn(elements.length, writer.length - start);
  }

  read(reader: ByteReader): unknown {
    const count = readVarint(reader);
    if (count === 0) return undefined;
    if (count !== LARGE) return this.#readElements(reader, count / 2);
    const contentId = readVarint(reader);
    const segmentCounts: number[] = [];
    for (let n = readVarint(reader); n > 0; n--) segmentCounts.push(readVarint(reader));
    const tail = this.#readElements(reader, readVarint(reader) / 2);
    return this.#large.openList({ contentId, segmentCounts, tail });
  }

  #readElements(reader: ByteReader, count: number): unknown[] {
    const elements: unknown[] = [];
    for (let i = 0; i < count; i++) elements.push(this.#decode(reader));
    return elements;
  }

  expire(content: unknown, timeToLiveMs: number, clock: ExpiryClock): unknown {
    const elements = (content instanceof LargeList ? content.toArray() : content) as Stamped[];
    const isUnstamped = elements.some((element) => element.timestampMs === UNSTAMPED_MS);
    const kept = elements.filter((element) => keepStamp(element, timeToLiveMs, clock));
    if (content instanceof LargeList) {
      if (isUnstamped || kept.length < elements.length) content.replace(kept, this.#large.partLength);
      return kept.length === 0 ? undefined : content;
    }
    return kept.length === 0 ? undefined : kept;
  }

  firstStampMs(content: unknown): number {
    let first = Infinity;
    for (const element of (content instanceof LargeList ? content.toArray() : content) as Stamped[]) {
      first = Math.min(first, element.timestampMs);
    }
    return first;
  }
}

/** A map's content: a `Map` from the key itself, or from its text form when the key is an object (`MapEntry` then). */
export class MapEntry {
  readonly key: unknown;
  value: unknown;

  constructor(key: unknown, value: unknown) {
    this.key = key;
    this.value = value;
  }
}

export class MapCodec implements ContentCodec {
  readonly #schema: Schema<unknown>;
  readonly #keySchema: Schema<unknown>;
  readonly #decode: Decode;
  readonly #decodeKey: Decode;
  readonly #hasTtl: boolean;
  readonly #keyText: ((key: unknown) => string) | undefined;
  readonly #large: LargeFactory;

  /** @param keyText set when keys are objects: their text form, equal for equal keys. */
  constructor(
    options: ContentCodecOptions & {
      readonly keySchema: Schema<unknown>;
      readonly decodeKey: Decode;
      readonly keyText: ((key: unknown) => string) | undefined;
    },
  ) {
    this.#schema = options.schema;
    this.#keySchema = options.keySchema;
    this.#decode = decodeStamped(options);
    this.#decodeKey = options.decodeKey;
    this.#hasTtl = options.readerHasTtl;
    this.#keyText = options.keyText;
    this.#large = options.large;
  }

  write(writer: ByteWriter, content: unknown): void {
    if (content instanceof LargeMap) {
      writeVarint(writer, LARGE);
      writeVarint(writer, content.contentId);
      writeVarint(writer, content.bucketCount);
      writeVarint(writer, content.size);
      return;
    }
    const entries = content as Map<unknown, unknown>;
    const isObjectKey = this.#keyText !== undefined;
    writeVarint(writer, entries.size * 2);
    const start = writer.length;
    for (const [mapKey, entry] of entries) {
      this.#keySchema.encode(writer, isObjectKey ? (entry as MapEntry).key : mapKey);
      const value = isObjectKey ? (entry as MapEntry).value : entry;
      if (this.#hasTtl) {
        writer.f64((value as Stamped).timestampMs);
        this.#schema.encode(writer, (value as Stamped).value);
      } else {
        this.#schema.encode(writer, value);
      }
    }
    this.#large.learn(entries.size, writer.length - start);
  }

  read(reader: ByteReader): unknown {
    const count = readVarint(reader);
    if (count === 0) return undefined;
    if (count === LARGE) {
      const contentId = readVarint(reader);
      const bucketCount = readVarint(reader);
      return this.#large.openMap({ contentId, bucketCount, size: readVarint(reader) });
    }
    const entries = new Map<unknown, unknown>();
    for (let i = 0; i < count; i += 2) {
      const key = this.#decodeKey(reader);
      const value = this.#decode(reader);
      if (this.#keyText === undefined) entries.set(key, value);
      else entries.set(this.#keyText(key), new MapEntry(key, value));
    }
    return entries;
  }

  expire(content: unknown, timeToLiveMs: number, clock: ExpiryClock): unknown {
    const entries = content as Map<unknown, unknown> | LargeMap;
    for (const [key, entry] of entries) {
      const stamped = (entry instanceof MapEntry ? entry.value : entry) as Stamped;
      const before = stamped.timestampMs;
      if (!keepStamp(stamped, timeToLiveMs, clock)) entries.delete(key);
      else if (stamped.timestampMs !== before) entries.set(key, entry);
    }
    if (entries.size > 0) return entries;
    disposeContent(entries);
    return undefined;
  }

  firstStampMs(content: unknown): number {
    let first = Infinity;
    for (const entry of (content as Map<unknown, unknown> | LargeMap).values()) {
      const stamped = (entry instanceof MapEntry ? entry.value : entry) as Stamped;
      first = Math.min(first, stamped.timestampMs);
    }
    return first;
  }
}

/** How one state's slot in a page is written and read: its content, or its contents by namespace. */
export class SlotCodec {
  readonly #content: ContentCodec;
  readonly #isNamespaced: boolean;
  readonly ttl: StateTtl | undefined;

  constructor(content: ContentCodec, isNamespaced: boolean, ttl: StateTtl | undefined) {
    this.#content = content;
    this.#isNamespaced = isNamespaced;
    this.ttl = ttl;
  }

  write(writer: ByteWriter, slot: unknown): void {
    if (!this.#isNamespaced) {
      this.#content.write(writer, slot);
      return;
    }
    const map = slot as NamespaceMap;
    const { size } = map;
    writeVarint(writer, size);
    for (let i = 0; i < size; i++) {
      writeNamespace(writer, map.namespaceAt(i));
      this.#content.write(writer, map.contentAt(i));
    }
  }

  read(reader: ByteReader): unknown {
    if (!this.#isNamespaced) return this.#content.read(reader);
    const count = readVarint(reader);
    const map = new NamespaceMap();
    for (let i = 0; i < count; i++) {
      const namespace = readNamespace(reader);
      const content = this.#content.read(reader);
      if (content !== undefined) map.set(namespace, content);
    }
    return map.size === 0 ? undefined : map;
  }

  /** Drops what has expired from a slot; undefined when nothing is left. */
  expire(slot: unknown, clock: ExpiryClock): unknown {
    const timeToLiveMs = this.ttl!.timeToLiveMs;
    if (!this.#isNamespaced) return this.#content.expire(slot, timeToLiveMs, clock);
    const map = slot as NamespaceMap;
    for (let i = map.size - 1; i >= 0; i--) {
      const namespace = map.namespaceAt(i);
      const content = this.#content.expire(map.contentAt(i), timeToLiveMs, clock);
      if (content === undefined) map.delete(namespace);
      else map.set(namespace, content);
    }
    return map.size === 0 ? undefined : map;
  }

  /** The earliest timestamp in a slot; Infinity when it is empty. */
  firstStampMs(slot: unknown): number {
    if (!this.#isNamespaced) return this.#content.firstStampMs(slot);
    let first = Infinity;
    const map = slot as NamespaceMap;
    for (let i = 0; i < map.size; i++) first = Math.min(first, this.#content.firstStampMs(map.contentAt(i)));
    return first;
  }
}
