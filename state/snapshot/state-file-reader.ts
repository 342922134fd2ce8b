import { crc32 } from 'node:zlib';
import { CheckpointCorruptError, ExternalError } from '../../engine/base/errors.ts';
import { withoutStates } from '../keyed/state-format.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
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
const FIRST_BYTES = 1 << 16;

interface Block {
  readonly offset: number;
  readonly bodyBytes: number;
  readonly firstKeyGroup: number;
  readonly lastKeyGroup: number;
}

/** Reads the pages of some key groups from a state file; everything read is checked against its checksums. */
export class StateFileReader {
  readonly file: StateFile;
  readonly header: StateFileHeader;
  readonly #storage: ObjectStorage;
  readonly #whole: Buffer | undefined;
  readonly #blocks: readonly Block[];

  private constructor(
    file: StateFile,
    header: StateFileHeader,
    source: { readonly storage: ObjectStorage; readonly whole: Buffer | undefined; readonly blocks: readonly Block[] },
  ) {
    this.file = file;
    this.header = header;
    this.#storage = source.storage;
    this.#whole = source.whole;
    this.#blocks = source.blocks;
  }

  /** @throws CheckpointCorruptError when the file is missing, torn or does not match its checksums. */
  static async open(storage: ObjectStorage, file: StateFile): Promise<StateFileReader> {
    const whole = file.bytes <= WHOLE_BYTES_MAX ? await fetch(storage, file, 0, file.bytes) : undefined;
    if (whole !== undefined && crc32(whole) !== file.checksum)
      throw corrupt(file, 0, 'the checksum in the manifest', crc32(whole));
    const first = whole ?? (await fetch(storage, file, 0, Math.min(FIRST_BYTES, file.bytes)));
    if (first.length < HEADER_PREFIX_BYTES || first.readUInt32LE(0) !== STATE_FILE_MAGIC) {
      throw corrupt(file, 0, 'the magic bytes of a state file', first.subarray(0, 4).toString('hex'));
    }
    if (first.readUInt16LE(4) !== STATE_FILE_VERSION) throw corrupt(file, 4, 'version 1', first.readUInt16LE(4));
    const descriptionBytes = first.readUInt32LE(8);
    const descriptionEnd = HEADER_PREFIX_BYTES + descriptionBytes;
    if (descriptionEnd > file.bytes) throw corrupt(file, 8, 'a header inside of the file', descriptionBytes);
    const headerBytes = descriptionEnd <= first.length ? first : await fetch(storage, file, 0, descriptionEnd);
    const description = headerBytes.subarray(HEADER_PREFIX_BYTES, descriptionEnd);
    if (crc32(description) !== first.readUInt32LE(12))
      throw corrupt(file, 12, 'the checksum of the header', crc32(description));
    const header = headerOf(JSON.parse(description.toString()) as StateFileHeader, file);
    const blocks = await readFooter(storage, file, whole);
    return new StateFileReader(file, header, { storage, whole, blocks });
  }

  /**
   * The pages of the file's range of key groups, which may be narrower than what it holds.
   *
   * @param formats for each format of the header, its number in the consumer's list.
   */
  run(formats: readonly number[]): PageRun {
    const { keyGroupStart, keyGroupEnd } = this.file;
    const blocks = this.#blocks.filter(
      (block) => block.lastKeyGroup >= keyGroupStart && block.firstKeyGroup < keyGroupEnd,
    );
    return new FileRun({ reader: this, blocks, keyGroupStart, keyGroupEnd, formats });
  }

  /** Bytes [offset, offset + length) of the file. */
  async bytes(offset: number, length: number): Promise<Buffer> {
    if (this.#whole !== undefined) return this.#whole.subarray(offset, offset + length);
    return fetch(this.#storage, this.file, offset, length);
  }
}

function headerOf(header: StateFileHeader, { droppedStates = [] }: StateFile): StateFileHeader {
  if (droppedStates.length === 0) return header;
  return { ...header, formats: header.formats.map((format) => withoutStates(format, droppedStates)) };
}

async function readFooter(storage: ObjectStorage, file: StateFile, whole: Buffer | undefined): Promise<Block[]> {
  const tailBytes = Math.min(file.bytes, FIRST_BYTES);
  let tail = whole ?? (await fetch(storage, file, file.bytes - tailBytes, tailBytes));
  const trailerAt = tail.length - TRAILER_BYTES;
  if (trailerAt < 0 || tail.readUInt32LE(trailerAt + 12) !== STATE_FILE_MAGIC) {
    throw corrupt(file, file.bytes - TRAILER_BYTES, 'the trailer of a state file', 'other bytes');
  }
  const count = tail.readUInt32LE(trailerAt);
  const checksum = tail.readUInt32LE(trailerAt + 4);
  const footerBytes = count * FOOTER_ENTRY_BYTES;
  const footerOffset = file.bytes - TRAILER_BYTES - footerBytes;
  if (footerOffset < HEADER_PREFIX_BYTES)
    throw corrupt(file, file.bytes - TRAILER_BYTES, 'a footer inside of the file', count);
  if (footerBytes > trailerAt) tail = await fetch(storage, file, footerOffset, footerBytes + TRAILER_BYTES);
  const footer = tail.subarray(tail.length - TRAILER_BYTES - footerBytes, tail.length - TRAILER_BYTES);
  if (crc32(footer) !== checksum) throw corrupt(file, footerOffset, 'the checksum of the footer', crc32(footer));
  const blocks: Block[] = [];
  for (let at = 0; at < footerBytes; at += FOOTER_ENTRY_BYTES) {
    blocks.push({
      offset: footer.readUInt32LE(at),
      bodyBytes: footer.readUInt32LE(at + 4),
      firstKeyGroup: footer.readUInt16LE(at + 8),
      lastKeyGroup: footer.readUInt16LE(at + 10),
    });
  }
  return blocks;
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

interface FileRunOptions {
  readonly reader: StateFileReader;
  readonly blocks: readonly Block[];
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  readonly formats: readonly number[];
}

class FileRun implements PageRun {
  readonly #options: FileRunOptions;
  #nextBlock = 0;
  /** Blocks fetched and not read yet. */
  #fetchedUntil = 0;
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

  constructor(options: FileRunOptions) {
    this.#options = options;
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
    const { blocks, reader } = this.#options;
    if (this.#nextBlock >= blocks.length) return false;
    const first = blocks[this.#nextBlock]!;
    let until = this.#nextBlock + 1;
    let end = first.offset + BLOCK_HEADER_BYTES + first.bodyBytes;
    while (until < blocks.length && end - first.offset < CHUNK_BYTES) {
      const block = blocks[until++]!;
      end = block.offset + BLOCK_HEADER_BYTES + block.bodyBytes;
    }
    this.#chunk = await reader.bytes(first.offset, end - first.offset);
    this.#chunkOffset = first.offset;
    this.#fetchedUntil = until;
    return true;
  }

  /** Opens the next block that is fetched, after its checksum. */
  #openBlock(): boolean {
    if (this.#nextBlock >= this.#fetchedUntil) return false;
    const { blocks, reader } = this.#options;
    const block = blocks[this.#nextBlock++]!;
    const at = block.offset - this.#chunkOffset;
    const chunk = this.#chunk;
    const bodyAt = at + BLOCK_HEADER_BYTES;
    const bodyBytes = chunk.readUInt32LE(at);
    if (bodyBytes !== block.bodyBytes)
      throw corrupt(reader.file, block.offset, `a block of ${block.bodyBytes} bytes`, bodyBytes);
    const checksum = crc32(chunk.subarray(bodyAt, bodyAt + bodyBytes));
    if (checksum !== chunk.readUInt32LE(at + 4))
      throw corrupt(reader.file, block.offset, 'the checksum of the block', checksum);
    this.buffer = chunk;
    this.#at = bodyAt;
    this.#end = bodyAt + bodyBytes;
    return true;
  }
}
