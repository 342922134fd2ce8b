import type { OutputTag } from '../../engine/task/output-tag.ts';
import type { RowKind } from '../../engine/task/row-kind.ts';
import type { StreamOperator } from '../../engine/task/stream-operator.ts';
import { keyGroupOf, subtaskOfKeyGroup } from '../../state/keyed/key-group.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { TestBackendKind } from '../harness/operators/backends.ts';
import { repackageState } from '../harness/operators/harness-snapshot.ts';
import { keyedOneInputHarness, type OperatorHarness } from '../harness/operators/operator-harness.ts';
import { isRecord, type RecordElement } from '../harness/operators/stream-elements.ts';

const MAX_PARALLELISM = 128;

/** A keyed operator with one input in all its subtasks, restored at whatever parallelism. */
export class RescaledHarness<T, OUT> {
  readonly #create: () => StreamOperator<OUT>;
  readonly #keySelector: (value: T) => Key;
  readonly #backend: TestBackendKind;
  readonly #subtasks: OperatorHarness<OUT>[] = [];
  #nowMs = 0;
  /** `numLateRecordsDropped` of subtasks that are gone. */
  #lateDroppedCount = 0;

  constructor(create: () => StreamOperator<OUT>, keySelector: (value: T) => Key, backend: TestBackendKind) {
    this.#create = create;
    this.#keySelector = keySelector;
    this.#backend = backend;
  }

  async open(parallelism = 1): Promise<this> {
    for (let subtaskIndex = 0; subtaskIndex < parallelism; subtaskIndex++) {
      const options = { backend: this.#backend, parallelism, subtaskIndex, maxParallelism: MAX_PARALLELISM };
      const subtask = await keyedOneInputHarness(this.#create, this.#keySelector, options);
      subtask.setStateTtlProcessingTime(this.#nowMs);
      this.#subtasks.push(subtask);
    }
    return this;
  }

  processElement(value: T, timestampMs?: number, kind?: RowKind): void {
    const keyGroup = keyGroupOf(this.#keySelector(value), MAX_PARALLELISM);
    const subtaskIndex = subtaskOfKeyGroup(keyGroup, this.#subtasks.length, MAX_PARALLELISM);
    this.#subtasks[subtaskIndex]!.processElement(value, timestampMs, kind);
  }

  async processWatermark(watermarkMs: number): Promise<void> {
    for (const subtask of this.#subtasks) await subtask.processWatermark(watermarkMs);
  }

  async setProcessingTime(nowMs: number): Promise<void> {
    this.#nowMs = nowMs;
    for (const subtask of this.#subtasks) await subtask.setProcessingTime(nowMs);
  }

  /** Takes a checkpoint and starts again from it. Watermarks restart at MIN. */
  async restore(parallelism: number): Promise<void> {
    const snapshots = [];
    for (const subtask of this.#subtasks) snapshots.push(await subtask.snapshot());
    await this.close();
    await this.open(parallelism);
    for (const subtask of this.#subtasks) await subtask.initializeState(repackageState(...snapshots));
  }

  takeRecords(): RecordElement<OUT>[] {
    return this.#subtasks.flatMap((subtask) => subtask.takeOutput().filter(isRecord) as RecordElement<OUT>[]);
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
