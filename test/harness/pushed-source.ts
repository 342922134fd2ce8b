import type { ReaderContext, ReaderStatus, Source, SourceOutput, SourceReader } from '../../engine/task/source.ts';
import type { SourceSplit, SplitEnumerator } from '../../engine/task/source.ts';
import { SourceOperator } from '../../engine/task/source-operator.ts';
import { NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import {
  type TimestampAssigner,
  type WatermarkGenerator,
  type WatermarkOutput,
  WatermarkStrategy,
} from '../../engine/time/watermark-strategy.ts';

export type PushedElement =
  | { readonly kind: 'record'; readonly value: unknown; readonly timestampMs: number }
  | { readonly kind: 'watermark'; readonly watermarkMs: number }
  | { readonly kind: 'idle' }
  | { readonly kind: 'end' };

/** What a test has pushed into a source, on its way to the readers. Outlives them when the job is restored. */
export class PushedElements {
  #queues: PushedElement[][] = [];
  #next = 0;
  #wake: (subtaskIndex: number) => void = () => {};
  /** The end was pushed: readers of a restored job end at once. */
  hasEnded = false;
  /** What the watermark generators shall say now; only while a reader asks for it, all at once. */
  said: PushedElement | undefined;

  /** Deals records out to the readers in turn. */
  push(value: unknown, timestampMs: number = NO_TIMESTAMP): void {
    const subtaskIndex = this.#next;
    this.#next = (this.#next + 1) % this.#queues.length;
    this.#queues[subtaskIndex]!.push({ kind: 'record', value, timestampMs });
    this.#wake(subtaskIndex);
  }

  /** Says something to all readers. */
  tell(element: Exclude<PushedElement, { readonly kind: 'record' }>): void {
    if (element.kind === 'end') this.hasEnded = true;
    for (const [subtaskIndex, queue] of this.#queues.entries()) {
      queue.push(element);
      this.#wake(subtaskIndex);
    }
  }

  /** A new attempt begins: nothing is on its way. */
  connect(parallelism: number, wake: (subtaskIndex: number) => void): void {
    this.#queues = Array.from({ length: parallelism }, () => []);
    this.#next = 0;
    this.#wake = wake;
  }

  take(subtaskIndex: number): PushedElement | undefined {
    return this.#queues[subtaskIndex]!.shift();
  }
}

/** A source whose records and watermarks a test pushes. Keeps nothing itself: what was pushed has been read. */
export function pushedSource(name: string, elements: PushedElements): Source<unknown> {
  return {
    description: `pushed ${name}`,
    boundedness: 'unbounded',
    createEnumerator: (context): SplitEnumerator<SourceSplit> => {
      elements.connect(context.parallelism, (subtaskIndex) => context.assign(subtaskIndex, []));
      return {
        start: () => Promise.resolve(),
        addReader: () => {},
        handleSplitRequest: () => {},
        addSplitsBack: () => {},
        snapshotState: () => null,
        close: () => Promise.resolve(),
      };
    },
    createReader: (context) => new PushedReader(context, elements),
  };
}

class PushedReader implements SourceReader<unknown, SourceSplit> {
  readonly #subtaskIndex: number;
  readonly #elements: PushedElements;

  constructor(context: ReaderContext, elements: PushedElements) {
    this.#subtaskIndex = context.subtaskIndex;
    this.#elements = elements;
  }

  async start(): Promise<void> {}
  /** Told when there is something to poll. */
  addSplits(): void {}
  noMoreSplits(): void {}

  poll(output: SourceOutput<unknown>, recordCountMax: number): ReaderStatus {
    const split = output.forSplit('pushed');
    for (let count = 0; count < recordCountMax; count++) {
      const element = this.#elements.take(this.#subtaskIndex);
      if (element === undefined) return this.#elements.hasEnded ? 'end' : 'empty';
      switch (element.kind) {
        case 'record':
          split.collect(element.value, element.timestampMs);
          break;
        case 'end':
          return 'end';
        case 'watermark':
        case 'idle':
          this.#say(output, element);
      }
    }
    return 'more';
  }

  /** Being told is enough. */
  available(): Promise<void> {
    return new Promise(() => {});
  }

  snapshotState(): readonly SourceSplit[] {
    return [];
  }

  async close(): Promise<void> {}

  /** Lets the watermark generators say it, in order with the records. */
  #say(output: SourceOutput<unknown>, element: PushedElement): void {
    if (!(output instanceof SourceOperator)) throw new Error('a pushed source works in the engine only');
    this.#elements.said = element;
    output.probeWatermark();
    this.#elements.said = undefined;
  }
}

/** Makes the watermarks that the test pushes, and none else. */
class PushedWatermarks implements WatermarkGenerator<unknown> {
  readonly #elements: PushedElements;
  #isIdle = false;

  constructor(elements: PushedElements) {
    this.#elements = elements;
  }

  onEvent(_value: unknown, _timestampMs: number, output: WatermarkOutput): void {
    if (this.#isIdle) output.markActive();
    this.#isIdle = false;
  }

  onPeriodicEmit(output: WatermarkOutput): void {
    const { said } = this.#elements;
    if (said?.kind === 'watermark') output.emitWatermark(said.watermarkMs);
    else if (said?.kind === 'idle') output.markIdle();
    if (said !== undefined) this.#isIdle = said.kind === 'idle';
  }
}

/** The timestamps of a strategy, with the watermarks that are pushed. */
export function pushedWatermarks(
  strategy: WatermarkStrategy<never>,
  elements: PushedElements,
): WatermarkStrategy<never> {
  return new WatermarkStrategy<never>({
    createGenerator: () => new PushedWatermarks(elements) as WatermarkGenerator<never>,
    timestampAssigner: strategy.timestampAssigner as TimestampAssigner<never> | undefined,
    // What a test pushes is read at once.
    alignment: 'off',
  });
}
