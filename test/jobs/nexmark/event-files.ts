import { ByteWriter } from '../../../engine/base/bytes.ts';
import { MemoryFileSystem } from '../../../engine/base/file-system-memory.ts';
import { NexmarkGenerator, type NexmarkGeneratorOptions } from '../../../jobs/nexmark/generator/nexmark-generator.ts';
import { NexmarkEvent } from '../../../jobs/nexmark/schemas.ts';
import { BLOCK_EVENTS, encodeBlockIndex, indexPathOf } from '../../../jobs/nexmark/source/block-index.ts';
import { AvroContainerWriter } from '../../../operators/format/avro/avro-container-writer.ts';
import { lengthPrefixedAvroEncoder } from '../../../operators/format/avro/length-prefixed-avro.ts';

export const AVRO_PATH = '/input/events.avro';
export const JSON_PATH = '/input/events.jsonl';
export const CONTAINER_PATH = '/container/events.avro';

export function testEvents(count: number, options: NexmarkGeneratorOptions): NexmarkEvent[] {
  const generator = new NexmarkGenerator(options);
  return Array.from({ length: count }, (_, number) => generator.eventAt(number));
}

/** The events in all forms that jobs read. */
export async function testEventFiles(events: readonly NexmarkEvent[]): Promise<MemoryFileSystem> {
  const files = new MemoryFileSystem();
  const encoder = lengthPrefixedAvroEncoder(NexmarkEvent);
  await writeBlocks(files, AVRO_PATH, events, (writer, event) => encoder.encode(writer, event));
  await writeBlocks(files, JSON_PATH, events, (writer, { type, ...fields }) => {
    const line = { event_type: 0, person: null, auction: null, bid: null, [type]: fields };
    writer.bytes(Buffer.from(`${JSON.stringify(line)}\n`));
  });
  const container = new AvroContainerWriter(NexmarkEvent);
  for (const event of events) container.append(event);
  container.flush();
  await files.write(CONTAINER_PATH, container.take());
  return files;
}

async function writeBlocks(
  files: MemoryFileSystem,
  path: string,
  events: readonly NexmarkEvent[],
  encode: (writer: ByteWriter, event: NexmarkEvent) => void,
): Promise<void> {
  const writer = new ByteWriter();
  const offsets: number[] = [];
  events.forEach((event, number) => {
    if (number % BLOCK_EVENTS === 0) offsets.push(writer.length);
    encode(writer, event);
  });
  offsets.push(writer.length);
  await files.write(path, writer.copy());
  const index = encodeBlockIndex({ eventCount: events.length, offsets: Float64Array.from(offsets) });
  await files.write(indexPathOf(path), index);
}
