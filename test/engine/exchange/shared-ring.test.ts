import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RingReader } from '../../../engine/exchange/ring-reader.ts';
import { RingWriter } from '../../../engine/exchange/ring-writer.ts';
import { createSharedRing, READ_POSITION, WRITE_POSITION } from '../../../engine/exchange/shared-ring.ts';
import { testCreateMessage, testPause, TestReceiver, testSend } from './ring-messages.ts';

const RING_BYTES = 256;

test('messages of any length come out whole and in order, however writing and reading alternate', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.constantFrom(20, 200, 1000),
      fc.constantFrom(0, 2 ** 31 - 512, 2 ** 32 - 512),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 300 }),
      (seed, bytesMax, start, isWrite) => {
        const ring = createSharedRing(RING_BYTES);
        const heads = new Int32Array(ring.memory, 0, 64);
        heads[WRITE_POSITION] = start;
        heads[READ_POSITION] = start;
        const writer = new RingWriter(ring);
        const reader = new RingReader(ring);
        const receiver = new TestReceiver(reader);
        let sent = 0;
        let received = 0;
        let message = testCreateMessage(seed, 0, bytesMax);
        let from = 0;
        const write = (): boolean => {
          const before = from;
          from = testSend(writer, message, from);
          expect(writer.usedBytes).toBeLessThanOrEqual(RING_BYTES);
          if (from < message.length) return from > before;
          message = testCreateMessage(seed, ++sent, bytesMax);
          from = 0;
          return true;
        };
        const read = (): boolean => {
          if (reader.isEmpty) return false;
          const found = receiver.read();
          if (found !== undefined) expect(found).toEqual(testCreateMessage(seed, received++, bytesMax));
          return true;
        };
        for (const turn of isWrite) {
          // One of the two always gets on.
          if (turn ? !write() && !read() : !read() && !write()) throw new Error('stuck');
        }
        while (read());
        expect(received).toBe(sent);
        expect(writer.usedBytes).toBe(0);
      },
    ),
    { numRuns: 500 },
  );
});

test('room that is reserved and not used leaves no trace', () => {
  const ring = createSharedRing(RING_BYTES);
  const writer = new RingWriter(ring);
  const reader = new RingReader(ring);
  for (let i = 0; i < 100; i++) {
    writer.reserve(100);
    expect(reader.next()).toBe(false);
    const at = writer.reserve(40);
    writer.buffer.fill(i, at, at + 40);
    writer.commit(20);
    expect(reader.next()).toBe(true);
    expect(reader.length).toBe(20);
    expect(reader.buffer[reader.start + 19]).toBe(i);
    reader.release();
    reader.count(3);
    expect(writer.readCount).toBe(3 * (i + 1));
  }
  expect(writer.reserve(RING_BYTES)).toBe(-1);
});

test('messages pass between two threads that both run', async () => {
  const ring = createSharedRing(4096);
  const workerData = { ring, seed: 7, count: 5_000, bytesMax: 6000 };
  const worker = new Worker(new URL('./ring-worker.ts', import.meta.url), { workerData });
  const answer = once(worker, 'message');
  const writer = new RingWriter(ring);
  for (let nth = 0; nth < workerData.count; nth++) {
    const message = testCreateMessage(workerData.seed, nth, workerData.bytesMax);
    for (let from = 0; from < message.length;) {
      const before = from;
      from = testSend(writer, message, from);
      if (from === before) testPause();
    }
  }
  expect(await answer).toEqual([0]);
});
