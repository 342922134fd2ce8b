import { expect, test } from 'vitest';
import {
  collectionSource,
  DELETE,
  INSERT,
  long,
  record,
  type StreamExecutionEnvironment,
  string,
  TumblingEventTimeWindows,
  UPDATE_AFTER,
  UPDATE_BEFORE,
  WatermarkStrategy,
  type RowKind,
} from '../../../operators/index.ts';
import { startVirtualJob } from '../../harness/virtual-job.ts';

const Row = record('Row', { id: string(), kind: long() });

/** A job whose window gets rows of these kinds. */
function run(kinds: readonly RowKind[]) {
  const build = (env: StreamExecutionEnvironment): void => {
    env
      .fromSource(
        collectionSource(kinds.map((kind) => ({ id: 'a', kind: kind as number }))),
        'rows',
        WatermarkStrategy.forMonotonousTimestamps<{ id: string; kind: number }>().withTimestamp(() => 0),
      )
      .process<{ id: string; kind: number }>(() => ({
        processElement: (row, _context, out) => out.collect(row, row.kind as RowKind),
      }))
      .keyBy(({ id }) => id)
      .window(TumblingEventTimeWindows.of('1s'))
      .reduce((_first, second) => second, { uid: 'latest', schema: Row })
      .print('out', { write: () => {} });
  };
  const job = startVirtualJob({ build, restart: { kind: 'none' } });
  return job.environment.run(job.execution.result);
}

test.each([UPDATE_BEFORE, DELETE] as const)(
  'a row that takes another back (%i) does not get into a window',
  async (kind) => {
    await expect(run([INSERT, kind])).rejects.toMatchObject({
      code: 'JOB_DEFINITION',
      cause: { message: expect.stringMatching(/^operator 'latest' takes insertions only, found a row of kind -[UD]$/) },
    });
  },
);

test('a new value does', async () => {
  expect(await run([INSERT, UPDATE_AFTER])).toMatchObject({ state: 'finished' });
});
