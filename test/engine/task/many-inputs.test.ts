import { expect, test } from 'vitest';
import type { RowKind } from '../../../engine/task/row-kind.ts';
import { StreamOperator } from '../../../engine/task/stream-operator.ts';
import {
  collectionSource,
  collectSink,
  DataStream,
  defineJob,
  valueState,
  WatermarkStrategy,
} from '../../../operators/index.ts';
import { long } from '../../../state/schema/scalars.ts';
import type { ValueState } from '../../../state/keyed/state.ts';
import { testJob } from '../../harness/index.ts';

/** Numbers the records of a key over all inputs. */
class Numbering extends StreamOperator<string> {
  #count = undefined as unknown as ValueState<number>;

  override open(): void {
    this.#count = this.keyedState(valueState(long()).toDescriptor('count'));
  }

  override processElementOf(inputIndex: number, value: unknown, timestampMs: number, kind: RowKind): void {
    const count = (this.#count.value() ?? 0) + 1;
    this.#count.update(count);
    this.output.collect(`${String(value)} ${inputIndex} ${count}`, timestampMs, kind);
  }
}

const job = defineJob({
  name: 'three-inputs',
  build(env) {
    const inputs = ['x', 'y', 'z'].map((name) =>
      env
        .fromSource(collectionSource<string>([]), name, WatermarkStrategy.noWatermarks<string>())
        .keyBy((value) => value),
    );
    const { graph } = inputs[0]!.stream;
    const port = graph.addOperator({
      inputs: inputs.map(({ stream }) => stream.ports),
      kind: 'numbering',
      options: { uid: 'numbering' },
      isStateful: true,
      factory: () => new Numbering(),
    });
    new DataStream<string>(graph, [port]).sinkTo(collectSink(), { uid: 'out' });
  },
});

test('an operator of three keyed inputs runs in a job, and after a restart at another parallelism', async () => {
  const driver = await testJob(job);
  driver.source('x').push('a');
  driver.source('z').push('a', 'b');
  driver.source('y').push('a');
  expect(driver.sink('out').take()).toEqual(['a 0 1', 'a 2 2', 'b 2 1', 'a 1 3']);
  await driver.snapshot();
  await driver.restore({ parallelism: 2 });
  driver.source('y').push('b');
  driver.source('x').push('a');
  expect(driver.sink('out').take()).toEqual(['b 1 2', 'a 0 4']);
  await driver.close();
});
