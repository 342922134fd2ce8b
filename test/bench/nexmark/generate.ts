import { closeSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ByteWriter } from '../../../engine/base/bytes.ts';
import { NexmarkGenerator } from '../../../jobs/nexmark/generator/nexmark-generator.ts';
import { NexmarkEvent } from '../../../jobs/nexmark/schemas.ts';
import { BLOCK_EVENTS, encodeBlockIndex, indexPathOf } from '../../../jobs/nexmark/source/block-index.ts';
import { AvroContainerWriter } from '../../../operators/format/avro/avro-container-writer.ts';
import { lengthPrefixedAvroEncoder } from '../../../operators/format/avro/length-prefixed-avro.ts';

const FLUSH_BYTES = 4 * 1024 * 1024;
const EVENT_TYPES = { person: 0, auction: 1, bid: 2 } as const;

export interface GenerateOptions {
  readonly events: number;
  /** Events per second of event time. */
  readonly tps: number;
  readonly seed: number;
  /** The folder, made when it is not there. */
  readonly out: string;
  readonly disorderGroup?: number | undefined;
  /** Writes `events.container.avro` too: a standard Avro file. Default false. */
  readonly container?: boolean | undefined;
}

/**
 * Writes `events.avro` (each event with its length before it), `events.jsonl` and the indexes of both, and the schema. Equal
 * options give equal bytes.
 */
export function generateFiles(options: GenerateOptions): void {
  const { events, out } = options;
  mkdirSync(out, { recursive: true });
  const generator = new NexmarkGenerator(options);
  const encoder = lengthPrefixedAvroEncoder(NexmarkEvent);
  const avro = new BlockFileWriter(join(out, 'events.avro'), events);
  const json = new BlockFileWriter(join(out, 'events.jsonl'), events);
  const container = options.container === true ? new AvroContainerWriter(NexmarkEvent) : undefined;
  const parts: Uint8Array[] = [];
  for (let number = 0; number < events; number++) {
    const event = generator.eventAt(number);
    encoder.encode(avro.writer, event);
    avro.endEvent();
    const { type, ...fields } = event;
    json.text(
      `${JSON.stringify({ event_type: EVENT_TYPES[type], person: null, auction: null, bid: null, [type]: fields })}\n`,
    );
    json.endEvent();
    container?.append(event);
    if (container !== undefined && number % BLOCK_EVENTS === 0) parts.push(container.take());
  }
  writeFileSync(join(out, 'nexmark.avsc'), `${JSON.stringify(NexmarkEvent.avro, undefined, 2)}\n`);
  if (container !== undefined) {
    container.flush();
    parts.push(container.take());
    writeFileSync(join(out, 'events.container.avro'), Buffer.concat(parts));
  }
  json.close();
  avro.close();
}

/** A file of events with the index of its blocks; both get their names when they are complete. */
class BlockFileWriter {
  readonly writer = new ByteWriter(FLUSH_BYTES * 2);
  readonly #path: string;
  readonly #descriptor: number;
  readonly #offsets: Float64Array;
  #flushedBytes = 0;
  #eventCount = 0;

  constructor(path: string, eventCount: number) {
    this.#path = path;
    this.#descriptor = openSync(`${path}.part`, 'w');
    this.#offsets = new Float64Array(Math.ceil(eventCount / BLOCK_EVENTS) + 1);
  }

  /** Appends ASCII text. */
  text(text: string): void {
    this.writer.ensure(text.length);
    this.writer.length += this.writer.buffer.write(text, this.writer.length, 'latin1');
  }

  endEvent(): void {
    this.#eventCount++;
    if (this.#eventCount % BLOCK_EVENTS === 0)
      this.#offsets[this.#eventCount / BLOCK_EVENTS] = this.#flushedBytes + this.writer.length;
    if (this.writer.length >= FLUSH_BYTES) this.#flush();
  }

  close(): void {
    this.#flush();
    this.#offsets[this.#offsets.length - 1] = this.#flushedBytes;
    closeSync(this.#descriptor);
    renameSync(`${this.#path}.part`, this.#path);
    const index = encodeBlockIndex({ eventCount: this.#eventCount, offsets: this.#offsets });
    writeFileSync(indexPathOf(this.#path), index);
  }

  #flush(): void {
    writeSync(this.#descriptor, this.writer.written());
    this.#flushedBytes += this.writer.length;
    this.writer.clear();
  }
}
