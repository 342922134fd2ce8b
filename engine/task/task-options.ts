import type { Environment } from '../base/environment.ts';
import type { MetricGroup } from '../base/metrics.ts';
import type { KeyedStateBackend } from '../../state/keyed/keyed-state-backend.ts';
import type { ChannelOutput } from '../exchange/channel-output.ts';
import type { Barrier } from '../exchange/control-element.ts';
import type { PausableClock } from '../time/pausable-clock.ts';
import type { GateChannel } from './input-gate.ts';
import type { ChainedOperator } from './operator-chain.ts';
import type { SourceOperator } from './source-operator.ts';
import type { Task } from './task.ts';
import type { TaskTimerService } from './task-timer-service.ts';

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
  /** Stands still while records have to wait: idleness of sources and of assigners in mid-stream is measured by it. */
  readonly activityClock: PausableClock;
  /** The task had finished in the checkpoint that it is restored from: it is opened for its snapshots, and not run. */
  readonly hasFinished: boolean;
  /** Set when the head is a source. */
  readonly source: SourceOperator | undefined;
  /** Records a source emits in one step at most. */
  readonly recordsPerPoll: number;
  readonly inputs: readonly GateChannel[];
  readonly inputCount: number;
  readonly outputs: readonly ChannelOutput[];
  /** State of the head, when its input is keyed. */
  readonly keyedState: KeyedStateBackend | undefined;
}
