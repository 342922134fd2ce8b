import type { ColumnChunk, Encoding, SchemaElement, Statistics } from 'hyparquet';
import { ByteWriter as PageHeaderWriter } from 'hyparquet-writer';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { ByteWriter } from '../../../engine/base/bytes.ts';
import { RecordError } from '../../../engine/base/errors.ts';
import { CODEC_NAMES, compressPage, type ParquetCompression } from './compression.ts';
import { writeHybrid } from './hybrid-encoding.ts';

/** Where pages go, in order: the parts of a file. */
export interface PageSink {
  readonly offset: number;
  add(bytes: Uint8Array): void;
}

interface Page {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
  readonly encoding: Encoding;
  /** Header and body before compression. */
  readonly uncompressedBytes: number;
}

/**
 * One column of the row group that is being filled: the current page as it will be written, finished pages compressed.
 * Rows leave nothing else behind. Pages are of version 1, which every reader knows.
 */
export abstract class ColumnBuffer {
  readonly element: SchemaElement;
  readonly #isOptional: boolean;
  readonly #compression: ParquetCompression;
  /** Values of the current page, PLAIN or as the subclass has it. */
  protected readonly body: ByteWriter = new ByteWriter(256);
  /** Rows of the current page, nulls included. */
  protected pageRows = 0;
  /** Values of the current page that are not null. */
  protected pageValues = 0;
  /** Definition levels of the current page: 0 for null. Unused when the column is required. */
  #levels = new Uint8Array(64);
  readonly #page = new ByteWriter();
  #pages: Page[] = [];
  #rowCount = 0;
  #nullCount = 0;
  #pageBytes = 0;

  constructor(element: SchemaElement, compression: ParquetCompression) {
    this.element = element;
    this.#isOptional = element.repetition_type === 'OPTIONAL';
    this.#compression = compression;
  }

  /** Appends a value that fits the column. @throws RecordError naming the column when it does not. */
  protected abstract appendValue(value: unknown): void;
  /** Writes the values of the current page and clears them. */
  protected abstract writeValues(writer: ByteWriter): Encoding;
  /** The dictionary page's entries, PLAIN, when the chunk's pages refer to one. */
  protected abstract dictionary(): { readonly entryCount: number; readonly bytes: Uint8Array } | undefined;
  /** Smallest and largest value of the chunk; undefined without any. */
  protected abstract range(): { readonly min: unknown; readonly max: unknown } | undefined;
  /** Forgets dictionary and range: a new chunk begins. */
  protected abstract reset(): void;

  /** Appends the column's value of a row; undefined and null are null. */
  append(value: unknown): void {
    if (this.#isOptional) this.#appendLevel(value);
    if (value !== undefined && value !== null) {
      this.appendValue(value);
      this.pageValues++;
    } else {
      if (!this.#isOptional) throw this.misfit(value, 'a value');
      this.#nullCount++;
    }
    this.pageRows++;
  }

  /** Bytes held: compressed pages, and the current page before compression. */
  get byteCount(): number {
    return this.#pageBytes + this.body.length;
  }

  /** Encodes and compresses the current page, if it has rows. */
  flushPage(): void {
    if (this.pageRows === 0) return;
    const page = this.#page;
    page.clear();
    if (this.#isOptional) {
      const lengthAt = page.reserve(4);
      writeHybrid(page, this.#levels, this.pageRows, 1);
      page.view.setUint32(lengthAt, page.length - lengthAt - 4, true);
    }
    const encoding = this.writeValues(page);
    this.#addPage(page.written(), encoding, {
      type: 'DATA_PAGE',
      data_page_header: {
        num_values: this.pageRows,
        encoding,
        definition_level_encoding: 'RLE',
        repetition_level_encoding: 'RLE',
      },
    });
    this.#rowCount += this.pageRows;
    this.pageRows = 0;
    this.pageValues = 0;
  }

  /** Ends the column's part of a row group: writes its pages, returns what the footer says about them. */
  finishChunk(sink: PageSink): ColumnChunk {
    this.flushPage();
    const startOffset = sink.offset;
    const dictionary = this.dictionary();
    let dictionaryOffset: bigint | undefined;
    let uncompressedBytes = 0;
    if (dictionary !== undefined) {
      dictionaryOffset = BigInt(startOffset);
      const page = this.#encodePage(dictionary.bytes, 'PLAIN_DICTIONARY', {
        type: 'DICTIONARY_PAGE',
        dictionary_page_header: { num_values: dictionary.entryCount, encoding: 'PLAIN_DICTIONARY' },
      });
      uncompressedBytes += page.uncompressedBytes;
      sink.add(page.header);
      sink.add(page.body);
    }
    const dataOffset = sink.offset;
    const encodings = new Set<Encoding>(this.#isOptional ? ['RLE'] : []);
    for (const page of this.#pages) {
      uncompressedBytes += page.uncompressedBytes;
      encodings.add(page.encoding);
      sink.add(page.header);
      sink.add(page.body);
    }
    const chunk: ColumnChunk = {
      file_offset: BigInt(startOffset),
      meta_data: {
        type: this.element.type!,
        encodings: [...encodings],
        path_in_schema: [this.element.name],
        codec: CODEC_NAMES[this.#compression],
        num_values: BigInt(this.#rowCount),
        total_uncompressed_size: BigInt(uncompressedBytes),
        total_compressed_size: BigInt(sink.offset - startOffset),
        data_page_offset: BigInt(dataOffset),
        ...(dictionaryOffset === undefined ? {} : { dictionary_page_offset: dictionaryOffset }),
        statistics: this.#statistics(),
      },
    };
    this.#pages = [];
    this.#pageBytes = 0;
    this.#rowCount = 0;
    this.#nullCount = 0;
    this.reset();
    return chunk;
  }

  /** Whether a page of the chunk is finished already. */
  protected get hasPages(): boolean {
    return this.#pages.length > 0;
  }

  protected misfit(value: unknown, expected: string): RecordError {
    const found = value === null || value === undefined ? String(value) : `${typeof value} ${String(value)}`;
    return new RecordError(`column ${this.element.name}: expected ${expected}, found ${found}`);
  }

  #appendLevel(value: unknown): void {
    const at = this.pageRows;
    if (at === this.#levels.length) {
      const grown = new Uint8Array(at * 2);
      grown.set(this.#levels);
      this.#levels = grown;
    }
    this.#levels[at] = value === undefined || value === null ? 0 : 1;
  }

  #addPage(body: Uint8Array, encoding: Encoding, header: Parameters<typeof encodeHeader>[2]): void {
    const page = this.#encodePage(body, encoding, header);
    this.#pages.push(page);
    this.#pageBytes += page.header.length + page.body.length;
  }

  #encodePage(body: Uint8Array, encoding: Encoding, fields: Parameters<typeof encodeHeader>[2]): Page {
    const compressed = compressPage(body, this.#compression);
    const header = encodeHeader(body.length, compressed.length, fields);
    return { header, body: compressed, encoding, uncompressedBytes: header.length + body.length };
  }

  #statistics(): Statistics {
    const range = this.range();
    const nullCount = { null_count: BigInt(this.#nullCount) };
    if (range === undefined) return nullCount;
    return { ...nullCount, min_value: range.min as number, max_value: range.max as number };
  }
}

function encodeHeader(
  uncompressedBytes: number,
  compressedBytes: number,
  fields: Omit<Parameters<typeof writePageHeader>[1], 'uncompressed_page_size' | 'compressed_page_size'>,
): Uint8Array {
  const writer = new PageHeaderWriter(64);
  writePageHeader(writer, {
    uncompressed_page_size: uncompressedBytes,
    compressed_page_size: compressedBytes,
    ...fields,
  });
  return writer.getBytes().slice();
}
