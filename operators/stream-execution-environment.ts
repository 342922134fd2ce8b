import { UserError } from '../engine/base/errors.ts';
import type { StreamGraph } from '../engine/graph/stream-graph.ts';
import type { Source, SourceSplit } from '../engine/task/source.ts';
import { WatermarkStrategy } from '../engine/time/watermark-strategy.ts';
import { DataStream } from './data-stream.ts';
import { collectionSource } from './source/collection/collection-source.ts';
import { type OperatorOptions, StreamGraphBuilder } from './stream-graph-builder.ts';

/** Where a job begins: sources come from it, and it holds the graph that the calls on their streams write. */
export class StreamExecutionEnvironment {
  readonly #graph = new StreamGraphBuilder();

  /**
   * A stream of a source's records.
   *
   * @param name for people and for the test driver; also the uid when none is given.
   */
  fromSource<T, S extends SourceSplit>(
    source: Source<T, S>,
    name: string,
    watermarkStrategy: WatermarkStrategy<T>,
    options: Omit<OperatorOptions, 'name'> = {},
  ): DataStream<T> {
    if (typeof name !== 'string') {
      throw new UserError(
        'JOB_DEFINITION',
        `fromSource(...): expected a name as second argument, found ${typeof name}`,
        {
          hint: "Write fromSource(source, 'name', strategy): in this order, unlike in Flink.",
        },
      );
    }
    if (typeof watermarkStrategy !== 'object' || watermarkStrategy === null) {
      throw new UserError(
        'JOB_DEFINITION',
        `source '${name}': expected a WatermarkStrategy as third argument, found ${typeof watermarkStrategy}`,
        { hint: 'Give WatermarkStrategy.noWatermarks() when the job needs no event time.' },
      );
    }
    const port = this.#graph.addSource(source as unknown as Source<T, never>, watermarkStrategy, {
      name,
      parallelism: options.parallelism,
      uid: options.uid ?? name,
    });
    return new DataStream(this.#graph, [port]);
  }

  /** A bounded stream of values in memory, read by one subtask. Its records have no timestamp unless the strategy assigns one. */
  fromCollection<T>(
    values: readonly T[],
    name: string = 'collection',
    watermarkStrategy: WatermarkStrategy<T> = WatermarkStrategy.noWatermarks<T>(),
  ): DataStream<T> {
    return this.fromSource(collectionSource(values), name, watermarkStrategy, { parallelism: 1 });
  }

  /** The graph written so far. */
  streamGraph(): StreamGraph {
    return this.#graph.build();
  }
}
