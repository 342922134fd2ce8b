/* Files → join → discard as one hand-written loop: `Map` state, no checkpoints. Run by attribution.bench.ts. */
import { closeSync, openSync, readSync } from 'node:fs';
import { DecodeOutput } from '../../../operators/format/decode-format.ts';
import { lengthPrefixedAvro } from '../../../operators/format/avro/length-prefixed-avro.ts';
import { LoopJoin } from './loop-join.ts';
import { readArguments, report, Usage } from './measure.ts';
import { ReadEvent, WrittenEvent } from './schemas.ts';

const CHUNK_BYTES = 1024 * 1024;

const { input } = readArguments();
const usage = new Usage();
const join = new LoopJoin(() => {});
class JoinOutput extends DecodeOutput<ReadEvent> {
  record(event: ReadEvent): void {
    join.onEvent(event);
  }

  reject(error: Error): void {
    throw error;
  }
}
const decoder = lengthPrefixedAvro(ReadEvent, { writer: WrittenEvent.avro, otherBranches: 'skip' }).createDecoder(
  'stream',
);
const output = new JoinOutput();
const file = openSync(input.avroFile, 'r');
const buffer = Buffer.alloc(CHUNK_BYTES * 2);
let length = 0;
for (;;) {
  const bytesRead = readSync(file, buffer, length, buffer.length - length, null);
  length += bytesRead;
  const next = decoder.decode(buffer, 0, length, bytesRead === 0, output);
  buffer.copyWithin(0, next, length);
  length -= next;
  if (bytesRead === 0) break;
}
closeSync(file);
report('files-loop', usage.stop(), { events: input.eventCount, matches: join.matchCount });
