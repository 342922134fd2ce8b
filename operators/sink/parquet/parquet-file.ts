import { crc32 } from 'node:zlib';
import type { FileMetaData, RowGroup } from 'hyparquet';
import { ByteWriter as FooterWriter } from 'hyparquet-writer';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';
import type { ColumnBuffer, PageSink } from './column-buffer.ts';
import type { ParquetCompression } from './compression.ts';
import { PAGE_ROWS_MAX, STATISTICS_BYTES_MAX } from './limits.ts';
import type { ParquetColumn } from './parquet-columns.ts';
import { RangeByColumn } from './range-by-column.ts';

export interface ParquetFileOptions {
  readonly columns: readonly ParquetColumn[];
  readonly compression: ParquetCompression;
  readonly rowGroupRows: number;
  /** Key-value pairs of the footer. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

export interface FinishedParquetFile {
  readonly bytes: Uint8Array;
  readonly rowCount: number;
  /** CRC-32 of the whole file. */
  readonly checksum: number;
  readonly ranges: RangeByColumn;
}

const MAGIC = Buffer.from('PAR1');

/**
 * A Parquet file in the making. Rows go straight into column buffers, pages are encoded and compressed as they fill up, so
 * that what is held is about as large as the file. Equal rows in equal order give equal bytes.
 */
export class ParquetFile implements PageSink {
  readonly #options: ParquetFileOptions;
  readonly #names: readonly string[];
  readonly #buffers: readonly ColumnBuffer[];
  readonly #parts: Uint8Array[] = [MAGIC];
  readonly #rowGroups: RowGroup[] = [];
  readonly #ranges = new RangeByColumn();
  offset: number = MAGIC.length;
  rowCount = 0;
  #groupRows = 0;
  #pageRows = 0;

  constructor(options: ParquetFileOptions) {
    this.#options = options;
    this.#names = options.columns.filter((column) => column.isRowKind !== true).map((column) => column.name);
    this.#buffers = options.columns.map((column) => column.createBuffer(options.compression));
  }

  /** @throws RecordError when a value does not fit its column; the file is then of no more use. */
  append(row: Readonly<Record<string, unknown>>, rowKind: string = '+I'): void {
    const buffers = this.#buffers;
    const names = this.#names;
    for (let i = 0; i < names.length; i++) buffers[i]!.append(row[names[i]!]);
    if (buffers.length > names.length) buffers[names.length]!.append(rowKind);
    this.rowCount++;
    if (++this.#groupRows === this.#options.rowGroupRows) this.#finishRowGroup();
    else if (++this.#pageRows === PAGE_ROWS_MAX) this.#flushPages();
  }

  /** Bytes held, about what the file will have. */
  get byteCount(): number {
    let byteCount = this.offset;
    for (const buffer of this.#buffers) byteCount += buffer.byteCount;
    return byteCount;
  }

  /** PageSink: takes encoded bytes. */
  add(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.offset += bytes.length;
  }

  /** Closes the file. */
  finish(): FinishedParquetFile {
    this.#finishRowGroup();
    this.add(this.#footer());
    this.add(MAGIC);
    const bytes = Buffer.concat(this.#parts);
    return { bytes, rowCount: this.rowCount, checksum: crc32(bytes), ranges: this.#ranges };
  }

  #flushPages(): void {
    this.#pageRows = 0;
    for (const buffer of this.#buffers) buffer.flushPage();
  }

  #finishRowGroup(): void {
    if (this.#groupRows === 0) return;
    const startOffset = this.offset;
    const columns = this.#buffers.map((buffer) => buffer.finishChunk(this));
    columns.forEach((chunk, index) =>
      this.#ranges.add(this.#options.columns[index]!.element, chunk.meta_data?.statistics),
    );
    this.#rowGroups.push({
      columns,
      num_rows: BigInt(this.#groupRows),
      total_byte_size: columns.reduce((sum, chunk) => sum + chunk.meta_data!.total_uncompressed_size, 0n),
      file_offset: BigInt(startOffset),
      total_compressed_size: BigInt(this.offset - startOffset),
    });
    this.#groupRows = 0;
    this.#pageRows = 0;
  }

  #footer(): Uint8Array {
    const { columns, metadata = {} } = this.#options;
    const footer: Omit<FileMetaData, 'metadata_length'> = {
      version: 1,
      schema: [{ name: 'schema', num_children: columns.length }, ...columns.map((column) => column.element)],
      num_rows: BigInt(this.rowCount),
      row_groups: this.#rowGroups,
      key_value_metadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
      created_by: 'tidemark version 1.0.0 (build 1)',
    };
    const writer = new FooterWriter();
    writeMetadata(writer, footer as FileMetaData, STATISTICS_BYTES_MAX);
    return writer.getBytes();
  }
}
