import type { OutputTag } from '../../engine/task/output-tag.ts';
import type { RowKind } from '../../engine/task/row-kind.ts';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import { keyGroupOf, subtaskOfKeyGroup } from '../../state/keyed/key-group.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { TestBackendKind } from '../harness/operators/backends.ts';
import { repackageState } from '../harness/operators/harness-snapshot.ts';
import { keyedOneInputHarness, type OperatorHarness, twoInputHarness } from '../harness/operators/operator-harness.ts';
import { isRecord, type OutputElement, type RecordElement } from '../harness/operators/stream-elements.ts';

const MAX_PARALLELISM = 128;

type KeySelector<T> = (value: T) => Key;

/** A keyed operator with one or two inputs in all its subtasks, restored at whatever parallelism. */
export class RescaledHarness<T, OUT> {
  readonly #create: () => StreamOperator<OUT>;
  readonly #keySelector: KeySelector<T>;
  readonly #isTwoInput: boolean;
  readonly #backend: TestBackendKind;
  readonly #subtasks: OperatorHarness<OUT>[] = [];
  /** What each subtask has sent on. */
  #watermarksMs: number[] = [];
  #nowMs = 0;
  /** `numLateRecordsDropped` of subtasks that are gone. */
  #lateDroppedCount = 0;

  constructor(
    create: () => StreamOperator<OUT>,
    keySelector: KeySelector<T>,
    backend: TestBackendKind,
    inputCount: 1 | 2 = 1,
  ) {
    this.#create = create;
    this.#keySelector = keySelector;
    this.#backend = backend;
    this.#isTwoInput = inputCount === 2;
  }

  async open(parallelism = 1): Promise<this> {
    this.#watermarksMs = new Array<number>(parallelism).fill(-Infinity);
    for (let subtaskIndex = 0; subtaskIndex < parallelism; subtaskIndex++) {
      const options = { backend: this.#backend, parallelism, subtaskIndex, maxParallelism: MAX_PARALLELISM };
      const subtask = this.#isTwoInput
        ? await twoInputHarness<T, T, OUT>(this.#create, [this.#keySelector, this.#keySelector], options)
        : await keyedOneInputHarness(this.#create, this.#keySelector, options);
      subtask.setStateTtlProcessingTime(this.#nowMs);
      this.#subtasks.push(subtask);
    }
    return this;
  }

  processElement(value: T, timestampMs?: number, kind?: RowKind): void {
    this.#subtaskOf(value).processElement(value, timestampMs, kind);
  }

  processElement1(value: T, timestampMs?: number, kind?: RowKind): void {
    this.#subtaskOf(value).processElement1(value, timestampMs, kind);
  }

  processElement2(value: T, timestampMs?: number, kind?: RowKind): void {
    this.#subtaskOf(value).processElement2(value, timestampMs, kind);
  }

  #subtaskOf(value: T): OperatorHarness<OUT> {
    const keyGroup = keyGroupOf(this.#keySelector(value), MAX_PARALLELISM);
    return this.#subtasks[subtaskOfKeyGroup(keyGroup, this.#subtasks.length, MAX_PARALLELISM)]!;
  }

  async processWatermark(watermarkMs: number): Promise<void> {
    for (const subtask of this.#subtasks) await subtask.processWatermark(watermarkMs);
  }

  async processWatermark1(watermarkMs: number): Promise<void> {
    for (const subtask of this.#subtasks) await subtask.processWatermark1(watermarkMs);
  }

  async processWatermark2(watermarkMs: number): Promise<void> {
    for (const subtask of this.#subtasks) await subtask.processWatermark2(watermarkMs);
  }

  async setProcessingTime(nowMs: number): Promise<void> {
    this.#nowMs = nowMs;
    for (const subtask of this.#subtasks) await subtask.setProcessingTime(nowMs);
  }

  async processWatermarkStatus(status: 'active' | 'idle'): Promise<void> {
    for (const subtask of this.#subtasks) await subtask.processWatermarkStatus(status);
  }

  /** Runs the mails of all subtasks. */
  async settle(): Promise<void> {
    for (const subtask of this.#subtasks) await subtask.settle();
  }

  async endInput(): Promise<void> {
    for (const subtask of this.#subtasks) await subtask.endInput();
  }

  /**
   * Takes a checkpoint and starts again from it. Watermarks restart at MIN.
   *
   * @returns what the checkpoint made the subtasks emit, and what was not taken.
   */
  async restore(parallelism: number): Promise<RecordElement<OUT>[]> {
    const snapshots = [];
    for (const subtask of this.#subtasks) snapshots.push(await subtask.snapshot());
    const records = this.takeRecords();
    await this.close();
    await this.open(parallelism);
    for (const subtask of this.#subtasks) await subtask.initializeState(repackageState(...snapshots));
    return records;
  }

  /** Records subtask by subtask, and watermarks when the last subtask has come to them, as an operator behind sees them. */
  takeOutput(): OutputElement<OUT>[] {
    const elements: OutputElement<OUT>[] = [];
    for (const [subtaskIndex, subtask] of this.#subtasks.entries()) {
      for (const element of subtask.takeOutput()) {
        if (!('watermarkMs' in element)) {
          elements.push(element);
          continue;
        }
        const before = Math.min(...this.#watermarksMs);
        this.#watermarksMs[subtaskIndex] = element.watermarkMs;
        const watermarkMs = Math.min(...this.#watermarksMs);
        if (watermarkMs > before) elements.push({ watermarkMs });
      }
    }
    return elements;
  }

  takeRecords(): RecordElement<OUT>[] {
    return this.takeOutput().filter(isRecord) as RecordElement<OUT>[];
  }

  takeSideOutput<S>(tag: OutputTag<S>): RecordElement<S>[] {
    return this.#subtasks.flatMap((subtask) => subtask.takeSideOutput(tag));
  }

  lateDroppedCount(): number {
    return this.#subtasks.reduce(
      (sum, { metrics }) => sum + metrics.counter('numLateRecordsDropped').value,
      this.#lateDroppedCount,
    );
  }

  /** Keys with state, and timers of both domains. */
  leftOver(): [keys: number, eventTimeTimers: number, processingTimeTimers: number] {
    const sumOf = (count: (subtask: OperatorHarness<OUT>) => number): number =>
      this.#subtasks.reduce((sum, subtask) => sum + count(subtask), 0);
    return [
      sumOf((subtask) => subtask.numKeyedStateEntries()),
      sumOf((subtask) => subtask.numEventTimeTimers()),
      sumOf((subtask) => subtask.numProcessingTimeTimers()),
    ];
  }

  async close(): Promise<void> {
    this.#lateDroppedCount = this.lateDroppedCount();
    for (const subtask of this.#subtasks.splice(0)) await subtask.close();
  }
}
