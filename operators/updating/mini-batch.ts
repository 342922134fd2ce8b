import { UserError } from '../../engine/base/errors.ts';
import type { OperatorContext } from '../../engine/task/stream-operator.ts';
import { type Duration, durationMs } from '../../engine/time/duration.ts';
import type { Key } from '../../state/keyed/key.ts';

/**
 * Changes of a key are held back for a while and leave as one. Costs latency, saves everything behind: of a thousand
 * updates of a counter within two seconds one is sent.
 */
export interface MiniBatchOptions {
  /** How long a change is held back at most, in processing time. More than 0. */
  readonly latency: Duration;
  /** Records after which all changes leave, however young. Default 50,000. */
  readonly size?: number | undefined;
}

const SIZE = 50_000;

/** Mini-batch options in numbers. */
export interface MiniBatchSettings {
  readonly latencyMs: number;
  readonly sizeMax: number;
}

/** @throws UserError JOB_DEFINITION for a latency or a size that is not positive. */
export function miniBatchSettings(uid: string, options: MiniBatchOptions): MiniBatchSettings {
  const latencyMs = durationMs(options.latency);
  const sizeMax = options.size ?? SIZE;
  if (latencyMs > 0 && Number.isInteger(sizeMax) && sizeMax > 0) return { latencyMs, sizeMax };
  throw new UserError(
    'JOB_DEFINITION',
    `the mini-batch of '${uid}' needs a positive latency and a positive whole size, found ${latencyMs} ms and ${sizeMax}`,
    { hint: "Write miniBatch: { latency: '2s', size: 50_000 }, or leave it out to send every change at once." },
  );
}

/**
 * What a `HoldingOperator` holds back, by key. It leaves after so many records and after the latency, and whenever the
 * operator says.
 */
export class MiniBatch<E> {
  readonly #settings: MiniBatchSettings;
  /** Sends what is held of one key. There is no current key then. */
  readonly #send: (key: Key, entry: E) => void;
  readonly #entries = new Map<Key, E>();
  #context: OperatorContext = undefined as never;
  #recordCount = 0;
  #timer: { cancel(): void } | undefined;
  /** When the first record came that is held. */
  #startMs = 0;
  readonly #flush = (): void => this.flush();

  constructor(settings: MiniBatchSettings, send: (key: Key, entry: E) => void) {
    this.#settings = settings;
    this.#send = send;
  }

  open(context: OperatorContext): void {
    this.#context = context;
  }

  get(key: Key): E | undefined {
    return this.#entries.get(key);
  }

  set(key: Key, entry: E): void {
    this.#entries.set(key, entry);
  }

  /** A record was folded in: called once per record, after `set`. */
  count(): void {
    if (this.#recordCount++ === 0) this.#start();
    if (this.#recordCount >= this.#settings.sizeMax) this.flush();
  }

  /** Sends everything, in the order in which keys were first held back. */
  flush(): void {
    if (this.#recordCount === 0) return;
    this.#recordCount = 0;
    for (const [key, entry] of this.#entries) this.#send(key, entry);
    this.#entries.clear();
  }

  /** Forgets what is held: the subtask has failed or ended. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#entries.clear();
    this.#recordCount = 0;
  }

  #start(): void {
    this.#startMs = this.#context.timers.currentProcessingTimeMs();
    // A timer that is still set for what has left looks again.
    if (this.#timer === undefined) this.#schedule();
  }

  #schedule(): void {
    this.#timer = this.#context.timers.schedule(this.#startMs + this.#settings.latencyMs, () => this.#onTimer());
  }

  #onTimer(): void {
    this.#timer = undefined;
    if (this.#recordCount === 0) return;
    const { mailbox, timers } = this.#context;
    if (this.#startMs + this.#settings.latencyMs > timers.currentProcessingTimeMs()) this.#schedule();
    else mailbox.postOutput(this.#flush);
  }
}
