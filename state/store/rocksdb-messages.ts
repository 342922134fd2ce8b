import type { MessagePort } from 'node:worker_threads';
import { ByteReader, ByteWriter } from '../../engine/base/bytes.ts';
import type { PageEntry, PageWrite } from './page-store.ts';

/*
 * What the thread that owns the database and its client say to each other: one message per batch, its content packed into
 * one buffer: transferred, or for writes shared, then used again when they are answered. Little-endian; bytes are a u32 length and the bytes, absent ones the length 0xffffffff.
 *   getMany      keys: u32 count, bytes each          answer: u32 count, bytes or absent each
 *   write        u32 count, per entry bytes key, bytes or absent value
 *   iterate      bytes start, bytes end, u32 limit    answer: u32 count, per entry bytes key, bytes value
 *   deleteRange  bytes start, bytes end
 *   close        nothing
 */
export type RocksDbOperation = 'getMany' | 'write' | 'iterate' | 'deleteRange' | 'close';

export interface RocksDbRequest {
  readonly id: number;
  readonly operation: RocksDbOperation;
  readonly content: ArrayBuffer | SharedArrayBuffer;
  /** The client's thread sleeps until the answer is there. */
  readonly isBlocking: boolean;
}

export interface RocksDbAnswer {
  readonly id: number;
  /** Set when it failed. */
  readonly error: string | undefined;
  readonly content: ArrayBuffer;
  /** Bytes that the database holds in memory, when it was asked lately. */
  readonly memoryBytes: number;
}

export interface RocksDbThreadData {
  readonly path: string;
  readonly writeBufferBytes: number;
  /** One Int32: 1 when a blocking request is answered. */
  readonly signal: SharedArrayBuffer;
  /** Where requests come from and answers go. */
  readonly port: MessagePort;
}

const ABSENT = 0xffff_ffff;

export function packKeys(keys: readonly Uint8Array[]): ArrayBuffer {
  let bytes = 4;
  for (const key of keys) bytes += 4 + key.length;
  const writer = new ByteWriter(bytes);
  writer.u32(keys.length);
  for (const key of keys) putBytes(writer, key);
  return detachable(writer);
}

export function unpackKeys(content: ArrayBuffer | SharedArrayBuffer): Uint8Array[] {
  const reader = new ByteReader(new Uint8Array(content));
  const keys: Uint8Array[] = [];
  for (let count = reader.u32(); count > 0; count--) keys.push(takeBytes(reader)!);
  return keys;
}

export function packValues(values: readonly (Uint8Array | null)[]): ArrayBuffer {
  let bytes = 4;
  for (const value of values) bytes += 4 + (value?.length ?? 0);
  const writer = new ByteWriter(bytes);
  writer.u32(values.length);
  for (const value of values) putBytes(writer, value ?? undefined);
  return detachable(writer);
}

/** The values share one buffer of their own. */
export function unpackValues(content: ArrayBuffer): (Uint8Array | undefined)[] {
  const reader = new ByteReader(new Uint8Array(content));
  const values: (Uint8Array | undefined)[] = [];
  for (let count = reader.u32(); count > 0; count--) values.push(takeBytes(reader));
  return values;
}

export function packWrites(batch: readonly PageWrite[]): ArrayBuffer {
  const writer = new ByteWriter(packedBytes(batch));
  putWrites(writer, batch);
  return detachable(writer);
}

/** Bytes that `packWrites` makes. */
export function packedBytes(batch: readonly PageWrite[]): number {
  let bytes = 4;
  for (const { key, value } of batch) bytes += 8 + key.length + (value?.length ?? 0);
  return bytes;
}

/** The same as `packWrites` into memory that is there, and large enough. */
export function packWritesInto(memory: SharedArrayBuffer, batch: readonly PageWrite[]): void {
  const writer = new ByteWriter(0);
  writer.buffer = Buffer.from(memory);
  writer.view = new DataView(memory);
  putWrites(writer, batch);
}

function putWrites(writer: ByteWriter, batch: readonly PageWrite[]): void {
  writer.u32(batch.length);
  for (const { key, value } of batch) {
    putBytes(writer, key);
    putBytes(writer, value);
  }
}

/** Calls `visit` per entry, with views into `content`. */
export function unpackWrites(
  content: ArrayBuffer | SharedArrayBuffer,
  visit: (key: Uint8Array, value: Uint8Array | undefined) => void,
): void {
  const reader = new ByteReader(new Uint8Array(content));
  for (let count = reader.u32(); count > 0; count--) {
    const key = takeBytes(reader)!;
    visit(key, takeBytes(reader));
  }
}

export function packRange(start: Uint8Array, end: Uint8Array, limit: number): ArrayBuffer {
  const writer = new ByteWriter(12 + start.length + end.length);
  putBytes(writer, start);
  putBytes(writer, end);
  writer.u32(limit);
  return detachable(writer);
}

export function unpackRange(content: ArrayBuffer | SharedArrayBuffer): {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly limit: number;
} {
  const reader = new ByteReader(new Uint8Array(content));
  const start = takeBytes(reader)!;
  const end = takeBytes(reader)!;
  return { start, end, limit: reader.u32() };
}

export function unpackEntries(content: ArrayBuffer): PageEntry[] {
  const entries: PageEntry[] = [];
  unpackWrites(content, (key, value) => entries.push({ key, value: value! }));
  return entries;
}

function putBytes(writer: ByteWriter, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) {
    writer.u32(ABSENT);
    return;
  }
  writer.u32(bytes.length);
  writer.bytes(bytes);
}

function takeBytes(reader: ByteReader): Uint8Array | undefined {
  const length = reader.u32();
  return length === ABSENT ? undefined : reader.bytes(length);
}

/** The writer's buffer, exactly filled, to be transferred. */
function detachable(writer: ByteWriter): ArrayBuffer {
  return writer.buffer.buffer as ArrayBuffer;
}
