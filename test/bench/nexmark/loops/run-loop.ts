import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { indexPathOf, parseBlockIndex } from '../../../../jobs/nexmark/source/block-index.ts';
import { DecodeOutput } from '../../../../operators/format/decode-format.ts';
import type { EventInput } from '../event-input.ts';
import type { RunReading } from '../run-query.ts';
import { peakMemoryMb, resetPeakMemory } from '../usage.ts';
import { type LoopQuery, LOOPS } from './loops.ts';
import type { RunningLoop } from './query-loop.ts';

/** Runs a query's loop over an Avro file. `outputRows` are those that stand at the end. */
export function runLoop(query: LoopQuery, input: EventInput): RunReading {
  if (input.kind !== 'avro') throw new Error(`expected an Avro input for a loop, found ${input.path}`);
  globalThis.gc?.();
  resetPeakMemory();
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  const { format, start } = LOOPS[query];
  const loop: RunningLoop<unknown> = start();
  const decoder = format.createDecoder('stream');
  const output = new LoopOutput(loop);
  const { offsets } = parseBlockIndex(input.path, readFileSync(indexPathOf(input.path)));
  const file = openSync(input.path, 'r');
  let buffer: Buffer = Buffer.alloc(0);
  for (let block = 0; block + 1 < offsets.length; block++) {
    const length = offsets[block + 1]! - offsets[block]!;
    if (buffer.length < length) buffer = Buffer.allocUnsafeSlow(length * 2);
    readSync(file, buffer, 0, length, offsets[block]!);
    decoder.decode(buffer, 0, length, true, output);
  }
  closeSync(file);
  const outputRows = loop.end();
  const cpu = process.cpuUsage(startCpu);
  const seconds = (performance.now() - startMs) / 1000;
  return {
    seconds,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    wallSeconds: seconds,
    peakRssMb: peakMemoryMb(),
    checkpoints: 0,
    lastCheckpointMs: 0,
    lastCheckpointBytes: 0,
    outputRows,
  };
}

class LoopOutput extends DecodeOutput<unknown> {
  readonly #loop: RunningLoop<unknown>;

  constructor(loop: RunningLoop<unknown>) {
    super();
    this.#loop = loop;
  }

  record(event: unknown): void {
    this.#loop.event(event);
  }

  reject(error: Error): void {
    throw error;
  }
}
