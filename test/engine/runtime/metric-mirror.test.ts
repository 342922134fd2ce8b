import { expect, test } from 'vitest';
import { MetricGroup } from '../../../engine/base/metrics.ts';
import { MetricMirror, MetricSender } from '../../../engine/runtime/metric-mirror.ts';

function readings(group: MetricGroup): string[] {
  const lines: string[] = [];
  group.forEach((labels, name, value) => lines.push(`${JSON.stringify(labels)} ${name} ${value}`));
  return lines;
}

test('a mirror shows groups, counters and gauges as they were when they were sent, new ones too', () => {
  const source = new MetricGroup({ attempt: '1' });
  const sender = new MetricSender(source, { nowMs: () => 0, monotonicMs: () => 0, cpuMs: () => 0 });
  const target = new MetricGroup();
  const mirror = new MetricMirror(target);
  const task = source.child({ task: 'a' });
  const records = task.counter('records');
  let size = 1;
  task.gauge('size', () => size);
  mirror.update(sender.take(false));
  expect(readings(target)).toEqual(['{"attempt":"1","task":"a"} records 0', '{"attempt":"1","task":"a"} size 1']);
  records.value = 5;
  size = 7;
  // Between those sent already: their order does not matter.
  task.child({ operator: 'x' }).counter('records').value = 3;
  task.counter('late').value = 9;
  expect(target.sum('records')).toBe(0);
  mirror.update(sender.take(false));
  expect(target.sum('records')).toBe(8);
  expect(readings(target)).toEqual([
    '{"attempt":"1","task":"a"} records 5',
    '{"attempt":"1","task":"a"} late 9',
    '{"attempt":"1","task":"a"} size 7',
    '{"attempt":"1","task":"a","operator":"x"} records 3',
  ]);
});

test('gauges that take long to read are read seldom, and at the end', () => {
  let nowMs = 0;
  let readCount = 0;
  const source = new MetricGroup();
  const records = source.counter('records');
  source.gauge('pages', () => {
    nowMs += 10;
    return ++readCount;
  });
  const sender = new MetricSender(source, { nowMs: () => nowMs, monotonicMs: () => nowMs, cpuMs: () => 0 });
  const target = new MetricGroup();
  const mirror = new MetricMirror(target);
  for (let i = 0; i < 100; i++) {
    records.value++;
    mirror.update(sender.take(false));
    expect(target.sum('records')).toBe(i + 1);
    nowMs += 100;
  }
  // 10 ms each, in 10 s: at most one part in 200 of the time.
  expect(readCount).toBeLessThanOrEqual(6);
  mirror.update(sender.take(true));
  expect(readings(target)).toEqual(['{} records 100', `{} pages ${readCount}`]);
});

test('a gauge that throws shows as NaN, and leaves the others alone', () => {
  const source = new MetricGroup();
  source.gauge('broken', () => {
    throw new Error('no figure');
  });
  source.gauge('size', () => 3);
  const target = new MetricGroup();
  const clock = { nowMs: () => 0, monotonicMs: () => 0, cpuMs: () => 0 };
  new MetricMirror(target).update(new MetricSender(source, clock).take(true));
  expect(readings(target)).toEqual(['{} broken NaN', '{} size 3']);
});
