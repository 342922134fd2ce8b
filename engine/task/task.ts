import type { Clock } from '../base/environment.ts';
import type { KeyedStateBackend } from '../../state/keyed/keyed-state-backend.ts';
import type { ChannelOutput } from '../exchange/channel-output.ts';
import { type Barrier, type ControlElement, END_OF_INPUT } from '../exchange/control-element.ts';
import type { PausableClock } from '../time/pausable-clock.ts';
import { BarrierAligner } from './barrier-aligner.ts';
import { InputGate } from './input-gate.ts';
import { InputWatermarks } from './input-watermarks.ts';
import { TaskMails } from './mailbox.ts';
import { OperatorBlocks } from './operator-blocks.ts';
import type { ChainedOperator } from './operator-chain.ts';
import { PrefetchAhead } from './prefetch-ahead.ts';
import { RecordBatch } from './record-batch.ts';
import { createRecordLoop, type RecordLoop } from './record-loop.ts';
import type { SourceOperator } from './source-operator.ts';
import { TaskError } from './task-error.ts';
import { TaskLoad } from './task-load.ts';
import type { TaskListener, TaskOptions } from './task-options.ts';
import type { TaskTimerService } from './task-timer-service.ts';
import { TimeWork } from './time-work.ts';

/**
 * One subtask of a chain: a mailbox loop cut into steps. A step processes one batch, one control element, one mail or one
 * piece of work that time asks for, to completion and synchronously; where pages must be fetched or a sink is full the task
 * waits, and the thread goes on with other tasks.
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
  readonly load: TaskLoad;
  readonly #clock: Clock;
  readonly #activityClock: PausableClock;
  readonly #listener: TaskListener;
  readonly #head: ChainedOperator;
  readonly #headTimers: TaskTimerService;
  readonly #keyedRecords: RecordLoop;
  readonly #unkeyedRecords: RecordLoop;
  readonly #time: TimeWork;
  readonly #blocks: OperatorBlocks;
  readonly #gate: InputGate;
  readonly #ahead: PrefetchAhead;
  readonly #watermarks: InputWatermarks;
  readonly #outputs: readonly ChannelOutput[];
  readonly #recordsPerPoll: number;
  readonly #canHeadEmit = (): boolean => !this.#hasFinished && this.#haveOutputsRoom() && !this.#blocks.check(1);
  /** Channels that have not ended, by input. */
  readonly #openChannelCounts: number[];
  #openInputCount: number;
  readonly #recordsIn: { value: number };
  readonly #mails = new TaskMails();
  #isFinishing = false;
  #hasFinished = false;
  #isSourceEmpty = false;
  #isSourceStopped = false;
  #isAwaitingSource = false;
  #hasFailed = false;
  #isClosed = false;
  #batch: RecordBatch | undefined;
  #batchChannelIndex = 0;
  #batchFrom = 0;
  #preparedTo = 0;
  #announced: Barrier | undefined;
  #barrier: Barrier | undefined;
  #lastSnapshotId = -1;

  constructor(options: TaskOptions) {
    this.taskId = options.taskId;
    this.name = options.name;
    this.subtaskIndex = options.subtaskIndex;
    this.chain = options.chain;
    this.keyedState = options.keyedState;
    this.source = options.source;
    this.load = new TaskLoad(options.environment.clock, options.metrics);
    this.#isFinishing = options.hasFinished;
    this.#clock = options.environment.clock;
    this.#activityClock = options.activityClock;
    this.#listener = options.listener;
    this.#head = options.chain[0]!;
    this.#headTimers = options.headTimers;
    this.#outputs = options.outputs;
    this.#recordsPerPoll = options.recordsPerPoll;
    this.#recordsIn = options.metrics.counter('numRecordsIn');
    this.#keyedRecords = createRecordLoop(this.#head.operator, options.keyedState, options.inputCount);
    this.#unkeyedRecords = createRecordLoop(this.#head.operator, undefined, options.inputCount);
    this.#time = new TimeWork({
      environment: options.environment,
      head: this.#head,
      headTimers: options.headTimers,
      keyedState: options.keyedState,
      onInputEnded: (inputIndex) => this.#onInputEnded(inputIndex),
      onWake: () => this.#listener.onWake(),
    });
    this.#blocks = new OperatorBlocks(
      options.chain,
      () => this.#listener.onWake(),
      (error) => this.#fail(error),
    );
    this.aligner = new BarrierAligner({
      channelCount: options.inputs.length,
      listener: { onAligned: () => this.#snapshot(this.#barrier!), onAborted: () => {} },
    });
    this.#gate = new InputGate(options.inputs, this.aligner);
    this.#ahead = new PrefetchAhead(this.#gate, options.keyedState);
    this.#watermarks = new InputWatermarks(options.inputs, options.inputCount, this.#time);
    this.#openChannelCounts = new Array<number>(options.inputCount).fill(0);
    this.#openInputCount = options.inputCount;
    for (const input of options.inputs) this.#openChannelCounts[input.inputIndex]!++;
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

  /** Opens the operators, the last one first, so that an operator can emit while it opens. */
  async open(): Promise<void> {
    try {
      for (let i = this.chain.length - 1; i >= 0; i--) {
        this.chain[i]!.connectInterceptor();
        await this.chain[i]!.operator.open();
      }
      if (this.#isFinishing) this.#finished();
      else this.#time.open();
    } catch (error) {
      throw this.#placed(error);
    }
  }

  /** Runs `mail` on the task, between two steps. */
  post(mail: () => void): void {
    this.#mails.post(mail);
    this.#listener.onWake();
  }

  /** The same for a mail that emits: it waits until the outputs have room, and does not run after the task has finished. */
  postOutput(mail: () => void): void {
    this.#mails.postOutput(mail);
    this.#listener.onWake();
  }

  /** The same for what the source's reader is told: it is asked for records again. */
  postToSource(mail: () => void): void {
    this.post(() => {
      mail();
      this.#isSourceEmpty = false;
    });
  }

  /** The same for what an operator wants done later: not after it has finished. */
  postTimer(mail: () => void): void {
    this.post(() => {
      if (!this.#hasFinished) mail();
    });
  }

  /**
   * Announces a checkpoint. Sources and finished tasks take it at once, those that are ending at their end (what they emit
   * there must not come again), the others when the barriers have come to them.
   */
  triggerCheckpoint(barrier: Barrier): void {
    this.post(() => {
      if (this.#hasFinished || (this.source !== undefined && !this.#isFinishing)) this.#snapshot(barrier);
      else this.#announced = barrier;
    });
  }

  /** Ends the source where it is, as if it had been read to the end. */
  drainSource(): void {
    const { source } = this;
    if (source !== undefined) this.postToSource(() => source.drain());
  }

  /** Does one piece of work. Returns whether there was any. */
  step(): boolean {
    if (this.load.isFetching || this.#hasFailed || this.#isClosed) return false;
    try {
      return this.#step();
    } catch (error) {
      this.#fail(error);
      return true;
    }
  }

  /** Hands batches begun to their channels. Returns whether there was any. */
  flush(): boolean {
    if (this.#hasFailed) return false;
    let any = false;
    try {
      for (const output of this.#outputs) if (output.flush()) any = true;
    } catch (error) {
      this.#fail(error);
    }
    return any;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#time.stop();
    for (const chained of this.chain) {
      chained.closeTimers();
      await chained.operator.close();
    }
    await this.keyedState?.close();
  }

  #step(): boolean {
    if (this.#preparedTo > this.#batchFrom) {
      this.#runPrepared();
      return true;
    }
    // Checkpoints, timers without a key and what sources are told go on while records have to wait.
    if (this.#mails.runNext(this.#canHeadEmit)) return true;
    if (this.#isFinishing) return false;
    const isHeldBack = !this.#haveOutputsRoom() || this.#blocks.check(0);
    this.#activityClock.setPaused('backpressure', isHeldBack);
    this.load.setHeldBack(isHeldBack);
    if (isHeldBack) return false;
    if (this.#batch !== undefined) {
      this.#prepareBatch();
      return true;
    }
    if (this.#time.isPending) {
      const fetching = this.#time.run();
      if (fetching !== undefined) this.#waitForState(fetching);
      return true;
    }
    if (this.source !== undefined) {
      if (!this.source.mayRead() || this.#isSourceEmpty || this.#isSourceStopped) return false;
      return this.#pollSource(this.source);
    }
    return this.#pollGate();
  }

  #pollSource(source: SourceOperator): boolean {
    const status = source.poll(this.#recordsPerPoll);
    if (status === 'more') return true;
    if (status === 'end') {
      this.#startFinish();
      return true;
    }
    // Mails (checkpoints, periodic watermarks) go on while the source has nothing.
    this.#isSourceEmpty = true;
    if (!this.#isAwaitingSource) this.#awaitSource(source);
    return this.flush();
  }

  #awaitSource(source: SourceOperator): void {
    this.#isAwaitingSource = true;
    source.available().then(
      () => {
        this.#isAwaitingSource = false;
        this.#isSourceEmpty = false;
        this.#listener.onWake();
      },
      (error: unknown) => this.#fail(error),
    );
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
    if (keyedState === undefined || !this.#gate.channels[this.#batchChannelIndex]!.isKeyed) {
      this.#preparedTo = batch.length;
      this.#runPrepared();
      return;
    }
    keyedState.setProcessingTime(this.#clock.nowMs());
    const prepared = keyedState.prepare(batch.keys, this.#batchFrom, batch.length);
    if (typeof prepared === 'number') {
      this.#preparedTo = prepared;
      this.#runPrepared();
      return;
    }
    this.#waitForState(prepared.then((to) => void (this.#preparedTo = to)));
  }

  /** Processes records [batchFrom, preparedTo) of the current batch. Pages for the next ones are fetched meanwhile. */
  #runPrepared(): void {
    const batch = this.#batch!;
    if (this.#batchFrom === 0) this.#ahead.run();
    const { inputIndex, channel, isKeyed } = this.#gate.channels[this.#batchChannelIndex]!;
    const from = this.#batchFrom;
    const to = this.#preparedTo;
    this.#batchFrom = to;
    (isKeyed ? this.#keyedRecords : this.#unkeyedRecords).run(batch, from, to, inputIndex);
    if (to < batch.length) return;
    this.#batch = undefined;
    channel.release(batch);
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
    // Watermarks that the end of the channel has released come first.
    if (--this.#openChannelCounts[inputIndex]! === 0) this.#time.endInput(inputIndex);
  }

  #onInputEnded(inputIndex: number): void {
    this.#head.operator.endInput(inputIndex);
    if (--this.#openInputCount === 0) this.#startFinish();
  }

  #startFinish(): void {
    this.#isFinishing = true;
    this.#finish().catch((error: unknown) => this.#fail(error));
  }

  /** Mails go on meanwhile, so that an operator's answers and time-outs need not wait for it. */
  async #finish(): Promise<void> {
    this.#time.stop();
    for (const [index, chained] of this.chain.entries()) {
      if (index > 0) chained.operator.endInput(0);
      await chained.operator.finish();
      if (this.#isClosed || this.#hasFailed) return;
    }
    this.#finished();
  }

  #finished(): void {
    this.source?.leave();
    for (const output of this.#outputs) output.broadcast(END_OF_INPUT);
    this.#hasFinished = true;
    const announced = this.#announced;
    if (announced !== undefined && announced.checkpointId > this.#lastSnapshotId) this.#snapshot(announced);
    this.#listener.onFinished(this);
  }

  #snapshot(barrier: Barrier): void {
    if (barrier.checkpointId <= this.#lastSnapshotId) return;
    this.#lastSnapshotId = barrier.checkpointId;
    if (barrier.isLast) this.#isSourceStopped = true;
    if (!this.#hasFinished)
      for (const chained of this.chain) chained.operator.prepareSnapshotPreBarrier(barrier.checkpointId);
    this.#listener.onSnapshot(this, barrier);
    if (!this.#hasFinished) for (const output of this.#outputs) output.broadcast(barrier);
  }

  #haveOutputsRoom(): boolean {
    for (let i = 0; i < this.#outputs.length; i++) if (!this.#outputs[i]!.hasRoom) return false;
    return true;
  }

  #waitForState(promise: Promise<void>): void {
    this.load.setFetching(true);
    this.#activityClock.setPaused('backpressure', true);
    const goOn = promise.finally(() => this.load.setFetching(false));
    goOn.then(
      () => this.#listener.onWake(),
      (error: unknown) => this.#fail(error),
    );
  }

  #fail(error: unknown): void {
    if (this.#hasFailed || this.#isClosed) return;
    this.#hasFailed = true;
    this.#listener.onFailure(this, this.#placed(error));
  }

  #placed(error: unknown): unknown {
    return new TaskError(this.name, this.subtaskIndex, this.keyedState, error);
  }
}
