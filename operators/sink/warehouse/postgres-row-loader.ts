import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { ByteWriter } from '../../../engine/base/bytes.ts';
import { isRetraction, type RowKind } from '../../../engine/task/row-kind.ts';
import {
  beginRow,
  type FieldEncoder,
  fieldEncoders,
  writeBigint,
  writeBoolean,
  writeCopyHeader,
  writeCopyTrailer,
} from './binary-copy.ts';
import { copyIntoStaging, copyIntoTable, createStaging } from './postgres-statements.ts';
import type { RowLoader } from './warehouse.ts';
import type { WarehouseTable } from './warehouse-table.ts';

/** Bytes that are sent at once. */
const CHUNK_BYTES = 256 << 10;

/** Sends rows by binary COPY: encoded into one buffer, handed over in chunks. */
export class PostgresRowLoader implements RowLoader {
  readonly #stream: ReturnType<typeof copyFrom>;
  readonly #fields: readonly string[];
  readonly #encoders: readonly FieldEncoder[];
  readonly #isStaged: boolean;
  readonly #fieldCount: number;
  readonly #writer = new ByteWriter(CHUNK_BYTES + 4096);
  /** Settles when the server ends the copy: with an error, or after `finish`. */
  readonly #ended: Promise<void>;
  readonly #translate: (error: unknown) => Error;
  #ordinal = 0;
  #failure: Error | undefined;

  static async begin(
    client: pg.Client,
    table: WarehouseTable,
    translate: (error: unknown) => Error,
  ): Promise<PostgresRowLoader> {
    const isStaged = table.key.length > 0;
    if (isStaged) await client.query(createStaging(table));
    const stream = client.query(copyFrom(isStaged ? copyIntoStaging(table) : copyIntoTable(table)));
    return new PostgresRowLoader(stream, table, isStaged, translate);
  }

  private constructor(
    stream: ReturnType<typeof copyFrom>,
    table: WarehouseTable,
    isStaged: boolean,
    translate: (error: unknown) => Error,
  ) {
    this.#stream = stream;
    this.#fields = table.columns.map((column) => column.field);
    this.#encoders = fieldEncoders(table.columns);
    this.#isStaged = isStaged;
    this.#fieldCount = table.columns.length + (isStaged ? 2 : 0);
    this.#translate = translate;
    this.#ended = new Promise((resolve, reject) => {
      stream.once('finish', resolve);
      stream.once('close', resolve);
      stream.on('error', (error) => {
        this.#failure ??= translate(error);
        reject(this.#failure);
      });
    });
    // It is also awaited where it matters.
    this.#ended.catch(() => {});
    writeCopyHeader(this.#writer);
  }

  add(row: Readonly<Record<string, unknown>>, kind: RowKind): void {
    const writer = this.#writer;
    const fields = this.#fields;
    const encoders = this.#encoders;
    beginRow(writer, this.#fieldCount);
    for (let i = 0; i < fields.length; i++) encoders[i]!(writer, row[fields[i]!]);
    if (!this.#isStaged) return;
    writeBigint(writer, this.#ordinal++);
    writeBoolean(writer, isRetraction(kind));
  }

  get isFull(): boolean {
    return this.#writer.length >= CHUNK_BYTES;
  }

  async flush(): Promise<void> {
    // The stream breaks when it is used after an error.
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#writer.length === 0) return;
    // A copy: the socket may hold on to the bytes after it has said that it can take more.
    const chunk = this.#writer.copy();
    this.#writer.clear();
    const written = new Promise<void>((resolve, reject) => {
      this.#stream.write(chunk, (error) => (error ? reject(this.#translate(error)) : resolve()));
    });
    written.catch(() => {});
    await Promise.race([written, this.#ended]);
  }

  async finish(): Promise<number> {
    writeCopyTrailer(this.#writer);
    await this.flush();
    this.#stream.end();
    await this.#ended;
    return this.#stream.rowCount;
  }

  /** Ends the copy without its rows, so that the connection can be used again. Never throws. */
  async abort(): Promise<void> {
    if (this.#failure === undefined) this.#stream.destroy();
    await this.#ended.catch(() => {});
  }
}
