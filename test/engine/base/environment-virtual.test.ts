import { expect, test } from 'vitest';
import { VirtualEnvironment } from '../../../engine/base/environment-virtual.ts';
import { InternalError } from '../../../engine/base/errors.ts';
import { MemoryFileSystem } from '../../../engine/base/file-system-memory.ts';

/** Five workers that yield, sleep and draw; returns what happened in which order. */
async function trace(seed: number): Promise<string[]> {
  const environment = new VirtualEnvironment({ seed });
  const log: string[] = [];
  const work = async (name: string): Promise<void> => {
    for (let i = 0; i < 5; i++) {
      log.push(`${environment.clock.monotonicMs()} ${name}${i} ${environment.random.uint32()}`);
      if (i % 2 === 0) await environment.scheduler.yield();
      else await environment.scheduler.delay(environment.random.uint32() % 4);
    }
  };
  await environment.run(Promise.all(['a', 'b', 'c', 'd', 'e'].map(work)));
  return log;
}

test('equal seeds give equal runs, other seeds other orders', async () => {
  const runs = await Promise.all([1, 1, 2, 3].map(trace));
  expect(runs[0]).toEqual(runs[1]);
  const orders = runs.map((log) => log.map((line) => line.split(' ')[1]).join());
  expect(new Set(orders.slice(1)).size).toBe(3);
});

test('time moves only when nothing is ready, and then to the next timer', async () => {
  const environment = new VirtualEnvironment({ startMs: 1000 });
  const { scheduler, clock } = environment;
  const log: string[] = [];
  scheduler.setTimer(50, () => log.push(`timer at ${clock.nowMs()}`));
  scheduler.setTimer(20, () => log.push('canceled')).cancel();
  await environment.run(
    (async () => {
      for (let i = 0; i < 3; i++) await scheduler.yield();
      log.push(`yielded at ${clock.nowMs()}`);
      await scheduler.delay(70);
      log.push(`woke at ${clock.nowMs()}, ${clock.monotonicMs()} after the start`);
    })(),
  );
  expect(log).toEqual(['yielded at 1000', 'timer at 1050', 'woke at 1070, 70 after the start']);
});

test('timers of the same time fire in the order in which they were set', async () => {
  const environment = new VirtualEnvironment();
  const log: number[] = [];
  for (const n of [1, 2, 3]) environment.scheduler.setTimer(5, () => void log.push(n));
  await environment.advance(5);
  expect(log).toEqual([1, 2, 3]);
});

test('advance stops the clock where it was told to', async () => {
  const environment = new VirtualEnvironment({ startMs: 0 });
  const log: number[] = [];
  const tick = (): void => {
    log.push(environment.clock.nowMs());
    environment.scheduler.setTimer(30, tick);
  };
  environment.scheduler.setTimer(30, tick);
  await environment.advance(100);
  expect(log).toEqual([30, 60, 90]);
  expect(environment.clock.nowMs()).toBe(100);
});

test('waiting for what nobody will ever do is reported as a deadlock', async () => {
  const environment = new VirtualEnvironment();
  await expect(environment.run(new Promise(() => {}))).rejects.toThrow(InternalError);
  await expect(environment.run(new Promise(() => {}))).rejects.toThrow(/^deadlock at virtual time \d+/);
});

test('a run can be left standing after a number of steps', async () => {
  const environment = new VirtualEnvironment();
  let turns = 0;
  const spin = async (): Promise<never> => {
    for (;;) {
      await environment.scheduler.yield();
      turns++;
    }
  };
  void spin();
  expect(await environment.runSteps(10)).toBe(10);
  expect(turns).toBe(10);
  expect(await new VirtualEnvironment().runSteps(10)).toBe(0);
});

test('the result of what is run comes through, and so does its failure', async () => {
  const environment = new VirtualEnvironment();
  await expect(environment.run(Promise.resolve(7))).resolves.toBe(7);
  await expect(
    environment.run(environment.scheduler.delay(5).then(() => Promise.reject(new Error('no')))),
  ).rejects.toThrow('no');
});

test('files outlive the environment they were written in', async () => {
  const first = new VirtualEnvironment();
  await first.files.write('/a', Buffer.from('kept'));
  const second = new VirtualEnvironment({ files: first.files });
  expect(Buffer.from(await second.files.read('/a')).toString()).toBe('kept');
  expect(second.files).toBeInstanceOf(MemoryFileSystem);
});
