import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../../../engine/base/errors.ts';
import { Channel, CHANNEL_BATCHES_MAX } from '../../../engine/exchange/channel.ts';
import {
  BroadcastOutput,
  type ChannelOutput,
  HashOutput,
  RebalanceOutput,
  SelectedOutput,
  SingleChannelOutput,
} from '../../../engine/exchange/channel-output.ts';
import type { ControlElement } from '../../../engine/exchange/control-element.ts';
import { RecordBatch } from '../../../engine/task/record-batch.ts';
import { INSERT, type RowKind } from '../../../engine/task/row-kind.ts';
import type { Key } from '../../../state/keyed/key.ts';
import { keyGroupOf, keyGroupRange } from '../../../state/keyed/key-group.ts';

const MAX_PARALLELISM = 128;
const CAPACITY = 4;

/** Everything in a channel, records as `value@timestamp/kind`, with their keys; batches are given back. */
function drain(channel: Channel, isKeyed = false): string[] {
  const elements: string[] = [];
  for (let element = channel.take(); element !== undefined; element = channel.take()) {
    if (!(element instanceof RecordBatch)) {
      elements.push(element.tag);
      continue;
    }
    expect(element.length).toBeGreaterThan(0);
    expect(element.length).toBeLessThanOrEqual(CAPACITY);
    for (let i = 0; i < element.length; i++) {
      const key = isKeyed ? `${String(element.keys[i])}=` : '';
      elements.push(`${key}${String(element.values[i])}@${element.timestamps[i]}/${element.kinds[i]}`);
    }
    channel.release(element);
  }
  return elements;
}

interface Written {
  readonly value: number;
  readonly timestampMs: number;
  readonly kind: RowKind;
}

const arbitraryWrites = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record<Written>({
        value: fc.nat(50),
        timestampMs: fc.nat(1000),
        kind: fc.constantFrom<RowKind>(0, 1, 2, 3),
      }),
    },
    { weight: 1, arbitrary: fc.constantFrom('flush' as const, 'watermark' as const, 'drain' as const) },
  ),
  { maxLength: 60 },
);

const WATERMARK: ControlElement = { tag: 'watermark', watermarkMs: 5 };
const text = ({ value, timestampMs, kind }: Written): string => `${value}@${timestampMs}/${kind}`;

/**
 * Writes to an output, reading its channels now and then; returns what came through each channel, and what should have,
 * given which channels a record goes to.
 */
function pass(
  create: (channels: readonly Channel[]) => ChannelOutput,
  writes: readonly (Written | 'flush' | 'watermark' | 'drain')[],
  options: {
    readonly channelCount: number;
    readonly targets: (written: Written, nth: number) => readonly number[];
    readonly prefix?: (value: number) => string;
  },
) {
  const channels = Array.from({ length: options.channelCount }, (_, i) => new Channel(i, CAPACITY));
  const output = create(channels);
  const found: string[][] = channels.map(() => []);
  const expected: string[][] = channels.map(() => []);
  let count = 0;
  const drainAll = (): void =>
    channels.forEach((channel, i) => found[i]!.push(...drain(channel, options.prefix !== undefined)));
  for (const write of writes) {
    if (write === 'flush') output.flush();
    else if (write === 'drain') drainAll();
    else if (write === 'watermark') {
      output.broadcast(WATERMARK);
      for (const list of expected) list.push('watermark');
    } else {
      output.collect(write.value, write.timestampMs, write.kind);
      const prefix = options.prefix?.(write.value) ?? '';
      for (const target of options.targets(write, count++)) expected[target]!.push(prefix + text(write));
    }
  }
  output.flush();
  expect(output.flush()).toBe(false);
  drainAll();
  return { found, expected };
}

test('hash: a record goes, with its key, where its key group lives; nothing overtakes on a channel', () => {
  fc.assert(
    fc.property(arbitraryWrites, fc.integer({ min: 2, max: 5 }), (writes, channelCount) => {
      const keyOf = (value: number): string => `k${value % 7}`;
      const { found, expected } = pass(
        (channels) => new HashOutput(channels, (value) => keyOf(value as number), MAX_PARALLELISM, 'count'),
        writes,
        {
          channelCount,
          prefix: (value) => `${keyOf(value)}=`,
          targets: ({ value }) => {
            const keyGroup = keyGroupOf(keyOf(value), MAX_PARALLELISM);
            return [...new Array(channelCount).keys()].filter((i) => {
              const { start, end } = keyGroupRange(i, channelCount, MAX_PARALLELISM);
              return start <= keyGroup && keyGroup < end;
            });
          },
        },
      );
      expect(found).toEqual(expected);
    }),
  );
});

test('rebalance deals in turn, broadcast copies, global sends all to the first', () => {
  fc.assert(
    fc.property(arbitraryWrites, fc.integer({ min: 2, max: 4 }), fc.nat(9), (writes, channelCount, start) => {
      const rebalanced = pass((channels) => new RebalanceOutput(channels, start), writes, {
        channelCount,
        targets: (_written, nth) => [(start + nth) % channelCount],
      });
      expect(rebalanced.found).toEqual(rebalanced.expected);
      const copied = pass((channels) => new BroadcastOutput(channels), writes, {
        channelCount,
        targets: () => [...new Array(channelCount).keys()],
      });
      expect(copied.found).toEqual(copied.expected);
      const global = pass((channels) => new SingleChannelOutput(channels[0]!, undefined, 'sink', channels), writes, {
        channelCount,
        targets: () => [0],
      });
      expect(global.found).toEqual(global.expected);
    }),
  );
});

test('a function may say where each record goes; a place that is not there is named', () => {
  fc.assert(
    fc.property(arbitraryWrites, fc.integer({ min: 2, max: 4 }), (writes, channelCount) => {
      const select = (value: unknown): number => ((value as number) * 7) % channelCount;
      const { found, expected } = pass((channels) => new SelectedOutput(channels, select, 'count'), writes, {
        channelCount,
        targets: ({ value }) => [select(value)],
      });
      expect(found).toEqual(expected);
    }),
  );
  const channels = [new Channel(0, CAPACITY), new Channel(1, CAPACITY)];
  for (const wrong of [2, -1, 0.5, Number.NaN, undefined]) {
    const output = new SelectedOutput(channels, () => wrong as number, 'count');
    expect(() => output.collect({ user: 7 }, 0, INSERT)).toThrow(
      `the partitioner before 'count' returned ${wrong} for the record {"user":7}, expected an integer in [0, 2)`,
    );
  }
});

test('a single keyed channel carries the keys', () => {
  const channel = new Channel(0, CAPACITY);
  const output = new SingleChannelOutput(channel, (value) => `k${String(value)}`, 'count');
  for (const value of [1, 2]) output.collect(value, 0, INSERT);
  output.flush();
  expect(drain(channel, true)).toEqual(['k1=1@0/0', 'k2=2@0/0']);
});

test.each([undefined, null])('a key selector that returns %s is named, with the record', (key) => {
  const channels = [new Channel(0, CAPACITY), new Channel(1, CAPACITY)];
  const selector = (): Key => key as unknown as Key;
  for (const output of [
    new HashOutput(channels, selector, MAX_PARALLELISM, 'count'),
    new SingleChannelOutput(channels[0]!, selector, 'count'),
  ]) {
    const collect = (): void => output.collect({ user: 7 }, 0, INSERT);
    expect(collect).toThrow(UserError);
    expect(collect).toThrow(`the key selector before 'count' returned ${String(key)} for the record {"user":7}`);
  }
});

test('a channel is full after so many batches; control elements always fit and take no room', () => {
  const channel = new Channel(0, CAPACITY);
  let wakes = 0;
  channel.onTake = () => void wakes++;
  for (let i = 0; i < CHANNEL_BATCHES_MAX; i++) {
    expect(channel.hasRoom).toBe(true);
    channel.push(channel.acquire());
    channel.push(WATERMARK);
  }
  expect(channel.hasRoom).toBe(false);
  channel.push(WATERMARK);
  expect(channel.hasRoom).toBe(false);
  channel.take();
  expect(channel.hasRoom).toBe(true);
  channel.take();
  expect(wakes).toBe(1);
});

test('an output has room while all of its channels have', () => {
  const channels = [new Channel(0, CAPACITY), new Channel(1, CAPACITY)];
  const output = new BroadcastOutput(channels);
  for (let i = 0; i < CHANNEL_BATCHES_MAX * CAPACITY; i++) output.collect(i, 0, INSERT);
  while (!channels[0]!.isEmpty) channels[0]!.take();
  expect(output.hasRoom).toBe(false);
  channels[1]!.take();
  expect(output.hasRoom).toBe(true);
});

test('a channel that never runs empty keeps its order, and batches come back clean', () => {
  const channel = new Channel(0, CAPACITY);
  const batches = new Set<RecordBatch>();
  let next = 0;
  let taken = 0;
  const push = (): void => {
    const batch = channel.acquire();
    expect(batch.length).toBe(0);
    batches.add(batch);
    batch.push({ n: next++ }, 0);
    channel.push(batch);
  };
  push();
  for (let i = 0; i < 1000; i++) {
    push();
    const batch = channel.take() as RecordBatch;
    expect(batch.values[0]).toEqual({ n: taken++ });
    channel.release(batch);
    expect(batch.values[0]).toBeUndefined();
  }
  expect(batches.size).toBeLessThan(5);
});
