import { MetricGroup } from '../../../engine/base/metrics.ts';
import { TaskMails } from '../../../engine/task/mailbox.ts';
import type { OutputTag } from '../../../engine/task/output-tag.ts';
import { INSERT, type RowKind } from '../../../engine/task/row-kind.ts';
import type { StreamOperator } from '../../../engine/task/stream-operator.ts';
import { CombinedWatermark } from '../../../engine/time/combined-watermark.ts';
import { MIN_TIMESTAMP_MS, NO_TIMESTAMP } from '../../../engine/time/timestamps.ts';
import { keyGroupOf, subtaskOfKeyGroup } from '../../../state/keyed/key-group.ts';
import type { Key } from '../../../state/keyed/key.ts';
import type { KeyedStateBackend } from '../../../state/keyed/keyed-state-backend.ts';
import { type KeyGroups, ORACLE_BACKEND, type TestBackend } from './backends.ts';
import { type HarnessContext, createHarnessContext, HarnessClock, OutputLog } from './harness-context.ts';
import { type HarnessOptions, keyGroupsOf, type KeySelectors, placeOf } from './harness-options.ts';
import {
  type HarnessSnapshot,
  type HarnessSubtaskSnapshot,
  repartitionOperatorState,
  type SubtaskPlace,
} from './harness-snapshot.ts';
import type { OutputElement, RecordElement } from './stream-elements.ts';

/** Turns of the event loop that an operator may need to finish. */
const FINISH_TURNS_MAX = 1000;

/**
 * Drives one real operator as a task does, step by step, under clocks that only the test moves. Timers and snapshots go
 * through the keyed state backend, so some verbs return promises: await them.
 */
export class OperatorHarness<OUT> {
  readonly #create: () => StreamOperator<OUT>;
  readonly #keySelectors: KeySelectors | undefined;
  readonly #inputCount: number;
  readonly #options: HarnessOptions;
  readonly #place: SubtaskPlace;
  readonly #keyGroups: KeyGroups;
  readonly #clock = new HarnessClock();
  readonly #log = new OutputLog();
  readonly metrics: MetricGroup = new MetricGroup();
  #operator: StreamOperator<OUT> = undefined as never;
  #context: HarnessContext = undefined as never;
  #backend: TestBackend | undefined;
  #watermarks: CombinedWatermark = undefined as never;
  readonly #pending: ({ readonly watermarkMs: number } | { readonly isIdle: boolean })[] = [];
  #mails = new TaskMails();
  readonly #failures: unknown[] = [];
  #checkpointId = 0;

  private constructor(
    create: () => StreamOperator<OUT>,
    inputCount: number,
    keySelectors: KeySelectors | undefined,
    options: HarnessOptions,
  ) {
    this.#create = create;
    this.#inputCount = inputCount;
    this.#keySelectors = keySelectors;
    this.#options = options;
    this.#place = placeOf(options);
    this.#keyGroups = keyGroupsOf(options);
  }

  /** The functions below this class open one more briefly. @param keySelectors by input; undefined: no input is keyed. */
  static async open<OUT>(
    create: () => StreamOperator<OUT>,
    inputCount: number,
    keySelectors: KeySelectors | undefined,
    options: HarnessOptions,
  ): Promise<OperatorHarness<OUT>> {
    const harness = new OperatorHarness(create, inputCount, keySelectors, options);
    await harness.#open(undefined);
    return harness;
  }

  get operator(): StreamOperator<OUT> {
    return this.#operator;
  }

  get backend(): KeyedStateBackend {
    return this.#context.keyedState;
  }

  /** A record of the only input. @param timestampMs default: none. */
  processElement(value: unknown, timestampMs: number = NO_TIMESTAMP, kind: RowKind = INSERT): void {
    this.#select(0, value);
    this.#operator.checkRowKind(kind);
    this.#operator.processElement(value, timestampMs, kind);
  }

  /** A record of the first input. */
  processElement1(value: unknown, timestampMs: number = NO_TIMESTAMP, kind: RowKind = INSERT): void {
    this.#select(0, value);
    this.#operator.checkRowKind(kind);
    this.#operator.processElement1(value, timestampMs, kind);
  }

  /** A record of the second input. */
  processElement2(value: unknown, timestampMs: number = NO_TIMESTAMP, kind: RowKind = INSERT): void {
    this.#select(1, value);
    this.#operator.checkRowKind(kind);
    this.#operator.processElement2(value, timestampMs, kind);
  }

  /** A record of one of many inputs. @param inputIndex from 0. */
  processElementOf(
    inputIndex: number,
    value: unknown,
    timestampMs: number = NO_TIMESTAMP,
    kind: RowKind = INSERT,
  ): void {
    this.#select(inputIndex, value);
    this.#operator.checkRowKind(kind);
    this.#operator.processElementOf(inputIndex, value, timestampMs, kind);
  }

  /** A watermark of the only input: timers fire, then it is forwarded. */
  async processWatermark(watermarkMs: number): Promise<void> {
    if (this.#operator.watermarkInterceptor !== undefined) this.#operator.watermarkInterceptor.onWatermark(watermarkMs);
    else await this.#processWatermark(watermarkMs);
  }

  /** A watermark of the first input; the smaller one of all inputs counts. */
  processWatermark1(watermarkMs: number): Promise<void> {
    return this.processWatermarkOf(0, watermarkMs);
  }

  processWatermark2(watermarkMs: number): Promise<void> {
    return this.processWatermarkOf(1, watermarkMs);
  }

  /** @param inputIndex from 0. */
  async processWatermarkOf(inputIndex: number, watermarkMs: number): Promise<void> {
    this.#watermarks.inputWatermark(inputIndex, watermarkMs);
    await this.#processPending();
  }

  /** An input turns idle, so that the others' watermarks count alone, or active again. @param inputIndex from 0. */
  async processWatermarkStatus(status: 'active' | 'idle', inputIndex = 0): Promise<void> {
    const isIdle = status === 'idle';
    if (this.#operator.watermarkInterceptor !== undefined) this.#operator.watermarkInterceptor.onStatus(isIdle);
    else this.#watermarks.inputStatus(inputIndex, isIdle);
    await this.#processPending();
  }

  /** Sets the processing-time clock and fires everything due at it (timestamp <= `nowMs`). */
  async setProcessingTime(nowMs: number): Promise<void> {
    this.setStateTtlProcessingTime(nowMs);
    this.#clock.runCallbacks();
    await this.#fire(
      (backend, onTimer) => backend.fireProcessingTimeTimers(nowMs, 1, onTimer),
      (ts, ns) => this.#operator.onProcessingTimeTimer(ts, ns),
    );
  }

  /** Sets the processing-time clock, which time-to-live reads, without firing anything. */
  setStateTtlProcessingTime(nowMs: number): void {
    this.#clock.nowMs = nowMs;
    this.#backend?.backend.setProcessingTime(nowMs);
  }

  /** Ends all inputs and lets the operator emit what it still holds. Watermark MAX is the test's to send before. */
  async endInput(): Promise<void> {
    for (let i = 0; i < this.#inputCount; i++) this.#operator.endInput(i);
    let isFinished = false;
    const finished = Promise.resolve(this.#operator.finish()).then(() => void (isFinished = true));
    for (let turn = 0; turn < FINISH_TURNS_MAX && !isFinished; turn++) await this.settle();
    if (!isFinished) throw new Error('the operator does not finish: it waits for something that does not come');
    await finished;
  }

  /**
   * Lets everything end that the operator waits for outside of it, as long as that needs no time, and runs its mails. What
   * they throw is kept for `takeFailures`.
   */
  async settle(): Promise<void> {
    do {
      await this.#context.settle();
    } while (this.#runMails());
  }

  /** Whether the outputs have room. Without it mails that emit wait. */
  hasRoom = true;

  /** What the operator's mails have thrown since the last call: in a task the first one fails the job. */
  takeFailures(): unknown[] {
    return this.#failures.splice(0);
  }

  /** Takes a checkpoint of the subtask. Put those of several subtasks together with `repackageState`. */
  async snapshot(): Promise<HarnessSnapshot> {
    const checkpointId = ++this.#checkpointId;
    this.#operator.prepareSnapshotPreBarrier(checkpointId);
    this.#operator.snapshotState(checkpointId);
    const operator = this.#context.operatorState.snapshot();
    const keyed = await this.#backend?.snapshot(checkpointId);
    return { maxParallelism: this.#keyGroups.maxParallelism, subtasks: [{ keyed, operator }] };
  }

  /**
   * Closes the operator and opens a new one from the snapshot, which may be of any parallelism: the subtask gets its part
   * of it. Watermarks restart at MIN; the clock keeps its value.
   */
  async initializeState(snapshot: HarnessSnapshot): Promise<void> {
    await this.close();
    this.#clock.watermarkMs = MIN_TIMESTAMP_MS;
    this.#clock.callbacks.length = 0;
    const { maxParallelism } = this.#keyGroups;
    if (snapshot.maxParallelism !== maxParallelism)
      throw new Error(`the snapshot has max parallelism ${snapshot.maxParallelism}, the harness ${maxParallelism}`);
    await this.#open(repartitionOperatorState(snapshot, this.#place));
  }

  async close(): Promise<void> {
    await this.#operator.close();
    await this.#backend?.backend.close();
  }

  /** What has come out on the main output and was not taken. */
  getOutput(): readonly OutputElement<OUT>[] {
    return this.#log.main as OutputElement<OUT>[];
  }

  /** What has come out on a side output and was not taken. */
  getSideOutput<T>(tag: OutputTag<T>): readonly RecordElement<T>[] {
    return this.#log.side(tag.id) as RecordElement<T>[];
  }

  /** What has come out on the main output since the last call. */
  takeOutput(): OutputElement<OUT>[] {
    return this.#log.main.splice(0) as OutputElement<OUT>[];
  }

  takeSideOutput<T>(tag: OutputTag<T>): RecordElement<T>[] {
    return this.#log.side(tag.id).splice(0) as RecordElement<T>[];
  }

  /** The side outputs that anything was sent to, with what has come out since the last call. */
  takeSideOutputs(): Map<string, RecordElement[]> {
    return new Map([...this.#log.sides].map(([tagId, side]) => [tagId, side.splice(0)]));
  }

  numEventTimeTimers(): number {
    return this.backend.eventTimeTimerCount();
  }

  numProcessingTimeTimers(): number {
    return this.backend.processingTimeTimerCount();
  }

  /** Keys that have any state or timers. */
  numKeyedStateEntries(): number {
    return this.backend.pageCount();
  }

  async #open(restored: HarnessSubtaskSnapshot | undefined): Promise<void> {
    const kind = this.#options.backend ?? ORACLE_BACKEND;
    this.#backend =
      this.#keySelectors === undefined
        ? undefined
        : await kind.create((restored?.keyed ?? []) as readonly unknown[], this.#keyGroups);
    this.#backend?.backend.setProcessingTime(this.#clock.nowMs);
    this.#mails = new TaskMails();
    this.#context = createHarnessContext({
      clock: this.#clock,
      log: this.#log,
      metrics: this.metrics,
      mails: this.#mails,
      ...this.#place,
      maxParallelism: this.#keyGroups.maxParallelism,
      backend: this.#backend?.backend,
      restoredOperatorState: restored?.operator ?? [],
      isRestored: restored !== undefined,
      unreadTagIds: this.#options.unreadTagIds ?? [],
    });
    this.#watermarks = new CombinedWatermark(this.#inputCount, {
      emitWatermark: (watermarkMs) => void this.#pending.push({ watermarkMs }),
      emitStatus: (isIdle) => void this.#pending.push({ isIdle }),
    });
    this.#operator = this.#create();
    this.#operator.setup(this.#context);
    this.#operator.watermarkInterceptor?.open(this.#log);
    await this.#operator.open();
  }

  #runMails(): boolean {
    let any = false;
    for (;;) {
      try {
        if (!this.#mails.runNext(() => this.hasRoom)) return any;
      } catch (error) {
        this.#failures.push(error);
      }
      any = true;
    }
  }

  #select(inputIndex: number, value: unknown): void {
    if (this.#keySelectors === undefined) return;
    const keySelector = this.#keySelectors[inputIndex];
    if (keySelector === undefined) this.backend.clearCurrentKey();
    else this.#selectKey(keySelector(value as never));
  }

  #selectKey(key: Key): void {
    const { start, end, maxParallelism } = this.#keyGroups;
    const keyGroup = keyGroupOf(key, maxParallelism);
    if (keyGroup < start || keyGroup >= end) {
      const { parallelism, subtaskIndex } = this.#place;
      const owner = subtaskOfKeyGroup(keyGroup, parallelism, maxParallelism);
      throw new Error(`key ${String(key)} belongs to subtask ${owner} of ${parallelism}, this is ${subtaskIndex}`);
    }
    this.backend.setCurrentKey(key);
  }

  async #processPending(): Promise<void> {
    for (const control of this.#pending.splice(0)) {
      if ('watermarkMs' in control) await this.#processWatermark(control.watermarkMs);
      else {
        this.#operator.processStatus(control.isIdle);
        if (control.isIdle) this.#log.markIdle();
        else this.#log.markActive();
      }
    }
  }

  async #processWatermark(watermarkMs: number): Promise<void> {
    this.#clock.watermarkMs = watermarkMs;
    this.#backend?.backend.setWatermark(watermarkMs);
    await this.#fire(
      (backend, onTimer) => backend.fireEventTimeTimers(watermarkMs, 1, onTimer),
      (ts, ns) => this.#operator.onEventTimeTimer(ts, ns),
    );
    this.#operator.processWatermark(watermarkMs);
    this.#log.emitWatermark(this.#operator.outputWatermark(watermarkMs));
  }

  async #fire(
    fire: (
      backend: KeyedStateBackend,
      onTimer: (timestampMs: number, namespace: string | number) => void,
    ) => boolean | Promise<boolean>,
    onTimer: (timestampMs: number, namespace: string | number) => void,
  ): Promise<void> {
    if (this.#backend === undefined) return;
    while (!(await fire(this.#backend.backend, onTimer)));
    this.#backend.backend.clearCurrentKey();
  }
}

/** An operator with one input that is not keyed. */
export function oneInputHarness<OUT>(
  create: () => StreamOperator<OUT>,
  options: HarnessOptions = {},
): Promise<OperatorHarness<OUT>> {
  return OperatorHarness.open(create, 1, undefined, options);
}

/** An operator with one keyed input. */
export function keyedOneInputHarness<T, OUT>(
  create: () => StreamOperator<OUT>,
  keySelector: (value: T) => Key,
  options: HarnessOptions = {},
): Promise<OperatorHarness<OUT>> {
  return OperatorHarness.open(create, 1, [keySelector as (value: never) => Key], options);
}

/** An operator with two inputs, keyed when selectors are given. */
export function twoInputHarness<T, U, OUT>(
  create: () => StreamOperator<OUT>,
  keySelectors?: readonly [(value: T) => Key, (value: U) => Key],
  options: HarnessOptions = {},
): Promise<OperatorHarness<OUT>> {
  return OperatorHarness.open(create, 2, keySelectors as KeySelectors | undefined, options);
}

/** An operator with many inputs, keyed when selectors are given; an input whose selector is undefined has no keys. */
export function multiInputHarness<OUT>(
  create: () => StreamOperator<OUT>,
  inputCount: number,
  keySelectors?: KeySelectors,
  options: HarnessOptions = {},
): Promise<OperatorHarness<OUT>> {
  return OperatorHarness.open(create, inputCount, keySelectors, options);
}

/** An operator with a keyed input and one that is broadcast. */
export function keyedBroadcastHarness<T, OUT>(
  create: () => StreamOperator<OUT>,
  keySelector: (value: T) => Key,
  options: HarnessOptions = {},
): Promise<OperatorHarness<OUT>> {
  return OperatorHarness.open(create, 2, [keySelector as (value: never) => Key, undefined], options);
}
