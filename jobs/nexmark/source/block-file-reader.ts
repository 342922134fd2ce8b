import { ExternalError, type RecordError } from '../../../engine/base/errors.ts';
import type { OpenFile } from '../../../engine/base/file-system.ts';
import type {
  ReaderContext,
  ReaderStatus,
  SourceOutput,
  SourceReader,
  SplitOutput,
} from '../../../engine/task/source.ts';
import { NO_TIMESTAMP } from '../../../engine/time/timestamps.ts';
import { type DecodeFormat, DecodeOutput, type RecordDecoder } from '../../../operators/format/decode-format.ts';
import { Availability } from '../../../operators/source/base/availability.ts';
import { type BlockIndex, indexPathOf, parseBlockIndex } from './block-index.ts';
import { type BlockLane, laneAt } from './block-lane.ts';

/** A read that took longer than this, milliseconds, came from the disk and not from the system's memory. */
const SLOW_READ_MS = 2;
/** After a slow read so many blocks are read in the background before one is read at once again. */
const READS_AFTER_SLOW_READ = 16;
/** For metrics: when the first block was read, by the clock and by the CPU time of the process, milliseconds. */
export const FIRST_READ_AT_MS = 'firstReadAtMs';
export const FIRST_READ_CPU_MS = 'firstReadCpuMs';

interface ActiveLane {
  readonly lane: number;
  readonly laneCount: number;
  /** The next one. */
  block: number;
  output: SplitOutput<unknown> | undefined;
}

/** Reads the blocks of its lanes in the order of the file, into one buffer; a poll hands out one block. */
export class BlockFileReader<T> implements SourceReader<T, BlockLane> {
  readonly #path: string;
  readonly #context: ReaderContext;
  readonly #decoder: RecordDecoder<T>;
  readonly #output: BlockOutput<T>;
  readonly #availability = new Availability();
  #index: BlockIndex | undefined;
  #file: OpenFile | undefined;
  #lanes: ActiveLane[] = [];
  #hasAllSplits = false;
  #buffer: Buffer = Buffer.alloc(0);
  /** The block in the buffer; -1: none. */
  #block = -1;
  /** Blocks to be read in the background before one is read at once. */
  #readsLeft = 0;
  #isReading = false;
  #failure: Error | undefined;
  #isClosed = false;

  constructor(path: string, format: DecodeFormat<T>, context: ReaderContext) {
    this.#path = path;
    this.#context = context;
    this.#decoder = format.createDecoder('stream');
    this.#output = new BlockOutput<T>(path);
  }

  async start(): Promise<void> {
    const { files } = this.#context.environment;
    const path = indexPathOf(this.#path);
    this.#index = parseBlockIndex(path, await files.read(path));
    this.#file = await files.openFile?.(this.#path);
  }

  addSplits(splits: readonly BlockLane[]): void {
    for (const { lane, laneCount, block } of splits) this.#lanes.push({ lane, laneCount, block, output: undefined });
    this.#availability.signal();
  }

  noMoreSplits(): void {
    this.#hasAllSplits = true;
    this.#availability.signal();
  }

  poll(output: SourceOutput<T>): ReaderStatus {
    if (this.#failure !== undefined) throw this.#failure;
    const lane = this.#nextLane();
    const { offsets } = this.#index!;
    if (lane === undefined || lane.block >= offsets.length - 1) {
      // Blocks are read in their order, so nothing of any lane is left.
      for (const done of this.#lanes) output.releaseSplit(splitOf(done).splitId);
      this.#lanes = [];
      return this.#hasAllSplits ? 'end' : 'empty';
    }
    if (this.#block !== lane.block && !this.#readNow(lane.block)) {
      this.#read(lane.block);
      return 'empty';
    }
    lane.output ??= output.forSplit(splitOf(lane).splitId);
    this.#output.begin(lane.output, lane.block);
    this.#decoder.decode(this.#buffer, 0, offsets[lane.block + 1]! - offsets[lane.block]!, true, this.#output);
    lane.block += lane.laneCount;
    return 'more';
  }

  available(): Promise<void> {
    return this.#availability.wait();
  }

  snapshotState(): readonly BlockLane[] {
    return this.#lanes.map(splitOf);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // A read that is under way closes the file when it ends.
    if (!this.#isReading) await this.#file?.close();
  }

  #nextLane(): ActiveLane | undefined {
    let next: ActiveLane | undefined;
    for (const lane of this.#lanes) if (next === undefined || lane.block < next.block) next = lane;
    return next;
  }

  /** Reads a block at once, where the system has it in memory. Returns false when it is to be read in the background. */
  #readNow(block: number): boolean {
    const file = this.#file;
    if (file === undefined || this.#readsLeft > 0 || this.#isReading) return false;
    const { clock } = this.#context.environment;
    const startMs = clock.monotonicMs();
    this.#markFirstRead();
    const { start, length } = this.#roomFor(block);
    this.#check(file.readNow(this.#buffer, 0, length, start), length);
    this.#block = block;
    if (clock.monotonicMs() - startMs > SLOW_READ_MS) this.#readsLeft = READS_AFTER_SLOW_READ;
    return true;
  }

  #read(block: number): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#load(block)
      .catch((error: Error) => void (this.#failure ??= error))
      .finally(() => {
        this.#isReading = false;
        if (this.#isClosed) void this.#file?.close();
        else this.#availability.signal();
      });
  }

  async #load(block: number): Promise<void> {
    this.#markFirstRead();
    if (this.#readsLeft > 0) this.#readsLeft--;
    this.#block = -1;
    const { start, length } = this.#roomFor(block);
    if (this.#file === undefined) {
      const bytes = await this.#context.environment.files.readRange(this.#path, start, length);
      this.#check(bytes.length, length);
      this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    } else {
      this.#check(await this.#file.read(this.#buffer, 0, length, start), length);
    }
    this.#block = block;
  }

  #roomFor(block: number): { readonly start: number; readonly length: number } {
    const { offsets } = this.#index!;
    const start = offsets[block]!;
    const length = offsets[block + 1]! - start;
    if (this.#buffer.length < length) this.#buffer = Buffer.allocUnsafeSlow(length * 2);
    return { start, length };
  }

  #check(byteCount: number, length: number): void {
    if (byteCount === length) return;
    throw new ExternalError('RECORD', `${this.#path} is shorter than its index says`, {
      retryable: false,
      hint: 'Events and index do not belong together: generate both again.',
    });
  }

  #markFirstRead(): void {
    const { metrics, environment } = this.#context;
    if (metrics.gauges.has(FIRST_READ_AT_MS)) return;
    const atMs = environment.clock.nowMs();
    const cpuMs = environment.clock.cpuMs();
    metrics.gauge(FIRST_READ_AT_MS, () => atMs);
    metrics.gauge(FIRST_READ_CPU_MS, () => cpuMs);
  }
}

function splitOf({ lane, laneCount, block }: ActiveLane): BlockLane {
  return laneAt(lane, laneCount, block);
}

class BlockOutput<T> extends DecodeOutput<T> {
  readonly #path: string;
  #output: SplitOutput<unknown> = { collect: () => {} };
  #block = 0;

  constructor(path: string) {
    super();
    this.#path = path;
  }

  begin(output: SplitOutput<unknown>, block: number): void {
    this.#output = output;
    this.#block = block;
  }

  record(value: T): void {
    this.#output.collect(value, NO_TIMESTAMP);
  }

  reject(error: RecordError): void {
    throw new ExternalError('RECORD', `${this.#path}, block ${this.#block}: ${error.message}`, {
      cause: error,
      retryable: false,
      hint: 'The events are damaged, or not what their format says: generate them again.',
    });
  }
}
