import { ByteReader } from '../../../engine/base/bytes.ts';
import { RecordError } from '../../../engine/base/errors.ts';
import { AvroContainerWriter } from '../../../operators/format/avro/avro-container-writer.ts';
import type { ObjectStorage } from '../../../state/storage/object-storage.ts';
import { BidRequestWire } from '../../attribution/bid-request-wire.ts';
import type { RawRecord } from '../../attribution/raw-record.ts';
import type { SourceName } from '../../attribution/schemas.ts';
import { CLICK_CSV_HEADER } from '../wire/click-csv.ts';
import type { SimulatorTarget } from './simulator-target.ts';

export interface FileTargetOptions {
  readonly storage: ObjectStorage;
  /** Key prefix of all files, without a slash at its end. Default: none. */
  readonly prefix?: string | undefined;
  /** A new file begins after so many records of a partition. Default 100,000. */
  readonly recordsPerFile?: number | undefined;
}

/**
 * Writes the logs as files, `<stream>/part-<partition>-<number>.<ending>`: impressions as JSON lines, clicks and
 * conversions as CSV with a header, bid requests as Avro containers. Files know no time of receipt. A bid request that is
 * broken as Avro cannot stand in a container and is left out.
 */
export class FileTarget implements SimulatorTarget {
  readonly description: string;
  readonly #options: FileTargetOptions;
  readonly #files = new Map<string, OpenFile>();

  constructor(options: FileTargetOptions) {
    this.#options = options;
    this.description = options.storage.description;
  }

  async open(): Promise<void> {}

  async write(stream: SourceName, partition: number, records: readonly RawRecord[]): Promise<void> {
    const { recordsPerFile = 100_000 } = this.#options;
    const name = `${stream}/${partition}`;
    let file = this.#files.get(name);
    if (file === undefined) {
      file = new OpenFile(stream, partition);
      this.#files.set(name, file);
    }
    for (const record of records) {
      file.append(record.bytes);
      if (file.recordCount >= recordsPerFile) await this.#put(file);
    }
  }

  async close(): Promise<void> {
    for (const file of this.#files.values()) if (file.recordCount > 0) await this.#put(file);
  }

  async #put(file: OpenFile): Promise<void> {
    const { storage, prefix } = this.#options;
    const { key, bytes } = file.take();
    await storage.put(prefix === undefined ? key : `${prefix}/${key}`, bytes);
  }
}

const ENDINGS: Readonly<Record<SourceName, string>> = {
  impressions: 'jsonl',
  clicks_conversions: 'csv',
  bid_requests: 'avro',
};

class OpenFile {
  recordCount = 0;
  readonly #stream: SourceName;
  readonly #partition: number;
  #number = 0;
  #lines: Uint8Array[] = [];
  #container: AvroContainerWriter<BidRequestWire> | undefined;

  constructor(stream: SourceName, partition: number) {
    this.#stream = stream;
    this.#partition = partition;
  }

  append(bytes: Uint8Array): void {
    this.recordCount++;
    if (this.#stream !== 'bid_requests') {
      this.#lines.push(bytes);
      return;
    }
    this.#container ??= new AvroContainerWriter(BidRequestWire);
    const request = readOrUndefined(bytes);
    if (request !== undefined) this.#container.append(request);
  }

  /** The file as it is to be stored; the next one begins. */
  take(): { readonly key: string; readonly bytes: Uint8Array } {
    const key = `${this.#stream}/part-${this.#partition}-${this.#number}.${ENDINGS[this.#stream]}`;
    const bytes = this.#stream === 'bid_requests' ? this.#takeContainer() : this.#takeLines();
    this.#number++;
    this.recordCount = 0;
    return { key, bytes };
  }

  #takeLines(): Uint8Array {
    const lines = this.#stream === 'clicks_conversions' ? [Buffer.from(CLICK_CSV_HEADER), ...this.#lines] : this.#lines;
    this.#lines = [];
    return Buffer.concat(lines.flatMap((line) => [line, LINE_END]));
  }

  #takeContainer(): Uint8Array {
    const container = this.#container!;
    this.#container = undefined;
    container.flush();
    return container.take();
  }
}

const LINE_END = Buffer.from('\n');

function readOrUndefined(bytes: Uint8Array): BidRequestWire | undefined {
  try {
    return BidRequestWire.decode(new ByteReader(bytes));
  } catch (error) {
    // A read past the end is an assertion of the reader, a wrong value a RecordError: the record was cut.
    if (error instanceof RecordError || (error as Error).name === 'InternalError') return undefined;
    throw error;
  }
}
