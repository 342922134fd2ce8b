import type { Environment } from '../../../engine/base/environment.ts';
import { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import { UserError } from '../../../engine/base/errors.ts';
import { SILENT_LOGGER } from '../../../engine/base/logger.ts';
import type { MetricGroup } from '../../../engine/base/metrics.ts';
import { TaskMails } from '../../../engine/task/mailbox.ts';
import type { OperatorStateSnapshot } from '../../../engine/checkpoint/manifest.ts';
import { MemoryOperatorStateBackend } from '../../../engine/task/operator-state-backend.ts';
import { Output } from '../../../engine/task/output.ts';
import type { OutputTag } from '../../../engine/task/output-tag.ts';
import { type RowKind, rowKindName } from '../../../engine/task/row-kind.ts';
import type { OperatorContext, WatermarkEmitter } from '../../../engine/task/stream-operator.ts';
import type { TimerService } from '../../../engine/task/timer-service.ts';
import { MIN_TIMESTAMP_MS } from '../../../engine/time/timestamps.ts';
import type { Namespace } from '../../../state/keyed/key.ts';
import type { KeyedStateBackend } from '../../../state/keyed/keyed-state-backend.ts';
import type { OutputElement, RecordElement } from './stream-elements.ts';

/** Collects what an operator emits. */
export class OutputLog implements WatermarkEmitter {
  readonly main: OutputElement[] = [];
  readonly sides = new Map<string, RecordElement[]>();

  side(tagId: string): RecordElement[] {
    let side = this.sides.get(tagId);
    if (side === undefined) {
      side = [];
      this.sides.set(tagId, side);
    }
    return side;
  }

  emitWatermark(watermarkMs: number): void {
    this.main.push({ watermarkMs });
  }

  markIdle(): void {
    this.main.push({ status: 'idle' });
  }

  markActive(): void {
    this.main.push({ status: 'active' });
  }
}

class LogOutput extends Output<unknown> {
  readonly #elements: OutputElement[];

  constructor(elements: OutputElement[]) {
    super();
    this.#elements = elements;
  }

  collect(value: unknown, timestampMs: number, kind: RowKind): void {
    this.#elements.push({ value, timestampMs, kind: rowKindName(kind) });
  }
}

interface Callback {
  readonly timestampMs: number;
  readonly callback: (timestampMs: number) => void;
}

/** The clocks of a harness; they move only when it is told to. */
export class HarnessClock {
  watermarkMs = MIN_TIMESTAMP_MS;
  nowMs = 0;
  readonly callbacks: Callback[] = [];

  /** Runs what was scheduled for times <= `nowMs`, in their order. */
  runCallbacks(): void {
    for (;;) {
      const due = this.callbacks
        .filter(({ timestampMs }) => timestampMs <= this.nowMs)
        .toSorted((a, b) => a.timestampMs - b.timestampMs)[0];
      if (due === undefined) return;
      this.callbacks.splice(this.callbacks.indexOf(due), 1);
      due.callback(due.timestampMs);
    }
  }
}

class HarnessTimerService implements TimerService {
  readonly #clock: HarnessClock;
  readonly #backend: KeyedStateBackend | undefined;

  constructor(clock: HarnessClock, backend: KeyedStateBackend | undefined) {
    this.#clock = clock;
    this.#backend = backend;
  }

  currentWatermarkMs(): number {
    return this.#clock.watermarkMs;
  }

  currentProcessingTimeMs(): number {
    return this.#clock.nowMs;
  }

  registerEventTimeTimer(namespace: Namespace, timestampMs: number): void {
    this.#keyed().registerEventTimeTimer(namespace, timestampMs);
  }

  deleteEventTimeTimer(namespace: Namespace, timestampMs: number): void {
    this.#keyed().deleteEventTimeTimer(namespace, timestampMs);
  }

  registerProcessingTimeTimer(namespace: Namespace, timestampMs: number): void {
    this.#keyed().registerProcessingTimeTimer(namespace, timestampMs);
  }

  deleteProcessingTimeTimer(namespace: Namespace, timestampMs: number): void {
    this.#keyed().deleteProcessingTimeTimer(namespace, timestampMs);
  }

  schedule(timestampMs: number, callback: (timestampMs: number) => void): { cancel(): void } {
    const entry = { timestampMs, callback };
    this.#clock.callbacks.push(entry);
    return {
      cancel: () => {
        const at = this.#clock.callbacks.indexOf(entry);
        if (at >= 0) this.#clock.callbacks.splice(at, 1);
      },
    };
  }

  #keyed(): KeyedStateBackend {
    if (this.#backend === undefined) throw new UserError('JOB_DEFINITION', 'timers need a keyed stream');
    return this.#backend;
  }
}

export interface HarnessContextOptions {
  readonly clock: HarnessClock;
  readonly log: OutputLog;
  readonly metrics: MetricGroup;
  /** Where the operator's mails wait for the harness to run them. Default: mails are not run. */
  readonly mails?: TaskMails | undefined;
  readonly backend: KeyedStateBackend | undefined;
  readonly restoredOperatorState: readonly OperatorStateSnapshot[];
  readonly isRestored: boolean;
  /** Default 0. */
  readonly subtaskIndex?: number | undefined;
  /** Default 1. */
  readonly parallelism?: number | undefined;
  /** Default 128. */
  readonly maxParallelism?: number | undefined;
  /** Side outputs that nobody reads, by tag id. Default: all are read. */
  readonly unreadTagIds: readonly string[];
}

export interface HarnessContext extends OperatorContext {
  readonly operatorState: MemoryOperatorStateBackend;
  /** Gives everything that waits for I/O or for the clock of the harness its turn. */
  settle(): Promise<void>;
}

export function createHarnessContext(options: HarnessContextOptions): HarnessContext {
  const { clock, log, backend } = options;
  const sides = new Map<string, Output<unknown>>();
  const environment = new VirtualEnvironment({ startMs: 0 });
  return {
    operatorUid: 'operator',
    operatorName: 'operator',
    subtaskIndex: 0,
    activityClock: { nowMs: () => clock.nowMs },
    parallelism: 1,
    maxParallelism: 128,
    environment: withClock(environment, clock),
    metrics: options.metrics,
    logger: SILENT_LOGGER,
    output: new LogOutput(log.main) as Output<never>,
    sideOutput<T>(tag: OutputTag<T>): Output<T> {
      let side = sides.get(tag.id);
      if (side === undefined) {
        side = new LogOutput(log.side(tag.id) as OutputElement[]);
        sides.set(tag.id, side);
      }
      return side;
    },
    isSideOutputRead: (tag) => !options.unreadTagIds.includes(tag.id),
    get keyedState(): KeyedStateBackend {
      if (backend === undefined) throw new UserError('JOB_DEFINITION', 'keyed state needs a keyed stream');
      return backend;
    },
    isKeyed: backend !== undefined,
    operatorState: new MemoryOperatorStateBackend('operator', options.restoredOperatorState),
    timers: new HarnessTimerService(clock, backend),
    mailbox: options.mails ?? new TaskMails(),
    settle: () => environment.advance(Math.max(0, clock.nowMs - environment.clock.nowMs())),
    isRestored: options.isRestored,
  };
}

/** The environment under the clock of the harness, which it follows when the harness settles. */
function withClock(environment: VirtualEnvironment, clock: HarnessClock): Environment {
  const lagMs = (): number => Math.max(0, clock.nowMs - environment.clock.nowMs());
  const { scheduler } = environment;
  return {
    clock: { nowMs: () => clock.nowMs, monotonicMs: () => clock.nowMs, cpuMs: () => 0 },
    random: environment.random,
    scheduler: {
      setTimer: (delayMs, callback) => scheduler.setTimer(lagMs() + Math.max(0, delayMs), callback),
      yield: () => scheduler.yield(),
      delay: (delayMs) => scheduler.delay(lagMs() + Math.max(0, delayMs)),
    },
    files: environment.files,
    logger: environment.logger,
    variables: environment.variables,
    newId: () => environment.newId(),
  };
}
