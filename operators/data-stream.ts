import { UserError } from '../engine/base/errors.ts';
import type { Partitioning } from '../engine/graph/stream-graph.ts';
import type { OutputTag } from '../engine/task/output-tag.ts';
import type { Sink } from '../engine/task/sink.ts';
import type { StreamOperator } from '../engine/task/stream-operator.ts';
import type { WatermarkStrategy } from '../engine/time/watermark-strategy.ts';
import type { Key } from '../state/keyed/key.ts';
import { type AsyncFunction, type AsyncInvoke, toAsyncFunction } from './async/async-function.ts';
import { type AsyncWaitOptions, declareAsyncWait } from './async/async-wait-options.ts';
import {
  declareLookupJoin,
  type InnerLookupJoinOptions,
  type LeftLookupJoinOptions,
  type LookupJoinOptions,
} from './async/lookup/lookup-join.ts';
import type { LookupTable } from './async/lookup/lookup-table.ts';
import { BroadcastConnectedStreams } from './broadcast-connected-streams.ts';
import { ConnectedStreams } from './connected-streams.ts';
import { UnkeyedCoGroup } from './co-grouped-streams.ts';
import { UnkeyedJoin } from './joined-streams.ts';
import { KeyedStream } from './keyed-stream.ts';
import type { PatternOptions, PatternOrBuild, PatternStream } from './pattern-stream.ts';
import { checkProcessLogic } from './process/check-process-logic.ts';
import type { ProcessDefinition } from './process/define-process.ts';
import { FilterOperator } from './process/filter-operator.ts';
import { type FlatMapFunction, FlatMapOperator } from './process/flat-map-operator.ts';
import { MapOperator } from './process/map-operator.ts';
import { ProcessOperator } from './process/process-operator.ts';
import type { ProcessLogic } from './process/process-function.ts';
import type { StateSpecs } from './process/state-spec.ts';
import { TimestampsAndWatermarksOperator } from './process/timestamps-and-watermarks-operator.ts';
import { type PrintSinkOptions, printSink } from './sink/print/print-sink.ts';
import type {
  OperatorOptions,
  StatefulOperatorOptions,
  StreamGraphBuilder,
  StreamPort,
} from './stream-graph-builder.ts';
import { cutByCount } from './window/count-windows.ts';
import { GlobalWindows } from './window/global-windows.ts';
import type { GlobalWindow, Window } from './window/window.ts';
import type { WindowAssigner } from './window/window-assigner.ts';
import { WindowedStream } from './windowed-stream.ts';

export type KeySelector<T, K extends Key> = (value: T) => K;

export interface OneInputDeclaration<OUT> {
  readonly kind: string;
  readonly options: OperatorOptions;
  /** Keeps state or timers: then a uid is required. */
  readonly isStateful: boolean;
  /** Is not chained to the operator before it. Default false. */
  readonly startsChain?: boolean | undefined;
  /** The sources that feed it are kept within a drift of each other. Default: whether it has two keyed inputs. */
  readonly alignsSources?: boolean | undefined;
  readonly factory: () => StreamOperator<OUT>;
}

/**
 * A stream of records: what the job's author writes the job with. Every method adds to the job's graph and returns the
 * stream that comes out; nothing runs yet. Records are immutable: functions return new ones.
 */
export class DataStream<T> {
  readonly graph: StreamGraphBuilder;
  readonly ports: readonly StreamPort[];

  constructor(graph: StreamGraphBuilder, ports: readonly StreamPort[]) {
    this.graph = graph;
    this.ports = ports;
  }

  /** One result per record. */
  map<R>(map: (value: T) => R, options: OperatorOptions = {}): DataStream<R> {
    return this.transform({ kind: 'map', options, isStateful: false, factory: () => new MapOperator(map) });
  }

  /** Only the records for which the predicate holds. */
  filter<R extends T>(predicate: (value: T) => value is R, options?: OperatorOptions): DataStream<R>;
  filter(predicate: (value: T) => boolean, options?: OperatorOptions): DataStream<T>;
  filter(predicate: (value: T) => boolean, options: OperatorOptions = {}): DataStream<T> {
    return this.transform({ kind: 'filter', options, isStateful: false, factory: () => new FilterOperator(predicate) });
  }

  /** Any number of results per record: returned as an iterable, or handed to `out`. */
  flatMap<R>(flatMap: FlatMapFunction<T, R>, options: OperatorOptions = {}): DataStream<R> {
    return this.transform({
      kind: 'flat-map',
      options,
      isStateful: false,
      factory: () => new FlatMapOperator(flatMap),
    });
  }

  /**
   * Runs a process function: any number of results, side outputs, the clocks. State and timers need `keyBy` before it.
   *
   * @param createFunction called once per subtask.
   */
  process<R>(createFunction: () => ProcessLogic<Key, T, R>, options?: OperatorOptions): DataStream<R>;
  process<R, S extends StateSpecs>(
    definition: ProcessDefinition<Key, T, R, S>,
    options?: Omit<OperatorOptions, 'uid'>,
  ): DataStream<R>;
  process<R>(
    logic: (() => ProcessLogic<Key, T, R>) | ProcessDefinition<Key, T, R>,
    options: OperatorOptions = {},
  ): DataStream<R> {
    checkProcessLogic(logic);
    if (typeof logic === 'function') {
      return this.transform({
        kind: 'process',
        options,
        isStateful: false,
        factory: () => new ProcessOperator(logic()),
      });
    }
    if (logic.state !== undefined || logic.onTimer !== undefined) {
      throw new UserError(
        'JOB_DEFINITION',
        `process function '${logic.uid}' has state or timers, but its stream is not keyed`,
        {
          hint: 'Call keyBy(...) before process(...).',
        },
      );
    }
    return this.transform({
      kind: 'process',
      options: { name: logic.name, ...options, uid: logic.uid },
      isStateful: false,
      factory: () => new ProcessOperator(logic),
    });
  }

  /**
   * Asks an async function about every record: results come out in the order of the records, each as soon as it and all
   * before it are there.
   *
   *     orders.orderedWait(async (order) => [await priceOf(order)], { uid: 'prices', schema: Order, timeout: '5s' })
   */
  orderedWait<R>(fn: AsyncFunction<T, R> | AsyncInvoke<T, R>, options: AsyncWaitOptions<T, R>): DataStream<R> {
    return this.transform(declareAsyncWait('ordered-wait', () => toAsyncFunction(fn), options, true));
  }

  /** The same, with results in the order in which they are there; none passes a watermark. */
  unorderedWait<R>(fn: AsyncFunction<T, R> | AsyncInvoke<T, R>, options: AsyncWaitOptions<T, R>): DataStream<R> {
    return this.transform(declareAsyncWait('unordered-wait', () => toAsyncFunction(fn), options, false));
  }

  /**
   * Joins every record with the rows that its key has in a table outside of the job, at the time when it is asked: a row
   * that changes later changes no result. A retraction is looked up anew and may find other rows than its insertion did.
   */
  lookupJoin<K extends Key, V, R>(table: LookupTable<K, V>, options: InnerLookupJoinOptions<T, K, V, R>): DataStream<R>;
  lookupJoin<K extends Key, V, R>(table: LookupTable<K, V>, options: LeftLookupJoinOptions<T, K, V, R>): DataStream<R>;
  lookupJoin<K extends Key, V, R>(table: LookupTable<K, V>, options: LookupJoinOptions<T, K, V, R>): DataStream<R> {
    return this.transform(declareLookupJoin(table, options));
  }

  /**
   * Sends records of equal keys to the same subtask, where they share state.
   *
   * @param keySelector pure; a key is a string, number, bigint or boolean (join several fields with `compositeKey`).
   */
  keyBy<K extends Key>(keySelector: KeySelector<T, K>): KeyedStream<T, K> {
    if (typeof keySelector !== 'function') {
      throw new UserError(
        'JOB_DEFINITION',
        `keyBy(...): expected a function that gives the key of a record, found ${JSON.stringify(keySelector)}`,
        { hint: 'Write keyBy((record) => record.userId); for several fields compositeKey(record.a, record.b).' },
      );
    }
    return new KeyedStream(this.partition({ kind: 'hash', keySelector }));
  }

  /** Cuts the whole stream into windows, which one subtask keeps; with `keyBy` before, `window` spreads them. */
  windowAll<W extends Window>(assigner: WindowAssigner<T, W>): WindowedStream<T, 'all', W> {
    const keyed = this.keyBy((): 'all' => 'all');
    return new WindowedStream(keyed.stream, assigner, { allowedLatenessMs: 0, parallelism: 1 });
  }

  /** Windows of `size` records of the whole stream; with `slide`, of the last `size` records after every `slide` ones. */
  countWindowAll(size: number, slide?: number): WindowedStream<T, 'all', GlobalWindow> {
    return cutByCount(this.windowAll(GlobalWindows.create()), size, slide);
  }

  /** Joins with the records of `other` in windows: `where(...)` and `equalTo(...)` give the keys, then `window(...)`. */
  join<R>(other: DataStream<R>): UnkeyedJoin<T, R> {
    return new UnkeyedJoin(this, other);
  }

  /** The same for a function that gets all records of a window, by stream. */
  coGroup<R>(other: DataStream<R>): UnkeyedCoGroup<T, R> {
    return new UnkeyedCoGroup(this, other);
  }

  /** Looks for a pattern in all records, in one subtask. See `KeyedStream.pattern`, which does it per key. */
  pattern<F extends T, N extends string>(
    pattern: PatternOrBuild<T, F, N>,
    options: Omit<PatternOptions<T, N>, 'parallelism'>,
  ): PatternStream<T, number, N> {
    return this.keyBy(() => 0).pattern(pattern, { ...options, parallelism: 1 });
  }

  /** One stream of the records of all. Watermarks combine by minimum. */
  union(...others: readonly DataStream<T>[]): DataStream<T> {
    return new DataStream(this.graph, [...this.ports, ...others.flatMap((other) => other.ports)]);
  }

  /** The streams that `union` has made this one of; else this one. */
  parts(): DataStream<T>[] {
    return this.ports.map((port) => new DataStream(this.graph, [port]));
  }

  /** A stream and a broadcast one, for a function with broadcast state. */
  connect<U>(other: BroadcastStream<U>): BroadcastConnectedStreams<T, U>;
  /** Two streams of different types for one operator with two inputs. */
  connect<U>(other: DataStream<U>): ConnectedStreams<T, U>;
  connect<U>(other: DataStream<U>): ConnectedStreams<T, U> | BroadcastConnectedStreams<T, U> {
    return other instanceof BroadcastStream
      ? new BroadcastConnectedStreams(this, other as DataStream<U>)
      : new ConnectedStreams(this, other);
  }

  /** The records that the operator before has sent to this tag. */
  getSideOutput<R>(tag: OutputTag<R>): DataStream<R> {
    const [port, ...more] = this.ports;
    if (port === undefined || more.length > 0 || port.sideOutputTag !== undefined) {
      throw new UserError(
        'JOB_DEFINITION',
        `side output '${tag.id}' was asked of a stream that is not the result of one operator`,
        {
          hint: 'Call getSideOutput(...) on what process(...), window functions or joins return, before union(...).',
        },
      );
    }
    return new DataStream(this.graph, [{ ...port, sideOutputTag: tag as OutputTag<unknown> }]);
  }

  /** Assigns timestamps and makes watermarks anew; upstream's are dropped, but for the end of input. */
  assignTimestampsAndWatermarks(strategy: WatermarkStrategy<T>, options: OperatorOptions = {}): DataStream<T> {
    return this.transform({
      kind: 'timestamps-and-watermarks',
      options,
      isStateful: false,
      factory: () => new TimestampsAndWatermarksOperator(strategy),
    });
  }

  /** Deals records to the subtasks in turn. */
  rebalance(): DataStream<T> {
    return this.partition({ kind: 'rebalance' });
  }

  /** Sends each record to a subtask at random. */
  shuffle(): DataStream<T> {
    return this.partition({ kind: 'shuffle' });
  }

  /**
   * Deals records in turn, but only to the subtasks that are this one's share: with 2 subtasks before 6, each deals to 3.
   * Fewer channels than `rebalance()`, and less even.
   */
  rescale(): DataStream<T> {
    return this.partition({ kind: 'rescale' });
  }

  /** Keeps each record in its subtask. Refuses an operator of another parallelism, where records would have to move. */
  forward(): DataStream<T> {
    return this.partition({ kind: 'forward', isRequired: true });
  }

  /**
   * Sends each record to the subtask that a function names. For state by key use `keyBy`.
   *
   * @param partitioner the subtask of a key: an integer in [0, subtaskCount).
   */
  partitionCustom<K>(
    partitioner: (key: K, subtaskCount: number) => number,
    keySelector: (value: T) => K,
  ): DataStream<T> {
    const subtaskOf = (value: T, subtaskCount: number): number => partitioner(keySelector(value), subtaskCount);
    return this.partition({ kind: 'custom', subtaskOf });
  }

  /** Gives every subtask every record: connect it to another stream to keep it there as broadcast state. */
  broadcast(): BroadcastStream<T> {
    return new BroadcastStream(this.graph, this.partition({ kind: 'broadcast' }).ports);
  }

  /** Sends all records to the first subtask. */
  global(): DataStream<T> {
    return this.partition({ kind: 'global' });
  }

  /** Ends the stream in a sink. */
  sinkTo(sink: Sink<T>, options: StatefulOperatorOptions): void {
    this.graph.addSink(this.ports, sink, options ?? {});
  }

  /** Ends the stream on standard output, one line per row. `label` stands before the rows; no two of a job are the same. */
  print(label: string = 'print', options: Omit<PrintSinkOptions, 'label'> = {}): void {
    this.sinkTo(printSink<T>({ ...options, label }), { uid: `print-${label}` });
  }

  /** Adds an operator of one's own. */
  transform<OUT>(declaration: OneInputDeclaration<OUT>): DataStream<OUT> {
    return new DataStream(this.graph, [this.graph.addOperator({ ...declaration, inputs: [this.ports] })]);
  }

  /** Adds an operator with `other` as its second input. */
  transform2<U, OUT>(other: DataStream<U>, declaration: OneInputDeclaration<OUT>): DataStream<OUT> {
    return new DataStream(this.graph, [this.graph.addOperator({ ...declaration, inputs: [this.ports, other.ports] })]);
  }

  /** The same stream, distributed otherwise to the next operator. */
  partition(partitioning: Partitioning): DataStream<T> {
    return new DataStream(
      this.graph,
      this.ports.map((port) => ({ ...port, partitioning })),
    );
  }
}

/** A stream whose records go to every subtask of the next operator. */
export class BroadcastStream<T> extends DataStream<T> {
  /** For the type checker: no other stream is one. */
  readonly isBroadcast = true;
}
