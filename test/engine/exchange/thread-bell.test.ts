import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { createNodeEnvironment } from '../../../engine/base/environment-node.ts';
import { BellRinger, createSharedBells, ThreadBell } from '../../../engine/exchange/thread-bell.ts';
import { findSleptThrough } from './bell-model.ts';
import { type PassNumbersOptions, testPassNumbers } from './pass-numbers.ts';

test('in no order of the steps of one sleeper and two ringers is a change slept through', () => {
  const { stateCount, bad } = findSleptThrough('as built');
  expect(bad).toBeUndefined();
  expect(stateCount).toBeGreaterThan(5000);
});

test.each(['looks before it arms', 'rings before it publishes'] as const)(
  'the model finds what goes wrong: %s',
  (variant) => {
    expect(findSleptThrough(variant).bad).toBeDefined();
  },
);

test('two threads that wait for each other time and again never both sleep', async () => {
  const options: Omit<PassNumbersOptions, 'threadIndex'> = {
    bells: createSharedBells(2),
    numbers: new SharedArrayBuffer(256),
    count: 5_000,
  };
  const worker = new Worker(new URL('./bell-worker.ts', import.meta.url), { workerData: options });
  const answer = once(worker, 'message');
  const sleeps = await testPassNumbers({ ...options, threadIndex: 0 });
  const [othersSleeps] = (await answer) as [number];
  expect(sleeps + othersSleeps).toBeGreaterThan(0);
});

test('a ring is heard once, when the bell is armed, in a later turn', async () => {
  const bells = createSharedBells(2);
  const bell = new ThreadBell(bells, 1);
  const ringer = new BellRinger(bells, 1);
  let rings = 0;
  bell.onRing = () => void rings++;
  const { scheduler } = createNodeEnvironment();
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) await scheduler.yield();
  };
  ringer.ring();
  await settle();
  expect(rings).toBe(0);
  bell.arm();
  ringer.ring();
  ringer.ring();
  expect(rings).toBe(0);
  await settle();
  expect(rings).toBe(1);
  for (let i = 0; i < 100; i++) {
    bell.arm();
    bell.disarm();
    ringer.ring();
  }
  await settle();
  expect(rings).toBe(1);
  bell.arm();
  ringer.ring();
  await settle();
  expect(rings).toBe(2);
  bell.arm();
  bell.close();
  ringer.ring();
  await settle();
  expect(rings).toBe(2);
});
