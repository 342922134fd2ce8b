import type { Environment, TimerHandle } from '../base/environment.ts';
import type { MetricGroup } from '../base/metrics.ts';
import type { KeyedStateBackend } from '../../state/keyed/keyed-state-backend.ts';
import type { Key, Namespace } from '../../state/keyed/key.ts';
import type { ChannelOutput } from '../exchange/channel-output.ts';
import { type Barrier, type ControlElement, END_OF_INPUT } from '../exchange/control-element.ts';
import { BarrierAligner } from './barrier-aligner.ts';
import { InputGate, type GateChannel } from './input-gate.ts';
import { InputWatermarks } from './input-watermarks.ts';
import type { ChainedOperator } from './operator-chain.ts';
import { RecordBatch } from './record-batch.ts';
import type { SourceOperator } from './source-operator.ts';
import type { RowKind } from './row-kind.ts';
import { TaskError } from './task-error.ts';
import type { TaskTimerService } from './task-timer-service.ts';

/** Timers fired in one step at most, so that a large sweep leaves room for its consumers and for I/O. */
const TIMERS_PER_STEP = 1024;
/** Records a source emits in one step at most. */
const RECORDS_PER_POLL = 1024;

/** What a task tells the runtime. */
export interface TaskListener {
  /** The task may have something to do again. */
  onWake(): void;
  /** Take the state of every operator now; the barrier is forwarded right after the call. */
  onSnapshot(task: Task, barrier: Barrier): void;
  onFinished(task: Task): void;
  onFailure(task: Task, error: unknown): void;
}

export interface TaskOptions {
  readonly taskId: number;
  readonly name: string;
  readonly subtaskIndex: number;
  readonly environment: Environment;
  readonly metrics: MetricGroup;
  readonly listener: TaskListener;
  /** The chain's operators, the head first, producers before consumers. */
  readonly chain: readonly ChainedOperator[];
  readonly headTimers: TaskTimerService;
  /** Set when the head is a source. */
  readonly source: SourceOperator | undefined;
  readonly inputs: readonly GateChannel[];
  readonly inputCount: number;
  readonly outputs: readonly ChannelOutput[];
  /** State of the head, when its input is keyed. */
  readonly keyedState: KeyedStateBackend | undefined;
}

type Sweep = { readonly domain: 'event' | 'processing'; readonly untilMs: number };
type Control = { readonly watermarkMs: number } | { readonly isIdle: boolean };

/**
 * One subtask of a chain: a mailbox loop cut into steps. A step processes one batch, one control element, one mail or one
 * run of timers, to completion and synchronously; where pages must be fetched or a sink is full the task waits, and the
 * thread goes on with other tasks.
 *
 * Law: everything a watermark triggers is emitted before the watermark is forwarded; nothing overtakes on a channel.
 */
export class Task {
  readonly taskId: number;
  readonly name: string;
  readonly subtaskIndex: number;
  readonly chain: readonly ChainedOperator[];
  readonly keyedState: KeyedStateBackend | undefined;
  readonly source: SourceOperator | undefined;
  readonly aligner: BarrierAligner;
  readonly #environment: Environment;
  readonly #listener: TaskListener;
  readonly #head: ChainedOperator;
  readonly #headTimers: TaskTimerService;
  readonly #gate: InputGate;
  readonly #watermarks: InputWatermarks;
  readonly #outputs: readonly ChannelOutput[];
  readonly #openInputs: number[];
  readonly #recordsIn: { value: number };
  readonly #mails: (() => void)[] = [];
  readonly #controls: Control[] = [];
  #isWaiting = false;
  #isSourceEmpty = false;
  #hasFailed = false;
  #hasFinished = false;
  #isClosed = false;
  #batch: RecordBatch | undefined;
  #batchChannelIndex = 0;
  #batchFrom = 0;
  #preparedTo = 0;
  #sweep: Sweep | undefined;
  #processingTimer: TimerHandle | undefined;
  #processingTimerAtMs = Infinity;
  #announced: Barrier | undefined;
  #barrier: Barrier | undefined;
  #lastSnapshotId = -1;
  readonly #onEventTimer: (timestampMs: number, namespace: Namespace) => void;
  readonly #onProcessingTimer: (timestampMs: number, namespace: Namespace) => void;

  constructor(options: TaskOptions) {
    this.taskId = options.taskId;
    this.name = options.name;
    this.subtaskIndex = options.subtaskIndex;
    this.chain = options.chain;
    this.keyedState = options.keyedState;
    this.source = options.source;
    this.#environment = options.environment;
    this.#listener = options.listener;
    this.#head = options.chain[0]!;
    this.#headTimers = options.headTimers;
    this.#outputs = options.outputs;
    this.#recordsIn = options.metrics.counter('numRecordsIn');
    this.aligner = new BarrierAligner({
      channelCount: options.inputs.length,
      listener: {
        onAligned: () => this.#snapshot(this.#barrier!),
        onAborted: () => {},
      },
    });
    this.#gate = new InputGate(options.inputs, this.aligner);
    this.#openInputs = new Array<number>(options.inputCount).fill(0);
    for (const input of options.inputs) this.#openInputs[input.inputIndex]!++;
    this.#watermarks = new InputWatermarks(options.inputs, options.inputCount, {
      emitWatermark: (watermarkMs) => void this.#controls.push({ watermarkMs }),
      emitStatus: (isIdle) => void this.#controls.push({ isIdle }),
    });
    const operator = this.#head.operator;
    this.#onEventTimer = (timestampMs, namespace) => operator.onEventTimeTimer(timestampMs, namespace);
    this.#onProcessingTimer = (timestampMs, namespace) => operator.onProcessingTimeTimer(timestampMs, namespace);
    this.#headTimers.onProcessingTimerRegistered = () => this.#scheduleProcessingTimer();
    for (const input of options.inputs) input.channel.onPush = () => this.#listener.onWake();
    for (const output of this.#outputs)
      for (const channel of output.channels) channel.onTake = () => this.#listener.onWake();
  }

  get hasFinished(): boolean {
    return this.#hasFinished;
  }

  /** The head's combined input watermark; for a source, what it has emitted. */
  get watermarkMs(): number {
    return this.source === undefined ? this.#headTimers.currentWatermarkMs() : this.source.watermarkMs;
  }

  get isBackpressured(): boolean {
    return !this.#haveOutputsRoom();
  }

  /** Opens the operators, the last one first, so that an operator can emit while it opens. */
  async open(): Promise<void> {
    try {
      for (let i = this.chain.length - 1; i >= 0; i--) {
        this.chain[i]!.connectInterceptor();
        await this.chain[i]!.operator.open();
      }
    } catch (error) {
      throw this.#placed(error);
    }
    this.#scheduleProcessingTimer();
  }

  /** Runs `mail` on the task, between two steps. */
  post(mail: () => void): void {
    this.#mails.push(mail);
    this.#listener.onWake();
  }

  /**
   * Announces a checkpoint. A source, and a task whose inputs have all ended, takes it at once; the others when the
   * barriers have come to them.
   */
  triggerCheckpoint(barrier: Barrier): void {
    this.post(() => {
      if (this.source !== undefined || this.#hasFinished) this.#snapshot(barrier);
      else this.#announced = barrier;
    });
  }

  /** Ends the source where it is, as if it had been read to the end. */
  drainSource(): void {
    if (this.source === undefined) return;
    this.post(() => {
      this.source!.drain();
      this.#isSourceEmpty = false;
    });
  }

  /** Does one piece of work. Returns whether there was any. */
  step(): boolean {
    if (this.#isWaiting || this.#hasFailed || this.#isClosed) return false;
    try {
      return this.#step();
    } catch (error) {
      this.#fail(error);
      return true;
    }
  }

  /** Hands batches begun to their channels. Returns whether there was any. */
  flush(): boolean {
    let any = false;
    for (const output of this.#outputs) if (output.flush()) any = true;
    return any;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#processingTimer?.cancel();
    for (const chained of this.chain) await chained.operator.close();
    await this.keyedState?.close();
  }

  #step(): boolean {
    if (this.#preparedTo > this.#batchFrom) {
      this.#runPrepared();
      return true;
    }
    const mail = this.#mails.shift();
    if (mail !== undefined) {
      mail();
      return true;
    }
    if (this.#hasFinished) return false;
    if (!this.#haveOutputsRoom()) {
      this.source?.onBackpressure();
      return false;
    }
    if (this.#waitForOperators()) return false;
    if (this.#batch !== undefined) {
      this.#prepareBatch();
      return true;
    }
    if (this.#sweep !== undefined) {
      this.#runSweep(this.#sweep);
      return true;
    }
    const control = this.#controls.shift();
    if (control !== undefined) {
      this.#runControl(control);
      return true;
    }
    if (this.source !== undefined) return !this.#isSourceEmpty && this.#pollSource(this.source);
    return this.#pollGate();
  }

  #pollSource(source: SourceOperator): boolean {
    const status = source.poll(RECORDS_PER_POLL);
    if (status === 'more') return true;
    if (status === 'end') {
      this.#waitFor(this.#finish());
      return true;
    }
    // Mails (checkpoints, periodic watermarks) go on while the source has nothing.
    this.#isSourceEmpty = true;
    source.available().then(
      () => {
        this.#isSourceEmpty = false;
        this.#listener.onWake();
      },
      (error: unknown) => this.#fail(error),
    );
    return this.flush();
  }

  #pollGate(): boolean {
    const element = this.#gate.poll();
    if (element === undefined) return false;
    const channelIndex = this.#gate.lastChannelIndex;
    if (element instanceof RecordBatch) {
      this.#batch = element;
      this.#batchChannelIndex = channelIndex;
      this.#batchFrom = 0;
      this.#preparedTo = 0;
      this.#recordsIn.value += element.length;
      this.#prepareBatch();
    } else {
      this.#onControlElement(channelIndex, element);
    }
    return true;
  }

  #prepareBatch(): void {
    const batch = this.#batch!;
    const keyedState = this.keyedState;
    if (keyedState === undefined) {
      this.#preparedTo = batch.length;
      this.#runPrepared();
      return;
    }
    const prepared = keyedState.prepare(batch.keys, this.#batchFrom, batch.length);
    if (typeof prepared === 'number') {
      this.#preparedTo = prepared;
      this.#runPrepared();
      return;
    }
    this.#waitFor(prepared.then((to) => void (this.#preparedTo = to)));
  }

  /** Processes records [batchFrom, preparedTo) of the current batch. */
  #runPrepared(): void {
    const batch = this.#batch!;
    const { inputIndex, channel } = this.#gate.channels[this.#batchChannelIndex]!;
    const from = this.#batchFrom;
    const to = this.#preparedTo;
    this.#batchFrom = to;
    if (this.keyedState !== undefined) this.#processKeyed(this.keyedState, batch, from, to, inputIndex);
    else this.#processUnkeyed(batch, from, to, inputIndex);
    if (to < batch.length) return;
    this.#batch = undefined;
    channel.release(batch);
  }

  #processKeyed(keyedState: KeyedStateBackend, batch: RecordBatch, from: number, to: number, inputIndex: number): void {
    const operator = this.#head.operator;
    const { values, timestamps, kinds } = batch;
    if (this.#openInputs.length === 1) {
      for (let i = from; i < to; i++) {
        keyedState.select(i);
        operator.processElement(values[i], timestamps[i]!, kinds[i] as RowKind);
      }
    } else if (inputIndex === 0) {
      for (let i = from; i < to; i++) {
        keyedState.select(i);
        operator.processElement1(values[i], timestamps[i]!, kinds[i] as RowKind);
      }
    } else {
      for (let i = from; i < to; i++) {
        keyedState.select(i);
        operator.processElement2(values[i], timestamps[i]!, kinds[i] as RowKind);
      }
    }
    keyedState.clearCurrentKey();
  }

  #processUnkeyed(batch: RecordBatch, from: number, to: number, inputIndex: number): void {
    const operator = this.#head.operator;
    const { values, timestamps, kinds } = batch;
    if (this.#openInputs.length === 1) {
      for (let i = from; i < to; i++) operator.processElement(values[i], timestamps[i]!, kinds[i] as RowKind);
    } else if (inputIndex === 0) {
      for (let i = from; i < to; i++) operator.processElement1(values[i], timestamps[i]!, kinds[i] as RowKind);
    } else {
      for (let i = from; i < to; i++) operator.processElement2(values[i], timestamps[i]!, kinds[i] as RowKind);
    }
  }

  #onControlElement(channelIndex: number, element: ControlElement): void {
    switch (element.tag) {
      case 'watermark':
        this.#watermarks.onWatermark(channelIndex, element.watermarkMs);
        return;
      case 'status':
        this.#watermarks.onStatus(channelIndex, element.isIdle);
        return;
      case 'barrier':
        if (this.#barrier === undefined || element.checkpointId > this.#barrier.checkpointId) this.#barrier = element;
        this.aligner.onBarrier(channelIndex, element.checkpointId);
        return;
      case 'end':
        this.#onEndOfChannel(channelIndex);
    }
  }

  #onEndOfChannel(channelIndex: number): void {
    this.#watermarks.onFinished(channelIndex);
    this.aligner.onEndOfPartition(channelIndex);
    const { inputIndex } = this.#gate.channels[channelIndex]!;
    this.#openInputs[inputIndex]!--;
    if (this.#openInputs[inputIndex]! > 0) return;
    // Watermarks that the end of the channel released come first.
    this.#mails.push(() => this.#endInput(inputIndex));
  }

  #endInput(inputIndex: number): void {
    if (this.#controls.length > 0 || this.#sweep !== undefined) {
      // Not done with the watermarks before the end: look again after the next piece of them.
      this.#drainThen(() => this.#endInput(inputIndex));
      return;
    }
    this.#head.operator.endInput(inputIndex);
    if (this.#openInputs.every((count) => count === 0)) this.#waitFor(this.#finish());
  }

  /** Runs one piece of pending watermark work, then `mail` again. */
  #drainThen(mail: () => void): void {
    if (this.#haveOutputsRoom()) {
      if (this.#sweep !== undefined) this.#runSweep(this.#sweep);
      else this.#runControl(this.#controls.shift()!);
    }
    this.#mails.push(mail);
  }

  async #finish(): Promise<void> {
    for (const [index, chained] of this.chain.entries()) {
      if (index > 0) chained.operator.endInput(0);
      await chained.operator.finish();
    }
    for (const output of this.#outputs) output.broadcast(END_OF_INPUT);
    this.#hasFinished = true;
    const announced = this.#announced;
    if (announced !== undefined && announced.checkpointId > this.#lastSnapshotId) this.#snapshot(announced);
    this.#listener.onFinished(this);
  }

  #runControl(control: Control): void {
    if ('isIdle' in control) {
      this.#head.processStatus(control.isIdle);
      return;
    }
    this.keyedState?.setWatermark(control.watermarkMs);
    this.#headTimers.setWatermark(control.watermarkMs);
    if (this.keyedState === undefined) this.#head.processWatermark(control.watermarkMs);
    else this.#runSweep({ domain: 'event', untilMs: control.watermarkMs });
  }

  #runSweep(sweep: Sweep): void {
    this.#sweep = sweep;
    const keyedState = this.keyedState!;
    const isDone =
      sweep.domain === 'event'
        ? keyedState.fireEventTimeTimers(sweep.untilMs, TIMERS_PER_STEP, this.#onEventTimer)
        : keyedState.fireProcessingTimeTimers(sweep.untilMs, TIMERS_PER_STEP, this.#onProcessingTimer);
    if (typeof isDone === 'boolean') this.#afterSweep(sweep, isDone);
    else this.#waitFor(isDone.then((done) => this.#afterSweep(sweep, done)));
  }

  #afterSweep(sweep: Sweep, isDone: boolean): void {
    this.keyedState!.clearCurrentKey();
    if (!isDone) return;
    this.#sweep = undefined;
    if (sweep.domain === 'event') this.#head.processWatermark(sweep.untilMs);
    else this.#scheduleProcessingTimer();
  }

  /** Wakes up 1 ms after the earliest processing-time timer, so that it means the same as an event-time timer. */
  #scheduleProcessingTimer(): void {
    const nextMs = this.keyedState?.nextProcessingTimeTimerMs();
    if (nextMs === undefined || nextMs >= this.#processingTimerAtMs) return;
    this.#processingTimer?.cancel();
    this.#processingTimerAtMs = nextMs;
    this.#processingTimer = this.#environment.scheduler.setTimer(nextMs + 1 - this.#environment.clock.nowMs(), () => {
      this.#processingTimerAtMs = Infinity;
      this.post(() => this.#fireProcessingTimers());
    });
  }

  #fireProcessingTimers(): void {
    if (this.#batch !== undefined || this.#sweep !== undefined) {
      this.#processingTimer = this.#environment.scheduler.setTimer(1, () =>
        this.post(() => this.#fireProcessingTimers()),
      );
      return;
    }
    const nowMs = this.#environment.clock.nowMs() - 1;
    this.keyedState!.setProcessingTime(nowMs);
    this.#runSweep({ domain: 'processing', untilMs: nowMs });
  }

  #snapshot(barrier: Barrier): void {
    if (barrier.checkpointId <= this.#lastSnapshotId) return;
    this.#lastSnapshotId = barrier.checkpointId;
    for (const chained of this.chain) chained.operator.prepareSnapshotPreBarrier(barrier.checkpointId);
    this.#listener.onSnapshot(this, barrier);
    if (!this.#hasFinished) for (const output of this.#outputs) output.broadcast(barrier);
  }

  #haveOutputsRoom(): boolean {
    for (let i = 0; i < this.#outputs.length; i++) if (!this.#outputs[i]!.hasRoom) return false;
    return true;
  }

  /** Whether an operator of the chain cannot take more; then the task waits for it. */
  #waitForOperators(): boolean {
    for (let i = 0; i < this.chain.length; i++) {
      const blocked = this.chain[i]!.operator.blockedUntil();
      if (blocked !== undefined) {
        this.#waitFor(blocked);
        return true;
      }
    }
    return false;
  }

  #waitFor(promise: Promise<unknown>): void {
    this.#isWaiting = true;
    promise.then(
      () => {
        this.#isWaiting = false;
        this.#listener.onWake();
      },
      (error: unknown) => {
        this.#isWaiting = false;
        this.#fail(error);
      },
    );
  }

  #fail(error: unknown): void {
    if (this.#hasFailed || this.#isClosed) return;
    this.#hasFailed = true;
    this.#listener.onFailure(this, this.#placed(error));
  }

  #placed(error: unknown): unknown {
    return new TaskError(this.name, this.subtaskIndex, currentKeyOf(this.keyedState), error);
  }
}

function currentKeyOf(keyedState: KeyedStateBackend | undefined): Key | undefined {
  try {
    return keyedState?.currentKey();
  } catch {
    return undefined;
  }
}
