import { expect, test } from 'vitest';
import { WatermarkStrategy } from '../../../engine/time/watermark-strategy.ts';
import { defineProcess } from '../../../operators/process/define-process.ts';
import { valueState } from '../../../operators/process/state-spec.ts';
import { collectionSource } from '../../../operators/source/collection/collection-source.ts';
import { CollectedRows, collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { long } from '../../../state/schema/scalars.ts';
import { startVirtualJob } from '../../harness/virtual-job.ts';

test('a bounded job runs to its end', async () => {
  const rows = new CollectedRows<string>();
  const job = startVirtualJob({
    parallelism: 2,
    build(env) {
      env
        .fromSource(
          collectionSource({ count: 1000, at: (i) => i }, { splits: 4 }),
          'numbers',
          WatermarkStrategy.forMonotonousTimestamps<number>().withTimestamp((n) => n),
        )
        .keyBy((n) => n % 10)
        .process(
          defineProcess({
            uid: 'count',
            state: { count: valueState(long()) },
            processElement(_n: number, { state, timers }) {
              state.count.update((state.count.value() ?? 0) + 1);
              timers.registerEventTimeTimer(2000);
            },
            onTimer(_t, { state, currentKey }, out) {
              out.collect(`${currentKey}:${state.count.value()}`);
            },
          }),
        )
        .sinkTo(collectSink<string>({ into: rows }), { uid: 'out' });
    },
  });
  const result = await job.environment.run(job.execution.result);
  expect(result).toEqual({ state: 'finished', lastCheckpointId: 1 });
  expect(rows.values().sort()).toEqual(Array.from({ length: 10 }, (_, i) => `${i}:100`));
  expect(job.log).toEqual([]);
});
