import type { Environment, Scheduler } from './environment.ts';
import { InternalError } from './errors.ts';
import { MemoryFileSystem } from './file-system-memory.ts';
import { SILENT_LOGGER, type Logger } from './logger.ts';
import { SeededRandom } from './random.ts';

interface VirtualTimer {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

export interface VirtualEnvironmentOptions {
  /** Decides every random choice, the order of simultaneous work included. Default 1. */
  readonly seed?: number | undefined;
  /** Where the virtual clock starts, milliseconds since the epoch. Default 2026-01-01T00:00:00Z. */
  readonly startMs?: number | undefined;
  /** Every look at the clock finds it so much later, milliseconds: code takes time. Default 0. */
  readonly lookMs?: number | undefined;
  readonly logger?: Logger | undefined;
  /** Files survive a simulated crash when the same file system is handed to the next environment. */
  readonly files?: MemoryFileSystem | undefined;
  readonly variables?: Readonly<Record<string, string | undefined>> | undefined;
}

const DEFAULT_START_MS = 1_767_225_600_000;

/**
 * The twin of the Node environment for tests and simulation: time moves only when told to, and only when nothing else
 * can run; what is ready at the same time runs in a seeded order. Equal seeds give equal runs, byte for byte, as long
 * as the job reaches the world through this environment only.
 */
export class VirtualEnvironment implements Environment {
  readonly clock: Environment['clock'];
  readonly random: SeededRandom;
  readonly scheduler: Scheduler;
  readonly files: MemoryFileSystem;
  readonly logger: Logger;
  readonly variables: Readonly<Record<string, string | undefined>>;
  #nowMs: number;
  #order = 0;
  #ids = 0;
  readonly #startMs: number;
  readonly #seed: number;
  readonly #schedule: SeededRandom;
  readonly #ready: (() => void)[] = [];
  readonly #timers = new Set<VirtualTimer>();

  constructor(options: VirtualEnvironmentOptions = {}) {
    this.#seed = options.seed ?? 1;
    this.#startMs = options.startMs ?? DEFAULT_START_MS;
    this.#nowMs = this.#startMs;
    this.random = new SeededRandom(this.#seed);
    this.#schedule = new SeededRandom(this.#seed ^ 0x5ced);
    this.files = options.files ?? new MemoryFileSystem(() => this.#nowMs);
    this.logger = options.logger ?? SILENT_LOGGER;
    this.variables = options.variables ?? {};
    const lookMs = options.lookMs ?? 0;
    this.clock = {
      nowMs: () => Math.floor((this.#nowMs += lookMs)),
      monotonicMs: () => (this.#nowMs += lookMs) - this.#startMs,
      cpuMs: () => 0,
    };
    this.scheduler = {
      setTimer: (delayMs, callback) => {
        const timer = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
        this.#timers.add(timer);
        return { cancel: () => void this.#timers.delete(timer) };
      },
      yield: () => new Promise((resolve) => void this.#ready.push(resolve)),
      delay: (delayMs) => new Promise((resolve) => void this.scheduler.setTimer(delayMs, resolve)),
    };
  }

  newId(): string {
    return (this.#seed >>> 0).toString(16).padStart(8, '0') + (this.#ids++).toString(16).padStart(8, '0');
  }

  /**
   * Runs until `promise` settles, moving the clock to the next timer whenever nothing is ready.
   *
   * @throws InternalError when nothing is left to run and the promise is still pending: a deadlock.
   */
  async run<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const settle = (): void => void (settled = true);
    promise.then(settle, settle);
    let idleTurns = 0;
    for (;;) {
      await macrotask();
      if (settled) return await promise;
      if (this.#runNext(Infinity)) {
        idleTurns = 0;
        continue;
      }
      if (++idleTurns > 100)
        throw new InternalError(`deadlock at virtual time ${this.#nowMs}: nothing is ready and no timer is set`);
    }
  }

  /**
   * Runs up to `count` pieces of work: a callback that is ready, or, when none is, the next timer. Returns how many there
   * were. What is under way then simply stands still: the place to let a run crash.
   */
  async runSteps(count: number): Promise<number> {
    for (let done = 0; done < count; done++) {
      await macrotask();
      if (!this.#runNext(Infinity)) return done;
    }
    await macrotask();
    return count;
  }

  /** Runs everything that is due within the next `durationMs` of virtual time, then sets the clock there. */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.#nowMs + durationMs;
    for (;;) {
      await macrotask();
      if (!this.#runNext(untilMs)) break;
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #runNext(untilMs: number): boolean {
    // Timers that the clock has passed meanwhile take their turn among what is ready.
    if (this.#schedule.below(2) === 0 && this.#fireNextTimer(Math.min(untilMs, this.#nowMs))) return true;
    return this.#runReady() || this.#fireNextTimer(untilMs);
  }

  #runReady(): boolean {
    if (this.#ready.length === 0) return false;
    const index = this.#schedule.below(this.#ready.length);
    const callback = this.#ready[index]!;
    this.#ready[index] = this.#ready[this.#ready.length - 1]!;
    this.#ready.pop();
    callback();
    return true;
  }

  #fireNextTimer(untilMs: number): boolean {
    let next: VirtualTimer | undefined;
    for (const timer of this.#timers) {
      if (next === undefined || timer.atMs < next.atMs || (timer.atMs === next.atMs && timer.order < next.order))
        next = timer;
    }
    if (next === undefined || next.atMs > untilMs) return false;
    this.#timers.delete(next);
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.callback();
    return true;
  }
}

/** One turn of the real event loop: every promise callback that can run has run when it resolves. */
function macrotask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
