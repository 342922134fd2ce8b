import { expect, test } from 'vitest';
import { onKafka } from './kafka-fixture.ts';

test(
  'a paused split hands out nothing and keeps its place; the others go on',
  onKafka(async (fixture) => {
    await fixture.write(0, ['a0', 'a1']);
    const run = await fixture.start(fixture.source());
    await run.run({ recordCountMax: 1, untilCount: 1 });
    run.pauseOrResume(['events-0'], []);
    await fixture.write(0, ['a2']);
    await fixture.write(1, ['b0', 'b1']);
    await run.run({ untilCount: 3 });
    expect(run.emitted.map(({ value }) => value)).toEqual(['a0', 'b0', 'b1']);
    expect(run.checkpoint().splits.map(({ splitId, offset }) => [splitId, offset])).toEqual([
      ['events-0', 1],
      ['events-1', 2],
    ]);
    run.pauseOrResume([], ['events-0']);
    await run.run({ untilCount: 5 });
    expect(run.emitted.map(({ value }) => value).slice(3)).toEqual(['a1', 'a2']);
    await run.close();
  }),
);

test(
  'what paused partitions have in the buffer does not keep the others from being read',
  onKafka(
    async (fixture) => {
      const value = (name: string): string => name.padEnd(1_000, '.');
      const sole = await fixture.reader(fixture.source({ bufferBytes: 6_000, partitionBytes: 2_000 }));
      for (let i = 0; i < 10; i++) for (const partition of [0, 1, 2]) await fixture.write(partition, [value(`${i}`)]);
      await fixture.environment.scheduler.delay(60_000);
      sole.reader.pauseOrResumeSplits!(['events-0', 'events-1', 'events-2'], []);
      for (let i = 0; i < 10; i++) await fixture.write(3, [value(`late ${i}`)]);
      const isLate = (text: string): boolean => text.startsWith('late');
      while (sole.emitted.filter(isLate).length < 10) if (sole.poll(1) === 'empty') await sole.reader.available();
      expect(sole.emitted).toHaveLength(10);
      await sole.reader.close();
    },
    { partitions: 4 },
  ),
);

test(
  'a partition that is paused for a moment does not wait for news of another one',
  onKafka(async (fixture) => {
    const count = 200;
    for (let i = 0; i < count; i++) await fixture.write(0, [`${i}`.padEnd(1_000, '.')]);
    const sole = await fixture.reader(fixture.source({ partitionBytes: 5_000 }));
    const { clock, scheduler } = fixture.environment;
    const startMs = clock.nowMs();
    while (sole.emitted.length < count) {
      const before = sole.emitted.length;
      const status = sole.poll(3);
      if (sole.emitted.length === before) {
        if (status === 'empty') await sole.reader.available();
        continue;
      }
      sole.reader.pauseOrResumeSplits!(['events-0'], []);
      await scheduler.delay(1);
      sole.reader.pauseOrResumeSplits!([], ['events-0']);
    }
    expect(clock.nowMs() - startMs).toBeLessThan(2_000);
    await sole.reader.close();
  }),
);
