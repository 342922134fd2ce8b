import type { Key } from '../state/keyed/key.ts';
import { ConnectedStreams } from './connected-streams.ts';
import type { DataStream } from './data-stream.ts';
import type {
  BroadcastProcessDefinition,
  BroadcastProcessLogic,
  KeyedBroadcastProcessDefinition,
  KeyedBroadcastProcessLogic,
} from './process/broadcast-process-function.ts';
import { BroadcastProcessOperator } from './process/broadcast-process-operator.ts';
import type { BroadcastStateSpecs } from './process/broadcast-state-spec.ts';
import { checkProcessLogic } from './process/check-process-logic.ts';
import type { StateSpecs } from './process/state-spec.ts';
import type { OperatorOptions, StatefulOperatorOptions } from './stream-graph-builder.ts';

/** A stream and one of which every subtask gets every record. */
export class BroadcastConnectedStreams<T, U> {
  readonly first: DataStream<T>;
  readonly second: DataStream<U>;

  constructor(first: DataStream<T>, second: DataStream<U>) {
    this.first = first;
    this.second = second;
  }

  /** For functions without broadcast state: `map`, `flatMap` and `process` as on any two streams. */
  withoutState(): ConnectedStreams<T, U> {
    return new ConnectedStreams(this.first, this.second);
  }

  /** Runs a function that reads on the first side the broadcast state that it writes on the second. */
  process<R, BS extends BroadcastStateSpecs>(
    definition: BroadcastProcessDefinition<T, U, R, BS>,
    options?: Omit<OperatorOptions, 'uid'>,
  ): DataStream<R>;
  /** @param createFunction called once per subtask: `() => new MyFunction()`. */
  process<R, BS extends BroadcastStateSpecs>(
    createFunction: () => BroadcastProcessLogic<T, U, R, BS>,
    options: StatefulOperatorOptions,
  ): DataStream<R>;
  process<R>(
    logic: BroadcastProcessDefinition<T, U, R, never> | (() => BroadcastProcessLogic<T, U, R, never>),
    options: OperatorOptions = {},
  ): DataStream<R> {
    checkProcessLogic(logic);
    const isFactory = typeof logic === 'function';
    return this.first.transform2(this.second, {
      kind: 'broadcast-process',
      options: isFactory ? options : { name: logic.name, ...options, uid: logic.uid },
      isStateful: true,
      factory: () => new BroadcastProcessOperator<Key, T, U, R>((isFactory ? logic() : logic) as never),
    });
  }
}

/** A keyed stream and one of which every subtask gets every record. */
export class KeyedBroadcastConnectedStreams<T, U, K extends Key> {
  readonly first: DataStream<T>;
  readonly second: DataStream<U>;

  constructor(first: DataStream<T>, second: DataStream<U>) {
    this.first = first;
    this.second = second;
  }

  /** The same, with keyed state and timers on the first side. */
  process<R, S extends StateSpecs, BS extends BroadcastStateSpecs>(
    definition: KeyedBroadcastProcessDefinition<K, T, U, R, S, BS>,
    options?: Omit<OperatorOptions, 'uid'>,
  ): DataStream<R>;
  /** @param createFunction called once per subtask: `() => new MyFunction()`. */
  process<R, S extends StateSpecs, BS extends BroadcastStateSpecs>(
    createFunction: () => KeyedBroadcastProcessLogic<K, T, U, R, S, BS>,
    options: StatefulOperatorOptions,
  ): DataStream<R>;
  process<R>(
    logic:
      | KeyedBroadcastProcessDefinition<K, T, U, R, never, never>
      | (() => KeyedBroadcastProcessLogic<K, T, U, R, never, never>),
    options: OperatorOptions = {},
  ): DataStream<R> {
    checkProcessLogic(logic);
    const isFactory = typeof logic === 'function';
    return this.first.transform2(this.second, {
      kind: 'keyed-broadcast-process',
      options: isFactory ? options : { name: logic.name, ...options, uid: logic.uid },
      isStateful: true,
      factory: () => new BroadcastProcessOperator<K, T, U, R>((isFactory ? logic() : logic) as never),
    });
  }
}
