import { UserError } from '../engine/base/errors.ts';
import type { Key } from '../state/keyed/key.ts';
import type { DataStream } from './data-stream.ts';
import { checkProcessLogic } from './process/check-process-logic.ts';
import type { CoProcessDefinition } from './process/define-process.ts';
import { CoProcessOperator } from './process/co-process-operator.ts';
import type { FlatMapFunction } from './process/flat-map-operator.ts';
import type { CoProcessLogic } from './process/process-function.ts';
import type { StateSpecs } from './process/state-spec.ts';
import type { OperatorOptions, StatefulOperatorOptions } from './stream-graph-builder.ts';

/** Two streams of different types that one operator reads. Time is the minimum of both. */
export class ConnectedStreams<T, U> {
  readonly first: DataStream<T>;
  readonly second: DataStream<U>;

  constructor(first: DataStream<T>, second: DataStream<U>) {
    this.first = first;
    this.second = second;
  }

  /** Sends records of equal keys, of either stream, to the same subtask, where they share state. */
  keyBy<K extends Key>(key1: (value: T) => K, key2: (value: U) => K): KeyedConnectedStreams<T, U, K> {
    return new KeyedConnectedStreams(this.first.keyBy(key1).stream, this.second.keyBy(key2).stream);
  }

  /** One result per record of either stream. */
  map<R>(map1: (value: T) => R, map2: (value: U) => R, options: OperatorOptions = {}): DataStream<R> {
    const logic: CoProcessLogic<Key, T, U, R> = {
      processElement1: (value, context, out) => out.collect(map1(value), context.rowKind),
      processElement2: (value, context, out) => out.collect(map2(value), context.rowKind),
    };
    return this.first.transform2(this.second, {
      kind: 'co-map',
      options,
      isStateful: false,
      factory: () => new CoProcessOperator(logic),
    });
  }

  /** Any number of results per record of either stream. */
  flatMap<R>(
    flatMap1: FlatMapFunction<T, R>,
    flatMap2: FlatMapFunction<U, R>,
    options: OperatorOptions = {},
  ): DataStream<R> {
    const logic: CoProcessLogic<Key, T, U, R> = {
      processElement1(value, context, out) {
        for (const result of flatMap1(value, out) ?? []) out.collect(result, context.rowKind);
      },
      processElement2(value, context, out) {
        for (const result of flatMap2(value, out) ?? []) out.collect(result, context.rowKind);
      },
    };
    return this.first.transform2(this.second, {
      kind: 'co-flat-map',
      options,
      isStateful: false,
      factory: () => new CoProcessOperator(logic),
    });
  }

  /** @param createFunction called once per subtask: `() => new MyFunction()`. */
  process<R>(createFunction: () => CoProcessLogic<Key, T, U, R>, options: OperatorOptions = {}): DataStream<R> {
    if (typeof createFunction !== 'function') {
      throw new UserError(
        'JOB_DEFINITION',
        'process(...) on two streams that are not keyed takes a function that makes a CoProcessFunction',
        {
          hint: 'Call keyBy(...) on both streams before connect(...) to use state, or pass () => new MyFunction().',
        },
      );
    }
    return this.first.transform2(this.second, {
      kind: 'co-process',
      options,
      isStateful: false,
      factory: () => new CoProcessOperator(createFunction()),
    });
  }
}

/** Two keyed streams: records of equal keys meet, and share state and timers. */
export class KeyedConnectedStreams<T, U, K extends Key> {
  readonly first: DataStream<T>;
  readonly second: DataStream<U>;

  constructor(first: DataStream<T>, second: DataStream<U>) {
    this.first = first;
    this.second = second;
  }

  process<R, S extends StateSpecs>(
    definition: CoProcessDefinition<K, T, U, R, S>,
    options?: Omit<OperatorOptions, 'uid'>,
  ): DataStream<R>;
  /** @param createFunction called once per subtask: `() => new MyFunction()`. */
  process<R>(createFunction: () => CoProcessLogic<K, T, U, R>, options: StatefulOperatorOptions): DataStream<R>;
  process<R>(
    logic: CoProcessDefinition<K, T, U, R> | (() => CoProcessLogic<K, T, U, R>),
    options: OperatorOptions = {},
  ): DataStream<R> {
    checkProcessLogic(logic);
    const isFactory = typeof logic === 'function';
    return this.first.transform2(this.second, {
      kind: 'co-process',
      options: isFactory ? options : { name: logic.name, ...options, uid: logic.uid },
      isStateful: true,
      factory: () => new CoProcessOperator(isFactory ? logic() : logic),
    });
  }
}
