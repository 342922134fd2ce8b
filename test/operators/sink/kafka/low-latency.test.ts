import { expect, test } from 'vitest';
import { INSERT } from '../../../../engine/task/row-kind.ts';
import { onKafka } from './sink-fixture.ts';

test(
  'with low latency records are seen without a checkpoint, and a checkpoint waits for them',
  onKafka(async (fixture) => {
    const sink = fixture.sink({ delivery: 'low-latency' });
    expect('createCommitter' in sink).toBe(false);
    const writer = await sink.createWriter(fixture.context());
    writer.write('a', 0, INSERT);
    await fixture.environment.scheduler.delay(100);
    expect(await fixture.values()).toEqual(['a']);
    for (let i = 0; i < 100; i++) writer.write(String(i), 0, INSERT);
    expect(await writer.prepareCommit(1)).toEqual([]);
    expect((await fixture.values()).length).toBe(101);
    writer.write('last', 0, INSERT);
    await writer.flush!();
    expect((await fixture.values()).at(-1)).toBe('last');
    await writer.close();
  }),
);

test(
  'with low latency a send that fails fails the job, and nothing more is sent',
  onKafka(async (fixture) => {
    const writer = await fixture.sink({ delivery: 'low-latency' }).createWriter(fixture.context());
    writer.write('a', 0, INSERT);
    await writer.prepareCommit(1);
    fixture.kafka.faults = { sendLost: 1 };
    writer.write('b', 0, INSERT);
    await expect(writer.prepareCommit(2)).rejects.toMatchObject({ code: 'CONNECTION', retryable: true });
    fixture.kafka.faults = {};
    expect(() => writer.write('c', 0, INSERT)).toThrow('the connection was lost');
    await fixture.environment.scheduler.delay(1_000);
    expect(await fixture.values()).toEqual(['a']);
    await writer.close();
  }),
);

test(
  'with low latency the job waits while too much is unsent',
  onKafka(async (fixture) => {
    const writer = await fixture.sink({ delivery: 'low-latency', bufferBytes: 5_000 }).createWriter(fixture.context());
    let waitCount = 0;
    for (let i = 0; i < 100; i++) {
      writer.write(`${i}`.padEnd(500), 0, INSERT);
      const room = writer.blockedUntil!();
      if (room !== undefined) waitCount++;
      await room;
    }
    await writer.flush!();
    expect(waitCount).toBeGreaterThan(5);
    expect((await fixture.values()).map(Number)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    await writer.close();
  }),
);
