import { describeRecord } from '../base/describe-record.ts';
import { UserError } from '../base/errors.ts';
import { keyGroupOf, subtaskOfKeyGroup } from '../../state/keyed/key-group.ts';
import type { Key } from '../../state/keyed/key.ts';
import { Output } from '../task/output.ts';
import type { RecordBatch } from '../task/record-batch.ts';
import type { RowKind } from '../task/row-kind.ts';
import { checkedKey } from './checked-key.ts';
import type { OutputChannel } from './channel-ends.ts';
import type { ControlElement } from './control-element.ts';

/** The end of an edge that leaves the task: fills batches and hands them to channels. */
export abstract class ChannelOutput extends Output<unknown> {
  readonly channels: readonly OutputChannel[];

  constructor(channels: readonly OutputChannel[]) {
    super();
    this.channels = channels;
  }

  /** Hands over the batches begun, however short. Returns whether there was any. */
  abstract flush(): boolean;

  /** Sends a control element to every channel, behind all records collected so far. */
  broadcast(element: ControlElement): void {
    this.flush();
    for (const channel of this.channels) channel.push(element);
  }

  get hasRoom(): boolean {
    for (const channel of this.channels) if (!channel.hasRoom) return false;
    return true;
  }
}

type KeySelector = (value: unknown) => Key;

/** All records to one channel; with a key selector the keys go along. */
export class SingleChannelOutput extends ChannelOutput {
  readonly #channel: OutputChannel;
  readonly #keySelector: KeySelector | undefined;
  readonly #targetName: string;
  #batch: RecordBatch;

  /** @param channels those that get control elements; default only `channel`. */
  constructor(
    channel: OutputChannel,
    keySelector: KeySelector | undefined,
    targetName: string,
    channels: readonly OutputChannel[] = [channel],
  ) {
    super(channels);
    this.#channel = channel;
    this.#keySelector = keySelector;
    this.#targetName = targetName;
    this.#batch = channel.acquire();
  }

  collect(value: unknown, timestampMs: number, kind: RowKind): void {
    const batch = this.#batch;
    const at = batch.length;
    if (this.#keySelector !== undefined) batch.keys[at] = checkedKey(this.#keySelector(value), value, this.#targetName);
    batch.values[at] = value;
    batch.timestamps[at] = timestampMs;
    batch.kinds[at] = kind;
    batch.length = at + 1;
    if (at + 1 === batch.timestamps.length) this.flush();
  }

  flush(): boolean {
    if (this.#batch.length === 0) return false;
    const batch = this.#batch;
    this.#batch = this.#channel.acquire();
    this.#channel.push(batch);
    return true;
  }
}

/** Records to one of several channels each. */
abstract class RoutedOutput extends ChannelOutput {
  protected readonly batches: RecordBatch[];

  constructor(channels: readonly OutputChannel[]) {
    super(channels);
    this.batches = channels.map((channel) => channel.acquire());
  }

  flush(): boolean {
    let any = false;
    for (let i = 0; i < this.batches.length; i++) if (this.flushChannel(i)) any = true;
    return any;
  }

  protected flushChannel(index: number): boolean {
    const batch = this.batches[index]!;
    if (batch.length === 0) return false;
    const channel = this.channels[index]!;
    this.batches[index] = channel.acquire();
    channel.push(batch);
    return true;
  }

  protected append(index: number, value: unknown, timestampMs: number, kind: RowKind): void {
    const batch = this.batches[index]!;
    batch.push(value, timestampMs, kind);
    if (batch.length === batch.timestamps.length) this.flushChannel(index);
  }
}

/** By key group: equal keys meet in the same subtask. */
export class HashOutput extends RoutedOutput {
  readonly #keySelector: KeySelector;
  readonly #maxParallelism: number;
  readonly #targetName: string;
  /** Channel by key group. */
  readonly #indexes: Uint16Array;
  /** Keys often come several times in a row. Equal keys (0 and -0 too) are of one key group. */
  #lastKey: Key | undefined;
  #lastIndex = 0;

  constructor(
    channels: readonly OutputChannel[],
    keySelector: KeySelector,
    maxParallelism: number,
    targetName: string,
  ) {
    super(channels);
    this.#keySelector = keySelector;
    this.#maxParallelism = maxParallelism;
    this.#targetName = targetName;
    this.#indexes = Uint16Array.from({ length: maxParallelism }, (_, keyGroup) =>
      subtaskOfKeyGroup(keyGroup, channels.length, maxParallelism),
    );
  }

  collect(value: unknown, timestampMs: number, kind: RowKind): void {
    const key = checkedKey(this.#keySelector(value), value, this.#targetName);
    if (key !== this.#lastKey) {
      this.#lastIndex = this.#indexes[keyGroupOf(key, this.#maxParallelism)]!;
      this.#lastKey = key;
    }
    const index = this.#lastIndex;
    const batch = this.batches[index]!;
    batch.keys[batch.length] = key;
    this.append(index, value, timestampMs, kind);
  }
}

/** Round robin, from channel `start`. */
export class RebalanceOutput extends RoutedOutput {
  #next: number;

  constructor(channels: readonly OutputChannel[], start: number) {
    super(channels);
    this.#next = start % channels.length;
  }

  collect(value: unknown, timestampMs: number, kind: RowKind): void {
    this.append(this.#next, value, timestampMs, kind);
    this.#next = this.#next + 1 === this.channels.length ? 0 : this.#next + 1;
  }
}

/** To the channel that a function names. */
export class SelectedOutput extends RoutedOutput {
  readonly #select: (value: unknown) => number;
  readonly #targetName: string;

  /** @param select an integer in [0, number of channels). */
  constructor(channels: readonly OutputChannel[], select: (value: unknown) => number, targetName: string) {
    super(channels);
    this.#select = select;
    this.#targetName = targetName;
  }

  collect(value: unknown, timestampMs: number, kind: RowKind): void {
    const index = this.#select(value);
    if (this.channels[index] === undefined) {
      throw new UserError(
        'USER_FUNCTION',
        `the partitioner before '${this.#targetName}' returned ${String(index)} for the record ${describeRecord(value)}, expected an integer in [0, ${this.channels.length})`,
      );
    }
    this.append(index, value, timestampMs, kind);
  }
}

/** A copy to every channel (the value itself is shared: records are immutable). */
export class BroadcastOutput extends RoutedOutput {
  collect(value: unknown, timestampMs: number, kind: RowKind): void {
    for (let i = 0; i < this.channels.length; i++) this.append(i, value, timestampMs, kind);
  }
}
