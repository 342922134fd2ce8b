import type { OperatorNode } from '../../../engine/graph/stream-graph.ts';
import type { DataStream } from '../../../operators/data-stream.ts';
import { StreamExecutionEnvironment } from '../../../operators/stream-execution-environment.ts';
import type { Key } from '../../../state/keyed/key.ts';
import type { HarnessOptions } from './harness-options.ts';
import { OperatorHarness } from './operator-harness.ts';

/**
 * Drives the operator that `build` puts behind its input, written as in a job:
 * `harnessOf((clicks: DataStream<Click>) => clicks.keyBy((click) => click.userId).process(firstClick))`.
 *
 * @throws Error when it is not exactly one operator: `testJob` runs several.
 */
export async function harnessOf<IN, OUT>(
  build: (input: DataStream<IN>) => DataStream<OUT>,
  options: HarnessOptions = {},
): Promise<OperatorHarness<OUT>> {
  const environment = new StreamExecutionEnvironment();
  build(environment.fromCollection<IN>([], 'input'));
  return await open(environment, options);
}

/** The same for an operator with two inputs: `processElement1`, `processWatermark1` and so on feed them. */
export async function twoInputHarnessOf<IN1, IN2, OUT>(
  build: (first: DataStream<IN1>, second: DataStream<IN2>) => DataStream<OUT>,
  options: HarnessOptions = {},
): Promise<OperatorHarness<OUT>> {
  const environment = new StreamExecutionEnvironment();
  build(environment.fromCollection<IN1>([], 'first'), environment.fromCollection<IN2>([], 'second'));
  return await open(environment, options);
}

function open<OUT>(environment: StreamExecutionEnvironment, options: HarnessOptions): Promise<OperatorHarness<OUT>> {
  const { nodes, edges } = environment.streamGraph();
  const operators = nodes.filter((node): node is OperatorNode => node.kind === 'operator');
  const [operator] = operators;
  if (operator === undefined || operators.length > 1) {
    const found = operators.map(({ name }) => name).join(', ') || 'none';
    throw new Error(`a harness drives one operator, found ${found}; testJob runs a job of several`);
  }
  const keySelectors: (((value: never) => Key) | undefined)[] = new Array(operator.inputCount).fill(undefined);
  for (const { targetNodeId, inputIndex, partitioning } of edges)
    if (targetNodeId === operator.nodeId && partitioning.kind === 'hash')
      keySelectors[inputIndex] = partitioning.keySelector;
  return OperatorHarness.open(
    operator.factory as () => never,
    operator.inputCount,
    keySelectors.some((selector) => selector !== undefined) ? keySelectors : undefined,
    options,
  );
}
