import type { Environment } from '../base/environment.ts';
import { InternalError } from '../base/errors.ts';
import type { Doorbell, RemoteOutputChannel } from '../exchange/channel-ends.ts';
import type { Task } from '../task/task.ts';

/** How long the loop runs tasks before I/O callbacks get their turn, milliseconds. */
const TIME_SLICE_MS = 5;
/** The same in rounds over all tasks, for environments whose clock stands still while code runs. */
const ROUNDS_PER_SLICE = 64;
/** A batch begun waits so long for more records at most, milliseconds. */
const BUFFER_TIMEOUT_MS = 20;

const ROUNDS_UNTIL_IDLE_MAX = 1_000_000;

/** What joins the executor's thread to others. */
export interface ExecutorLinks {
  readonly bell: Doorbell;
  readonly senders: readonly RemoteOutputChannel[];
}

/**
 * Runs all tasks of a thread in turn, producers before consumers, a step each. Gives I/O its turn every few milliseconds,
 * and sleeps when no task has anything to do.
 */
export class Executor {
  readonly #environment: Environment;
  readonly #links: ExecutorLinks | undefined;
  #tasks: readonly Task[] = [];
  #isRunning = false;
  #wake: (() => void) | undefined;
  #wasWoken = false;

  constructor(environment: Environment, links?: ExecutorLinks) {
    this.#environment = environment;
    this.#links = links;
    if (links !== undefined) links.bell.onRing = () => this.wake();
  }

  /** To be called when a task may have something to do again. */
  wake(): void {
    this.#wasWoken = true;
    this.#wake?.();
  }

  /** Runs until `stop`. */
  async run(tasks: readonly Task[]): Promise<void> {
    this.#tasks = tasks;
    this.#isRunning = true;
    const { clock, scheduler } = this.#environment;
    let flushAtMs = clock.monotonicMs() + BUFFER_TIMEOUT_MS;
    while (this.#isRunning) {
      this.#wasWoken = false;
      const sliceEndMs = clock.monotonicMs() + TIME_SLICE_MS;
      let hasWork = true;
      for (let round = 0; round < ROUNDS_PER_SLICE && hasWork && this.#isRunning; round++) {
        hasWork = this.#runRound();
        if ((round & 3) === 3 && clock.monotonicMs() >= sliceEndMs) break;
      }
      if (!this.#isRunning) return;
      if (!hasWork && this.#flush()) continue;
      if (!hasWork && !this.#wasWoken) {
        await this.#sleep();
        continue;
      }
      if (clock.monotonicMs() >= flushAtMs) {
        this.#flush();
        flushAtMs = clock.monotonicMs() + BUFFER_TIMEOUT_MS;
      }
      await scheduler.yield();
    }
  }

  /**
   * Runs everything that can run now, at once: what waits for I/O or for the clock is left. For test drivers, between the
   * turns of `run`.
   *
   * @throws InternalError when there is no end to it.
   */
  runUntilIdle(): void {
    for (let round = 0; round < ROUNDS_UNTIL_IDLE_MAX; round++) if (!this.#runRound() && !this.#flush()) return;
    throw new InternalError(`still busy after ${ROUNDS_UNTIL_IDLE_MAX} rounds: is there a source without end?`);
  }

  stop(): void {
    this.#isRunning = false;
    this.wake();
  }

  /** Until `wake`. Other threads ring the bell from the moment on that it is armed, so there is one look more for work. */
  async #sleep(): Promise<void> {
    const bell = this.#links?.bell;
    bell?.arm();
    const isAwake = bell !== undefined && (this.#runRound() || this.#wasWoken || !this.#isRunning);
    if (!isAwake) {
      await new Promise<void>((resolve) => void (this.#wake = resolve));
      this.#wake = undefined;
    }
    bell?.disarm();
  }

  #runRound(): boolean {
    let any = this.#pump();
    const { clock } = this.#environment;
    let startMs = clock.monotonicMs();
    for (let i = 0; i < this.#tasks.length; i++) {
      const task = this.#tasks[i]!;
      if (!task.step()) continue;
      any = true;
      const nowMs = clock.monotonicMs();
      task.load.addStep(nowMs - startMs);
      startMs = nowMs;
    }
    return any;
  }

  /** What did not fit into the channels to other threads. */
  #pump(): boolean {
    let any = false;
    if (this.#links !== undefined) for (const sender of this.#links.senders) if (sender.pump()) any = true;
    return any;
  }

  #flush(): boolean {
    let any = false;
    for (const task of this.#tasks) if (task.flush()) any = true;
    return any;
  }
}
