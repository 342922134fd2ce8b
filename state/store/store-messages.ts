import { ByteReader, ByteWriter } from '../../engine/base/bytes.ts';
import type { PageEntry, PageWrite } from './page-store.ts';

/*
 * What crosses between a store's thread and its user: one packed buffer per request and per answer, little-endian.
 *   keys     u32 count, then per key: u32 bytes, the bytes
 *   values   u32 count, then per value: u32 bytes or ABSENT, the bytes
 *   writes   u32 count, then per write: key and value as above, a deletion as ABSENT
 *   entries  u32 count, then per entry: key, value
 */
const ABSENT = 0xffff_ffff;

export type StoreOperation = 'get' | 'write' | 'scan' | 'delete-range' | 'close';

export interface StoreRequest {
  readonly id: number;
  readonly operation: StoreOperation;
  readonly bytes: ArrayBuffer;
  /** Set: the sender sleeps on it until the answer has been posted. */
  readonly signal: SharedArrayBuffer | undefined;
  /** Scans only: entries at most. */
  readonly limit: number;
}

export interface StoreAnswer {
  readonly id: number;
  readonly bytes: ArrayBuffer | undefined;
  readonly error: string | undefined;
}

export function packKeys(keys: readonly Uint8Array[]): ArrayBuffer {
  const writer = new ByteWriter(sizeOf(keys));
  writer.u32(keys.length);
  for (const key of keys) writeBlob(writer, key);
  return take(writer);
}

export function unpackKeys(bytes: ArrayBuffer): Buffer[] {
  const reader = new ByteReader(new Uint8Array(bytes));
  return Array.from({ length: reader.u32() }, () => reader.bytes(reader.u32()));
}

export function packValues(values: readonly (Uint8Array | null)[]): ArrayBuffer {
  const writer = new ByteWriter(sizeOf(values));
  writer.u32(values.length);
  for (const value of values) {
    if (value === null) writer.u32(ABSENT);
    else writeBlob(writer, value);
  }
  return take(writer);
}

export function unpackValues(bytes: ArrayBuffer): (Uint8Array | undefined)[] {
  const reader = new ByteReader(new Uint8Array(bytes));
  return Array.from({ length: reader.u32() }, () => readBlob(reader));
}

export function packWrites(batch: readonly PageWrite[]): ArrayBuffer {
  let size = 8;
  for (const { key, value } of batch) size += 8 + key.length + (value?.length ?? 0);
  const writer = new ByteWriter(size);
  writer.u32(batch.length);
  for (const { key, value } of batch) {
    writeBlob(writer, key);
    if (value === undefined) writer.u32(ABSENT);
    else writeBlob(writer, value);
  }
  return take(writer);
}

export function unpackWrites(bytes: ArrayBuffer): PageWrite[] {
  const reader = new ByteReader(new Uint8Array(bytes));
  return Array.from({ length: reader.u32() }, () => ({ key: reader.bytes(reader.u32()), value: readBlob(reader) }));
}

export function packEntries(entries: readonly PageEntry[]): ArrayBuffer {
  return packWrites(entries);
}

export function unpackEntries(bytes: ArrayBuffer): PageEntry[] {
  return unpackWrites(bytes) as PageEntry[];
}

function writeBlob(writer: ByteWriter, blob: Uint8Array): void {
  writer.u32(blob.length);
  writer.bytes(blob);
}

function readBlob(reader: ByteReader): Uint8Array | undefined {
  const byteCount = reader.u32();
  return byteCount === ABSENT ? undefined : reader.bytes(byteCount);
}

function sizeOf(blobs: readonly (Uint8Array | null)[]): number {
  let size = 8;
  for (const blob of blobs) size += 4 + (blob?.length ?? 0);
  return size;
}

/** The written bytes as a buffer of their own, which can be transferred. */
function take(writer: ByteWriter): ArrayBuffer {
  const { buffer } = writer;
  if (buffer.byteOffset === 0 && writer.length === buffer.buffer.byteLength) return buffer.buffer as ArrayBuffer;
  return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + writer.length) as ArrayBuffer;
}
