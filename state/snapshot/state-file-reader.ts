import { crc32 } from 'node:zlib';
import { CheckpointCorruptError, ExternalError } from '../../engine/base/errors.ts';
import type { OpenFile } from '../../engine/base/file-system.ts';
import { withoutStates } from '../keyed/state-format.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import { BlockIndex } from './block-index.ts';
import { HashFilter } from './hash-filter.ts';
import type { PageRun } from './page-run.ts';
import {
  BLOCK_HEADER_BYTES,
  FILE_ENTRY_HEADER_BYTES,
  FOOTER_ENTRY_BYTES,
  HEADER_PREFIX_BYTES,
  STATE_FILE_MAGIC,
  STATE_FILE_VERSION,
  TRAILER_BYTES,
  type StateFileHeader,
} from './state-file-format.ts';
import type { StateFile } from './state-file.ts';

/** Files up to this size are fetched whole. */
const WHOLE_BYTES_MAX = 1 << 20;
/** Bytes per request otherwise. */
const CHUNK_BYTES = 1 << 20;
/** Bytes in which the header is looked for at first; and the index, by the size of the file. */
const FIRST_BYTES = 1 << 12;
const LAST_BYTES_MAX = 1 << 18;
const LAST_SHARE = 1 / 128;

/** Reads the pages of some key groups from a state file; everything read is checked against its checksums. */
export class StateFileReader {
  readonly file: StateFile;
  readonly header: StateFileHeader;
  readonly #storage: ObjectStorage;
  readonly #whole: Buffer | undefined;
  /** Its blocks, for look-ups. */
  readonly blocks: BlockIndex;
  readonly #filter: HashFilter | undefined;
  #open: OpenFile | undefined = undefined;

  private constructor(
    file: StateFile,
    header: StateFileHeader,
    source: { readonly storage: ObjectStorage; readonly whole: Buffer | undefined; readonly index: Index },
  ) {
    this.file = file;
    this.header = header;
    this.#storage = source.storage;
    this.#whole = source.whole;
    this.blocks = source.index.blocks;
    this.#filter = source.index.filter;
  }

  /**
   * @param wholeBytesMax a file up to this size is fetched whole and kept. Default 1 MB.
   * @throws CheckpointCorruptError when the file is missing, torn or does not match its checksums.
   */
  static async open(
    storage: ObjectStorage,
    file: StateFile,
    wholeBytesMax: number = WHOLE_BYTES_MAX,
  ): Promise<StateFileReader> {
    const whole = file.bytes <= wholeBytesMax ? await fetch(storage, file, 0, file.bytes) : undefined;
    if (whole !== undefined && crc32(whole) !== file.checksum)
      throw corrupt(file, 0, 'the checksum in the manifest', crc32(whole));
    const first = whole ?? (await fetch(storage, file, 0, Math.min(FIRST_BYTES, file.bytes)));
    if (first.length < HEADER_PREFIX_BYTES || first.readUInt32LE(0) !== STATE_FILE_MAGIC) {
      throw corrupt(file, 0, 'the magic bytes of a state file', first.subarray(0, 4).toString('hex'));
    }
    const version = first.readUInt16LE(4);
    if (version < 1 || version > STATE_FILE_VERSION)
      throw corrupt(file, 4, `version 1 to ${STATE_FILE_VERSION}`, version);
    const descriptionBytes = first.readUInt32LE(8);
    const descriptionEnd = HEADER_PREFIX_BYTES + descriptionBytes;
    if (descriptionEnd > file.bytes) throw corrupt(file, 8, 'a header inside of the file', descriptionBytes);
    const headerBytes = descriptionEnd <= first.length ? first : await fetch(storage, file, 0, descriptionEnd);
    const description = headerBytes.subarray(HEADER_PREFIX_BYTES, descriptionEnd);
    if (crc32(description) !== first.readUInt32LE(12))
      throw corrupt(file, 12, 'the checksum of the header', crc32(description));
    const header = headerOf(JSON.parse(description.toString()) as StateFileHeader, file);
    const index = await readIndex(storage, file, whole);
    return new StateFileReader(file, header, { storage, whole, index });
  }

  /**
   * The pages of the file's range of key groups, which may be narrower than what it holds.
   *
   * @param formats for each format of the header, its number in the consumer's list.
   * @param options a narrower range of key groups, [start, end); bytes read at a time.
   */
  run(formats: readonly number[], options: RunOptions = {}): PageRun {
    const keyGroupStart = Math.max(this.file.keyGroupStart, options.keyGroupStart ?? 0);
    const keyGroupEnd = Math.min(this.file.keyGroupEnd, options.keyGroupEnd ?? Infinity);
    const chunkBytes = options.chunkBytes ?? CHUNK_BYTES;
    return new FileRun({ reader: this, keyGroupStart, keyGroupEnd, formats, chunkBytes });
  }

  /** False: the file certainly has no page of a key with this hash. */
  mayHave(hash: number): boolean {
    return this.#filter === undefined || this.#filter.mayHave(hash);
  }

  /** The pages of blocks [start, end), of all key groups that they have, checked. */
  blockRun(start: number, end: number, formats: readonly number[]): FileRun {
    const chunkBytes = Infinity;
    return new FileRun({ reader: this, keyGroupStart: 0, keyGroupEnd: Infinity, formats, chunkBytes }, { start, end });
  }

  /** Bytes [offset, offset + length) of the file. */
  async bytes(offset: number, length: number): Promise<Buffer> {
    if (this.#whole !== undefined) return this.#whole.subarray(offset, offset + length);
    const open = this.#open;
    if (open === undefined) return fetch(this.#storage, this.file, offset, length);
    const bytes = Buffer.allocUnsafeSlow(length);
    const found = await open.read(bytes, 0, length, offset);
    if (found !== length) throw corrupt(this.file, offset, `${length} bytes`, found);
    return bytes;
  }

  /** The same at once, into `scratch` when it has room; undefined when the file is not open. The thread waits for the disk. */
  bytesNow(offset: number, length: number, scratch: Buffer): Buffer | undefined {
    if (this.#open === undefined) return undefined;
    const bytes = length <= scratch.length ? scratch : Buffer.allocUnsafeSlow(length);
    const found = this.#open.readNow(bytes, 0, length, offset);
    if (found !== length) throw corrupt(this.file, offset, `${length} bytes`, found);
    return bytes;
  }

  /** Keeps the file open for many reads, where storage can; `close` must follow. */
  async keepOpen(): Promise<void> {
    this.#open = await this.#storage.openFile?.(this.file.key);
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.close();
  }
}

function headerOf(header: StateFileHeader, { droppedStates = [] }: StateFile): StateFileHeader {
  if (droppedStates.length === 0) return header;
  return { ...header, formats: header.formats.map((format) => withoutStates(format, droppedStates)) };
}

interface Index {
  readonly blocks: BlockIndex;
  /** Undefined: the file does not tell. */
  readonly filter: HashFilter | undefined;
}

async function readIndex(storage: ObjectStorage, file: StateFile, whole: Buffer | undefined): Promise<Index> {
  const likelyBytes = Math.ceil(Math.min(LAST_BYTES_MAX, Math.max(FIRST_BYTES, file.bytes * LAST_SHARE)));
  const tailBytes = Math.min(file.bytes, likelyBytes);
  let tail = whole ?? (await fetch(storage, file, file.bytes - tailBytes, tailBytes));
  const version = tail.length < 8 ? 0 : tail.readUInt32LE(tail.length - 8);
  const trailerBytes = TRAILER_BYTES[version];
  if (
    trailerBytes === undefined ||
    tail.length < trailerBytes ||
    tail.readUInt32LE(tail.length - 4) !== STATE_FILE_MAGIC
  ) {
    throw corrupt(file, file.bytes - 8, 'the trailer of a state file', 'other bytes');
  }
  const trailer = tail.subarray(tail.length - trailerBytes, tail.length - 8);
  const footerBytes = trailer.readUInt32LE(trailer.length - 8) * FOOTER_ENTRY_BYTES[version]!;
  const filterBytes = version === 1 ? 0 : trailer.readUInt32LE(0);
  const indexBytes = filterBytes + footerBytes + trailerBytes;
  if (file.bytes - indexBytes < HEADER_PREFIX_BYTES)
    throw corrupt(file, file.bytes - trailerBytes, 'a footer inside of the file', indexBytes);
  if (indexBytes > tail.length) tail = await fetch(storage, file, file.bytes - indexBytes, indexBytes);
  const filterAt = tail.length - indexBytes;
  const footer = tail.subarray(filterAt + filterBytes, filterAt + filterBytes + footerBytes);
  if (crc32(footer) !== trailer.readUInt32LE(trailer.length - 4))
    throw corrupt(file, file.bytes - indexBytes + filterBytes, 'the checksum of the footer', crc32(footer));
  // Copies of their own: the bytes around them are not needed any more.
  const blocks = new BlockIndex(Buffer.from(footer), FOOTER_ENTRY_BYTES[version]!);
  if (version === 1) return { blocks, filter: undefined };
  const filter = Buffer.from(tail.subarray(filterAt, filterAt + filterBytes));
  if (crc32(filter) !== trailer.readUInt32LE(4))
    throw corrupt(file, file.bytes - indexBytes, 'the checksum of the filter', crc32(filter));
  const words = new Int32Array(filterBytes / 4);
  Buffer.from(words.buffer).set(filter);
  return { blocks, filter: new HashFilter(words) };
}

async function fetch(storage: ObjectStorage, file: StateFile, offset: number, length: number): Promise<Buffer> {
  let bytes: Uint8Array;
  try {
    bytes = await storage.getRange(file.key, offset, length);
  } catch (error) {
    if (!(error instanceof ExternalError) || error.code !== 'NOT_FOUND') throw error;
    throw new CheckpointCorruptError(`state file ${storage.url(file.key)} is missing`, { cause: error });
  }
  if (bytes.length !== length) throw corrupt(file, offset, `${length} bytes`, bytes.length);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function corrupt(file: StateFile, offset: number, expected: string, found: string | number): CheckpointCorruptError {
  return new CheckpointCorruptError(`state file ${file.key}, offset ${offset}: expected ${expected}, found ${found}`, {
    hint: 'The file was torn or changed after it was written. An older checkpoint can be restored.',
  });
}

export interface RunOptions {
  readonly keyGroupStart?: number | undefined;
  readonly keyGroupEnd?: number | undefined;
  readonly chunkBytes?: number | undefined;
}

interface FileRunOptions {
  readonly reader: StateFileReader;
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  readonly formats: readonly number[];
  readonly chunkBytes: number;
}

/** See `StateFileReader.run`. */
export class FileRun implements PageRun {
  readonly #options: FileRunOptions;
  #nextBlock: number;
  readonly #blockEnd: number;
  /** Blocks before it are fetched. */
  #fetchedUntil: number;
  #chunk: Buffer = Buffer.alloc(0);
  #chunkOffset = 0;
  #at = 0;
  #end = 0;
  keyGroup = 0;
  hash = 0;
  buffer: Buffer = Buffer.alloc(0);
  keyOffset = 0;
  keyLength = 0;
  pageOffset = 0;
  pageLength = 0;
  format = 0;

  constructor(
    options: FileRunOptions,
    blocks = options.reader.blocks.ofKeyGroups(options.keyGroupStart, options.keyGroupEnd),
  ) {
    this.#options = options;
    this.#nextBlock = blocks.start;
    this.#fetchedUntil = blocks.start;
    this.#blockEnd = blocks.end;
  }

  next(): boolean {
    const { keyGroupStart, keyGroupEnd, formats } = this.#options;
    for (;;) {
      if (this.#at >= this.#end && !this.#openBlock()) return false;
      const { buffer } = this;
      const at = this.#at;
      this.keyGroup = buffer.readUInt16LE(at);
      this.keyLength = buffer.readUInt16LE(at + 2);
      this.hash = buffer.readInt32LE(at + 4);
      this.pageLength = buffer.readUInt32LE(at + 8);
      this.keyOffset = at + FILE_ENTRY_HEADER_BYTES;
      this.pageOffset = this.keyOffset + this.keyLength;
      this.#at = this.pageOffset + this.pageLength;
      if (this.keyGroup < keyGroupStart || this.keyGroup >= keyGroupEnd) continue;
      if (this.pageLength > 0) this.format = formats[buffer[this.pageOffset]!] ?? 0;
      return true;
    }
  }

  async load(): Promise<boolean> {
    if (this.#nextBlock >= this.#blockEnd) return false;
    const { offset, length, until } = this.#chunkFrom(this.#nextBlock);
    this.#chunk = await this.#options.reader.bytes(offset, length);
    this.#chunkOffset = offset;
    this.#fetchedUntil = until;
    return true;
  }

  /** The same at once; false when the file is not open, or at the end. The pages are in `scratch` when they fit. */
  loadNow(scratch: Buffer): boolean {
    if (this.#nextBlock >= this.#blockEnd) return false;
    const { offset, length, until } = this.#chunkFrom(this.#nextBlock);
    const bytes = this.#options.reader.bytesNow(offset, length, scratch);
    if (bytes === undefined) return false;
    this.#chunk = bytes;
    this.#chunkOffset = offset;
    this.#fetchedUntil = until;
    return true;
  }

  #chunkFrom(block: number): { readonly offset: number; readonly length: number; readonly until: number } {
    const { reader, chunkBytes } = this.#options;
    const { blocks } = reader;
    const offset = blocks.offset(block);
    let until = block;
    let end = offset;
    do {
      end = blocks.offset(until) + BLOCK_HEADER_BYTES + blocks.bodyBytes(until);
      until++;
    } while (until < this.#blockEnd && end - offset < chunkBytes);
    return { offset, length: end - offset, until };
  }

  /** Opens the next block that is fetched, after its checksum. */
  #openBlock(): boolean {
    if (this.#nextBlock >= this.#fetchedUntil) return false;
    const { reader } = this.#options;
    const block = this.#nextBlock++;
    const offset = reader.blocks.offset(block);
    const at = offset - this.#chunkOffset;
    const chunk = this.#chunk;
    const bodyAt = at + BLOCK_HEADER_BYTES;
    const bodyBytes = chunk.readUInt32LE(at);
    if (bodyBytes !== reader.blocks.bodyBytes(block))
      throw corrupt(reader.file, offset, `a block of ${reader.blocks.bodyBytes(block)} bytes`, bodyBytes);
    const checksum = crc32(chunk.subarray(bodyAt, bodyAt + bodyBytes));
    if (checksum !== chunk.readUInt32LE(at + 4))
      throw corrupt(reader.file, offset, 'the checksum of the block', checksum);
    this.buffer = chunk;
    this.#at = bodyAt;
    this.#end = bodyAt + bodyBytes;
    return true;
  }
}
