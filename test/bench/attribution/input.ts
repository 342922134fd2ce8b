import { existsSync, mkdirSync, openSync, closeSync, renameSync, writeSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ByteWriter } from '../../../engine/base/bytes.ts';
import { lengthPrefixedAvroEncoder } from '../../../operators/format/avro/length-prefixed-avro.ts';
import { type BenchEvent, type BenchOptions, benchEvents } from './events.ts';
import { WrittenEvent } from './schemas.ts';

const FLUSH_BYTES = 4 * 1024 * 1024;

/** The input of one data set: made once per machine, in the temporary folder. */
export interface BenchInput {
  readonly avroFile: string;
  readonly jsonFile: string;
  readonly eventCount: number;
}

export function prepareInput(options: BenchOptions): BenchInput {
  const name = `attribution-${options.profile}-${options.eventCount}-${options.spanMs / 1000}s-seed${options.seed}`;
  const folder = join(tmpdir(), 'tidemark-bench', name);
  const input = {
    avroFile: join(folder, 'events.avro'),
    jsonFile: join(folder, 'events.jsonl'),
    eventCount: options.eventCount,
  };
  if (existsSync(input.jsonFile) && statSync(input.jsonFile).size > 0) return input;
  mkdirSync(folder, { recursive: true });
  const avro = new FileAppender(`${input.avroFile}.part`);
  const json = new FileAppender(`${input.jsonFile}.part`);
  const encoder = lengthPrefixedAvroEncoder(WrittenEvent);
  for (const event of benchEvents(options)) {
    encoder.encode(avro.writer, tagged(event));
    avro.flushIfLarge();
    json.line(JSON.stringify(jsonOf(event)));
  }
  avro.close();
  json.close();
  renameSync(`${input.avroFile}.part`, input.avroFile);
  renameSync(`${input.jsonFile}.part`, input.jsonFile);
  return input;
}

function tagged(event: BenchEvent): Parameters<typeof WrittenEvent.encode>[1] {
  switch (event.type) {
    case 0:
      return { type: 'impression', ...event.impression };
    case 1:
      return { type: 'click', ...event.click };
    case 2:
      return { type: 'conversion', ...event.conversion };
  }
}

function jsonOf(event: BenchEvent): unknown {
  switch (event.type) {
    case 0:
      return { event_type: 0, impression: event.impression, click: null, conversion: null };
    case 1:
      return { event_type: 1, impression: null, click: event.click, conversion: null };
    case 2:
      return { event_type: 2, impression: null, click: null, conversion: event.conversion };
  }
}

class FileAppender {
  readonly writer = new ByteWriter(FLUSH_BYTES * 2);
  readonly #descriptor: number;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'w');
  }

  line(text: string): void {
    this.writer.ensure(text.length * 3 + 1);
    this.writer.length += this.writer.buffer.write(text, this.writer.length);
    this.writer.u8(0x0a);
    this.flushIfLarge();
  }

  flushIfLarge(): void {
    if (this.writer.length >= FLUSH_BYTES) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#descriptor);
  }

  #flush(): void {
    writeSync(this.#descriptor, this.writer.written());
    this.writer.clear();
  }
}
