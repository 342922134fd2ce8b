import type { FileSystem } from './file-system.ts';
import type { Logger } from './logger.ts';
import type { Random } from './random.ts';

/**
 * Everything an engine takes from the world outside of its inputs. The Node environment is the only place that touches
 * real clocks, timers, process variables and files; the virtual one makes a whole run a function of its seed.
 *
 * Servers (Kafka, S3, PostgreSQL) are reached through ports of their own (`KafkaTransport`, `ObjectStorage`,
 * `Warehouse`), which have simulated twins as well.
 */
export interface Environment {
  readonly clock: Clock;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly files: FileSystem;
  readonly logger: Logger;
  /** Environment variables, read once at start. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** A new identifier, unique among all attempts of all jobs (16 hex digits). */
  newId(): string;
}

export interface Clock {
  /** Wall clock, milliseconds since the epoch. May jump. */
  nowMs(): number;
  /** Never goes back; milliseconds since an arbitrary start, with fractions. For durations. */
  monotonicMs(): number;
  /** CPU time of the process so far, user and system, in milliseconds. */
  cpuMs(): number;
}

export interface TimerHandle {
  cancel(): void;
}

export interface Scheduler {
  /** Calls `callback` once, not before `delayMs` milliseconds (0 or more) have passed. */
  setTimer(delayMs: number, callback: () => void): TimerHandle;
  /** Resolves after pending I/O callbacks and due timers had their turn. */
  yield(): Promise<void>;
  /** Resolves after `delayMs` milliseconds. */
  delay(delayMs: number): Promise<void>;
}
