import { expect, test } from 'vitest';
import type { TidemarkError } from '../../../engine/base/errors.ts';
import { defineProcess } from '../../../operators/process/define-process.ts';
import { valueState } from '../../../operators/process/state-spec.ts';
import { collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { long } from '../../../state/index.ts';
import { startVirtualJob } from '../../harness/virtual-job.ts';
import { numbers } from './count-job.ts';

const half = defineProcess({
  uid: 'halves',
  state: { half: valueState(long()) },
  processElement(n: number, { state }, out) {
    state.half.update(n / 2);
    out.collect(n);
  },
});

test('a value that its state cannot hold ends the job at the first checkpoint, naming state and key', async () => {
  const job = startVirtualJob({
    checkpointInterval: 50,
    restart: { kind: 'fixed-delay', attempts: 9, delay: '1s' },
    build(env) {
      numbers(env, 'numbers', { countPerSplit: 1000, recordsPerSecond: 100 })
        .keyBy((n) => n % 2)
        .process(half)
        .sinkTo(collectSink(), { uid: 'out' });
    },
  });
  const error: unknown = await job.environment.run(job.execution.result).catch((failure: unknown) => failure);
  expect(error).toMatchObject({
    code: 'RECORD',
    cause: { message: expect.stringMatching(/^state 'half' of 'halves', key 1: expected long, found number \d*\.5$/) },
  });
  expect((error as TidemarkError).retryable).toBe(false);
  expect(job.execution.status).toMatchObject({ state: 'failed', restartCount: 0 });
});
