import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter } from '../../engine/base/bytes.ts';
import { hasTimers, type PageHead, readPageHead } from '../keyed/page-codec.ts';
import { HashFilter } from './hash-filter.ts';
import type { PageRun } from './page-run.ts';
import {
  BLOCK_BYTES,
  BLOCK_HEADER_BYTES,
  FILE_ENTRY_HEADER_BYTES,
  STATE_FILE_MAGIC,
  STATE_FILE_VERSION,
  type StateFileHeader,
} from './state-file-format.ts';

/** The buffer of the last file written on this thread: growing a new one each time costs more than filling it. */
let spareWriter: ByteWriter | undefined = undefined;

/** Builds one state file in memory, from pages in order. `release` it when its bytes are stored. */
export class StateFileWriter {
  readonly #writer: ByteWriter;
  readonly #footer: ByteWriter = new ByteWriter(1024);
  #blockCount = 0;
  #blockAt = 0;
  #blockPages = 0;
  #blockFirstKeyGroup = 0;
  #blockLastKeyGroup = 0;
  #blockFirstHash = 0;
  #blockFirstEventMs = Infinity;
  #blockFirstProcessingMs = Infinity;
  #hashes: Int32Array = new Int32Array(1024);
  #reader: ByteReader = new ByteReader(Buffer.alloc(0));
  readonly #head: PageHead = {
    eventTimerCount: 0,
    processingTimerCount: 0,
    eventIndexedAtMs: 0,
    processingIndexedAtMs: 0,
    eventExpiryAtMs: 0,
    processingExpiryAtMs: 0,
  };
  pageCount = 0;

  constructor(header: StateFileHeader) {
    this.#writer = spareWriter ?? new ByteWriter(BLOCK_BYTES * 2);
    this.#writer.clear();
    spareWriter = undefined;
    const description = Buffer.from(JSON.stringify(header));
    const writer = this.#writer;
    writer.u32(STATE_FILE_MAGIC);
    writer.u16(STATE_FILE_VERSION);
    writer.u16(0);
    writer.u32(description.length);
    writer.u32(crc32(description));
    writer.bytes(description);
    this.#openBlock();
  }

  /** Bytes so far, without footer. */
  get byteLength(): number {
    return this.#writer.length;
  }

  /** Appends the run's current page. */
  add(run: PageRun): void {
    const { keyLength, pageLength, keyGroup } = run;
    const writer = this.#writer;
    const at = writer.reserve(FILE_ENTRY_HEADER_BYTES + keyLength + pageLength);
    const { view, buffer } = writer;
    view.setUint16(at, keyGroup, true);
    view.setUint16(at + 2, keyLength, true);
    view.setInt32(at + 4, run.hash, true);
    view.setUint32(at + 8, pageLength, true);
    const keyAt = at + FILE_ENTRY_HEADER_BYTES;
    if (run.pageOffset === run.keyOffset + keyLength) {
      run.buffer.copy(buffer, keyAt, run.keyOffset, run.pageOffset + pageLength);
    } else {
      run.buffer.copy(buffer, keyAt, run.keyOffset, run.keyOffset + keyLength);
      run.buffer.copy(buffer, keyAt + keyLength, run.pageOffset, run.pageOffset + pageLength);
    }
    if (pageLength > 0) {
      buffer[keyAt + keyLength] = run.format;
      if (hasTimers(buffer, keyAt + keyLength)) this.#noteTimers(keyAt + keyLength, pageLength);
    }
    if (this.#blockPages === 0) {
      this.#blockFirstKeyGroup = keyGroup;
      this.#blockFirstHash = run.hash;
    }
    if (this.pageCount === this.#hashes.length) {
      const grown = new Int32Array(this.pageCount * 2);
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    this.#hashes[this.pageCount] = run.hash;
    this.#blockLastKeyGroup = keyGroup;
    this.#blockPages++;
    this.pageCount++;
    if (writer.length - this.#blockAt >= BLOCK_BYTES) {
      this.#closeBlock();
      this.#openBlock();
    }
  }

  /** Completes the file. */
  finish(): { readonly bytes: Buffer; readonly checksum: number } {
    const writer = this.#writer;
    if (this.#blockPages > 0) this.#closeBlock();
    else writer.length = this.#blockAt;
    const { words } = HashFilter.of(this.#hashes, this.pageCount);
    const filter = Buffer.from(words.buffer);
    writer.bytes(filter);
    const footer = this.#footer.written();
    writer.bytes(footer);
    writer.u32(filter.length);
    writer.u32(crc32(filter));
    writer.u32(this.#blockCount);
    writer.u32(crc32(footer));
    writer.u32(STATE_FILE_VERSION);
    writer.u32(STATE_FILE_MAGIC);
    const bytes = writer.written();
    return { bytes, checksum: crc32(bytes) };
  }

  /** Its bytes are not needed any more. */
  release(): void {
    spareWriter = this.#writer;
  }

  #openBlock(): void {
    this.#blockAt = this.#writer.reserve(BLOCK_HEADER_BYTES);
    this.#blockPages = 0;
    this.#blockFirstEventMs = Infinity;
    this.#blockFirstProcessingMs = Infinity;
  }

  #noteTimers(pageAt: number, pageLength: number): void {
    if (this.#reader.buffer !== this.#writer.buffer) this.#reader = new ByteReader(this.#writer.buffer);
    const reader = this.#reader;
    const head = this.#head;
    reader.offset = pageAt;
    reader.end = pageAt + pageLength;
    reader.textEnd = 0;
    readPageHead(reader, head);
    this.#blockFirstEventMs = Math.min(this.#blockFirstEventMs, head.eventIndexedAtMs);
    this.#blockFirstProcessingMs = Math.min(this.#blockFirstProcessingMs, head.processingIndexedAtMs);
  }

  #closeBlock(): void {
    const bodyAt = this.#blockAt + BLOCK_HEADER_BYTES;
    const bodyBytes = this.#writer.length - bodyAt;
    const { view, buffer } = this.#writer;
    view.setUint32(this.#blockAt, bodyBytes, true);
    view.setUint32(this.#blockAt + 4, crc32(buffer.subarray(bodyAt, bodyAt + bodyBytes)), true);
    this.#footer.u32(this.#blockAt);
    this.#footer.u32(bodyBytes);
    this.#footer.u16(this.#blockFirstKeyGroup);
    this.#footer.u16(this.#blockLastKeyGroup);
    this.#footer.u32(this.#blockPages);
    this.#footer.u32(this.#blockFirstHash >>> 0);
    this.#footer.f64(this.#blockFirstEventMs);
    this.#footer.f64(this.#blockFirstProcessingMs);
    this.#blockCount++;
  }
}
