import { z } from 'zod';
import {
  type AggregateFunction,
  defineJob,
  long,
  record,
  TumblingEventTimeWindows,
  WatermarkStrategy,
} from '../../../operators/index.ts';
import type { ReaderContext, Source, SourceOutput, SourceReader, SourceSplit } from '../../../engine/task/source.ts';
import { CollectedRows, collectSink } from '../../../operators/sink/collect/collect-sink.ts';

/** What the sink has committed. */
export const CHAIN_ROWS = { counts: new CollectedRows<string>() };

const WINDOW_MS = 1000;
export const CHAIN_SPLITS = 20;

interface Split extends SourceSplit {
  /** Number in the chain, each a window's length; -1: all of that time. */
  readonly part: number;
}

/**
 * One subtask reads split after split, a second of event time each; another has long read all of that time, and ends last.
 * So only the first holds the watermark back, and it always has a split or is about to get one.
 */
function chainSource(finished: Int32Array): Source<number, Split> {
  return {
    description: 'splits that follow on each other',
    boundedness: 'bounded',
    createEnumerator(context) {
      let next = 0;
      const handleSplitRequest = (subtaskIndex: number): void => {
        if (subtaskIndex === 1 || next === CHAIN_SPLITS) context.signalNoMoreSplits(subtaskIndex);
        else context.assign(subtaskIndex, [{ splitId: `chain-${next}`, part: next++ }]);
      };
      return {
        start: async () => {},
        addReader(subtaskIndex) {
          if (subtaskIndex === 1) context.assign(1, [{ splitId: 'all', part: -1 }]);
          else handleSplitRequest(subtaskIndex);
        },
        handleSplitRequest,
        addSplitsBack: () => {},
        snapshotState: () => null,
        close: async () => {},
      };
    },
    createReader: (context) => new ChainReader(context, finished),
  };
}

class ChainReader implements SourceReader<number, Split> {
  readonly #context: ReaderContext;
  readonly #finished: Int32Array;
  readonly #splits: Split[] = [];
  #hasRead = false;
  #hasAll = false;

  constructor(context: ReaderContext, finished: Int32Array) {
    this.#context = context;
    this.#finished = finished;
  }

  async start(): Promise<void> {}

  addSplits(splits: readonly Split[]): void {
    this.#splits.push(...splits);
  }

  noMoreSplits(): void {
    this.#hasAll = true;
  }

  poll(output: SourceOutput<number>): 'more' | 'empty' | 'end' {
    const split = this.#splits[0];
    if (split === undefined) return this.#hasAll ? 'end' : 'empty';
    const { splitId, part } = split;
    const to = part < 0 ? CHAIN_SPLITS * WINDOW_MS : (part + 1) * WINDOW_MS;
    if (!this.#hasRead) {
      for (let at = part < 0 ? 0 : part * WINDOW_MS; at < to; at += 100) output.forSplit(splitId).collect(at, at);
      this.#hasRead = true;
      // A while, so that the watermark of the other subtask is out.
      return 'empty';
    }
    if (part < 0 && Atomics.load(this.#finished, 0) < CHAIN_SPLITS) return 'empty';
    if (part >= 0) Atomics.add(this.#finished, 0, 1);
    this.#hasRead = false;
    this.#splits.shift();
    output.releaseSplit(splitId);
    this.#context.requestSplit();
    return 'more';
  }

  async available(): Promise<void> {
    await this.#context.environment.scheduler.delay(30);
  }

  snapshotState(): readonly Split[] {
    return [...this.#splits];
  }

  async close(): Promise<void> {}
}

const Count = record('Count', { count: long() });

const count: AggregateFunction<number, { readonly count: number }, number> = {
  accumulatorSchema: Count,
  createAccumulator: () => ({ count: 0 }),
  add: (accumulator) => ({ count: accumulator.count + 1 }),
  getResult: (accumulator) => accumulator.count,
  merge: (a, b) => ({ count: a.count + b.count }),
};

/** Records per second, of two subtasks of a source. */
export default defineJob({
  name: 'split-chain',
  params: { finished: z.custom<SharedArrayBuffer>() },
  build(env, { finished }) {
    env
      .fromSource(chainSource(new Int32Array(finished)), 'chain', WatermarkStrategy.forMonotonousTimestamps<number>())
      .keyBy((at) => at % 7)
      .window(TumblingEventTimeWindows.of(WINDOW_MS))
      .aggregate(
        count,
        { process: (key, { window }, [total], out) => out.collect(`${key} ${window.startMs} ${total}`) },
        { uid: 'counts' },
      )
      .sinkTo(collectSink({ into: CHAIN_ROWS.counts }), { uid: 'counts-out' });
  },
});

/** Records that the job has counted. */
export function countedRecords(): number {
  return CHAIN_ROWS.counts.values().reduce((sum, row) => sum + Number(row.split(' ')[2]), 0);
}
