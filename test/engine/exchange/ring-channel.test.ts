import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CHANNEL_BATCHES_MAX } from '../../../engine/exchange/channel.ts';
import type { StreamElement } from '../../../engine/exchange/channel-ends.ts';
import type { ControlElement } from '../../../engine/exchange/control-element.ts';
import { RingReceiver } from '../../../engine/exchange/ring-receiver.ts';
import { RingSender } from '../../../engine/exchange/ring-sender.ts';
import { createSharedRing } from '../../../engine/exchange/shared-ring.ts';
import { BellRinger, createSharedBells } from '../../../engine/exchange/thread-bell.ts';
import { RecordBatch } from '../../../engine/task/record-batch.ts';
import { arbitraryKeys, arbitraryRow, arbitraryRows, type Row, testCreateBatch } from './codec/arbitrary-records.ts';
import { type PipeOptions, testSendRows } from './ring-pipe.ts';

const BATCH_RECORDS = 64;

function createEnds(ringBytes: number): { readonly sender: RingSender; readonly receiver: RingReceiver } {
  const ring = createSharedRing(ringBytes);
  const peer = new BellRinger(createSharedBells(1), 0);
  const options = { channelId: 7, ring, peer, batchRecords: BATCH_RECORDS };
  return { sender: new RingSender(options), receiver: new RingReceiver(options) };
}

/** Records one by one, control elements between them: how they are cut into batches may differ. */
function flatten(element: StreamElement): unknown[] {
  if (!(element instanceof RecordBatch)) return [element];
  return Array.from({ length: element.length }, (_, i) => [
    element.values[i],
    element.timestamps[i],
    element.kinds[i],
    element.keys[i],
  ]);
}

const arbitraryElement = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(arbitraryRows(arbitraryRow), arbitraryKeys) },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.integer().map<ControlElement>((watermarkMs) => ({ tag: 'watermark', watermarkMs })),
      fc.boolean().map<ControlElement>((isIdle) => ({ tag: 'status', isIdle })),
      fc.nat().map<ControlElement>((checkpointId) => ({ tag: 'barrier', checkpointId, isFull: true, isLast: false })),
    ),
  },
);

test('elements arrive in order, whole, whatever fits into the ring and however both ends alternate', () => {
  fc.assert(
    fc.property(
      fc.array(arbitraryElement, { maxLength: 20 }),
      fc.infiniteStream(fc.constantFrom('push', 'push', 'take', 'pump', 'peek')),
      fc.constantFrom(256, 4096, 65_536),
      (elements, turns, ringBytes) => {
        const { sender, receiver } = createEnds(ringBytes);
        const expected: unknown[] = [];
        const found: unknown[] = [];
        const take = (): boolean => {
          const wasEmpty = receiver.isEmpty;
          const element = receiver.take();
          if (element === undefined) return false;
          expect(wasEmpty).toBe(false);
          found.push(...flatten(element));
          if (element instanceof RecordBatch) receiver.release(element);
          return true;
        };
        for (const element of elements) {
          for (let turn = turns.next().value; turn !== 'push'; turn = turns.next().value) {
            if (turn === 'take') take();
            else if (turn === 'pump') sender.pump();
            else {
              const next = receiver.peek(0);
              if (next !== undefined) expect(receiver.take()).toBe(next);
              if (next !== undefined) found.push(...flatten(next));
            }
          }
          if ('tag' in element) {
            expected.push(element);
            sender.push(element);
          } else {
            const batch = testCreateBatch(...element);
            expected.push(...flatten(batch));
            sender.push(batch);
          }
        }
        for (let isMoving = true; isMoving;) {
          isMoving = sender.pump() || !receiver.isEmpty;
          while (take());
        }
        expect(found).toEqual(expected);
        expect(receiver.isEmpty).toBe(true);
        expect(sender.hasRoom).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});

function pushRows(sender: RingSender, rows: readonly Row[]): void {
  const batch = sender.acquire();
  for (const { value, timestampMs, kind } of rows) batch.push(value, timestampMs, kind);
  sender.push(batch);
}

const small: readonly Row[] = [{ value: { n: 1 }, timestampMs: 0, kind: 0 }];

test('a sender has room for so many batches, and again when one has been taken', () => {
  const { sender, receiver } = createEnds(65_536);
  for (let i = 0; i < CHANNEL_BATCHES_MAX; i++) {
    expect(sender.hasRoom).toBe(true);
    pushRows(sender, small);
    sender.push({ tag: 'watermark', watermarkMs: i });
  }
  expect(sender.hasRoom).toBe(false);
  receiver.take();
  expect(sender.hasRoom).toBe(true);
});

test('a sender has no room while something waits for the ring, and says when it has again', () => {
  const { sender, receiver } = createEnds(1024);
  let takes = 0;
  sender.onTake = () => void takes++;
  pushRows(sender, [{ value: 'x'.repeat(2000), timestampMs: 0, kind: 0 }]);
  expect(sender.hasRoom).toBe(false);
  expect(sender.pump()).toBe(false);
  expect(receiver.take()).toBeUndefined();
  expect(takes).toBe(0);
  for (let i = 0; i < 5; i++) {
    sender.pump();
    const element = receiver.take();
    if (element !== undefined) expect((element as RecordBatch).values[0]).toBe('x'.repeat(2000));
  }
  expect(takes).toBe(1);
  expect(sender.hasRoom).toBe(true);
});

test('a record of ten megabytes passes, between others', () => {
  const { sender, receiver } = createEnds(1 << 16);
  const large = { text: 'ä€'.repeat(2_500_000), bytes: Buffer.alloc(1_000_000, 7) };
  pushRows(sender, [...small, { value: large, timestampMs: 1, kind: 1 }, ...small]);
  sender.push({ tag: 'end' });
  const found: unknown[] = [];
  while (sender.pump() || !receiver.isEmpty) {
    const element = receiver.take();
    if (element !== undefined) found.push(...flatten(element));
  }
  expect(found.map((row) => (Array.isArray(row) ? (row[1] as number) : row))).toEqual([0, 1, 0, { tag: 'end' }]);
  const value = (found[1] as unknown[])[0] as typeof large;
  expect(value.text === large.text && value.bytes.equals(large.bytes)).toBe(true);
});

test('batches that come often are made once', () => {
  const { sender, receiver } = createEnds(65_536);
  const batches = new Set<StreamElement>();
  for (let i = 0; i < 100; i++) {
    pushRows(sender, small);
    const batch = receiver.take() as RecordBatch;
    batches.add(batch);
    receiver.release(batch);
  }
  expect(batches.size).toBe(1);
});

test.each([
  ['a ring that is always full', 4096, 40],
  ['a ring that is often empty', 1 << 18, 16],
])('two threads that sleep when they have nothing to do pass everything on: %s', async (_, ringBytes, batchRecords) => {
  const options: PipeOptions = {
    ring: createSharedRing(ringBytes),
    bells: createSharedBells(2),
    batchRecords,
    batchCount: 3000,
  };
  const worker = new Worker(new URL('./pipe-worker.ts', import.meta.url), { workerData: options });
  const answer = once(worker, 'message');
  const sleeps = await testSendRows(options);
  const [received] = (await answer) as [{ readonly wrong: number; readonly sleeps: number }];
  expect(received.wrong).toBe(0);
  expect(sleeps + received.sleeps).toBeGreaterThan(0);
});
