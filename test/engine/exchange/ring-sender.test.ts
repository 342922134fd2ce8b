import { expect, test } from 'vitest';
import { BatchEncoder } from '../../../engine/exchange/codec/batch-encoder.ts';
import { END_OF_INPUT } from '../../../engine/exchange/control-element.ts';
import { RingReceiver } from '../../../engine/exchange/ring-receiver.ts';
import { RingSender } from '../../../engine/exchange/ring-sender.ts';
import { createSharedRing } from '../../../engine/exchange/shared-ring.ts';
import { RecordBatch } from '../../../engine/task/record-batch.ts';
import { BellRinger, createSharedBells } from '../../../engine/exchange/thread-bell.ts';

test('after a record that cannot be sent nothing is, though a function has caught the error', () => {
  const options = {
    channelId: 0,
    ring: createSharedRing(1 << 16),
    peer: new BellRinger(createSharedBells(1), 0),
    batchRecords: 4,
    target: 'count',
  };
  const sender = new RingSender(options);
  const receiver = new RingReceiver(options);
  const push = (value: unknown): void => {
    const batch = sender.acquire();
    batch.push(value, 0, 0);
    sender.push(batch);
  };
  const refusal = /^a record for 'count' cannot be sent to another thread: its field f is a function/;
  push({ a: 1 });
  expect(() => push({ b: 1, f: () => 1 })).toThrow(refusal);
  // The batch is lost: a barrier behind it would make that good.
  expect(() => push({ a: 2 })).toThrow(refusal);
  expect(() => sender.push(END_OF_INPUT)).toThrow(refusal);
  expect(receiver.take()).toMatchObject({ length: 1 });
  expect(receiver.take()).toBeUndefined();
});

test('messages stay small, whatever characters their text has', () => {
  const encoder = new BatchEncoder({ messageBytes: 10_000 });
  const batch = new RecordBatch(64);
  for (let i = 0; i < 64; i++) batch.push('\u4e00'.repeat(1000), 0, 0);
  let largest = 0;
  // The first messages show that the text is not Latin-1, those after that send it on its own.
  for (let from = 0; from < batch.length;) {
    encoder.writer.begin();
    from = encoder.records(batch, from);
    largest = Math.max(largest, encoder.writer.at - encoder.writer.start);
  }
  expect(largest).toBeLessThan(25_000);
});
