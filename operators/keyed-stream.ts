import { UserError } from '../engine/base/errors.ts';
import type { Key } from '../state/keyed/key.ts';
import type { Schema } from '../state/schema/schema.ts';
import { declareGroupAggregate } from './aggregate/declare-group-aggregate.ts';
import type { GroupAggregateFunction } from './aggregate/group-aggregate-function.ts';
import type { GroupAggregateOptions } from './aggregate/group-aggregate-options.ts';
import type { GroupResultFunction } from './aggregate/group-changes.ts';
import { KeyedBroadcastConnectedStreams } from './broadcast-connected-streams.ts';
import { CoGroupedStreams } from './co-grouped-streams.ts';
import { KeyedConnectedStreams } from './connected-streams.ts';
import type { BroadcastStream, DataStream } from './data-stream.ts';
import { IntervalJoinedStreams } from './interval-joined-streams.ts';
import { JoinedStreams } from './joined-streams.ts';
import { builtPattern, type PatternOptions, type PatternOrBuild, PatternStream } from './pattern-stream.ts';
import { checkProcessLogic } from './process/check-process-logic.ts';
import type { ProcessDefinition } from './process/define-process.ts';
import type { ProcessLogic } from './process/process-function.ts';
import { ProcessOperator } from './process/process-operator.ts';
import { ReduceOperator } from './process/reduce-operator.ts';
import { maxBy, maxOf, minBy, minOf, type NumericField, type OrderedField, sumOf } from './process/rolling.ts';
import type { StateSpecs } from './process/state-spec.ts';
import type { JoinType } from './join/outer-interval-join-operator.ts';
import type { OperatorOptions, StatefulOperatorOptions } from './stream-graph-builder.ts';
import { declareDeduplicate, type DeduplicateOptions } from './updating/deduplicate.ts';
import {
  declareRegularJoin,
  declareSelfJoin,
  type RegularJoinFunction,
  type RegularJoinOptions,
  type SelfJoinOptions,
} from './updating/regular-join.ts';
import { declareTopN, type Ranked, type TopNOptions } from './updating/top-n.ts';
import { TemporalJoin } from './temporal-joined-streams.ts';
import { cutByCount } from './window/count-windows.ts';
import { GlobalWindows } from './window/global-windows.ts';
import type { GlobalWindow, Window } from './window/window.ts';
import type { WindowAssigner } from './window/window-assigner.ts';
import { WindowedStream } from './windowed-stream.ts';

export interface ReduceOptions<T> extends StatefulOperatorOptions {
  /** How a record is stored. */
  readonly schema: Schema<T>;
}

/** For the type checker: rows of a stream can be stored as `S`. */
type RowsFit<T, S> = T extends S ? unknown : { readonly 'the schema does not fit the rows of the stream': never };

/** A stream whose records meet, by key, in one place: operators on it keep state and timers per key. */
export class KeyedStream<T, K extends Key> {
  /** The stream, partitioned by key. */
  readonly stream: DataStream<T>;

  constructor(stream: DataStream<T>) {
    this.stream = stream;
  }

  /** Runs a process function with keyed state and timers. */
  process<R, S extends StateSpecs>(
    definition: ProcessDefinition<K, T, R, S>,
    options?: Omit<OperatorOptions, 'uid'>,
  ): DataStream<R>;
  /** @param createFunction called once per subtask: `() => new MyFunction()`. */
  process<R>(createFunction: () => ProcessLogic<K, T, R>, options: StatefulOperatorOptions): DataStream<R>;
  process<R>(
    logic: ProcessDefinition<K, T, R> | (() => ProcessLogic<K, T, R>),
    options: OperatorOptions = {},
  ): DataStream<R> {
    checkProcessLogic(logic);
    const isFactory = typeof logic === 'function';
    return this.stream.transform({
      kind: 'process',
      options: isFactory ? options : { name: logic.name, ...options, uid: logic.uid },
      isStateful: true,
      factory: () => new ProcessOperator(isFactory ? logic() : logic),
    });
  }

  /** Reduces all records of a key to one and emits it after every record. `schema` is how it is stored. */
  reduce(reduce: (accumulated: T, value: T) => T, options: ReduceOptions<T>): DataStream<T> {
    if (options?.schema === undefined) {
      throw new UserError('JOB_DEFINITION', `reduce '${options?.uid}' keeps records but has no schema for them`, {
        hint: 'Pass { schema } with the schema of the records.',
      });
    }
    return this.stream.transform({
      kind: 'reduce',
      options,
      isStateful: true,
      factory: () => new ReduceOperator(reduce, options.schema),
    });
  }

  /**
   * Aggregates all records of a key, for good, and emits how the result changes: `+I` with a key's first one, then `-U`
   * with the old and `+U` with the new one; `-D` when the last row of a key is taken back. A result that stays the same is
   * not emitted (with `ttl` it is, to keep alive what follows).
   *
   *     bids.keyBy((bid) => bid.auction).aggregate(highestPrice, (auction, price) => ({ auction, price }), { uid: 'prices' })
   *
   * @throws UserError JOB_DEFINITION when the function lacks what the options need.
   */
  aggregate<ACC, R>(aggregate: GroupAggregateFunction<T, ACC, R>, options: GroupAggregateOptions): DataStream<R>;
  /** The same. @param createRow makes the row of a result; pure. */
  aggregate<ACC, R, OUT>(
    aggregate: GroupAggregateFunction<T, ACC, R>,
    createRow: GroupResultFunction<K, R, OUT>,
    options: GroupAggregateOptions,
  ): DataStream<OUT>;
  aggregate<ACC, R, OUT>(
    aggregate: GroupAggregateFunction<T, ACC, R>,
    createRowOrOptions: GroupResultFunction<K, R, OUT> | GroupAggregateOptions,
    options?: GroupAggregateOptions,
  ): DataStream<OUT> {
    const createRow = typeof createRowOrOptions === 'function' ? createRowOrOptions : undefined;
    return declareGroupAggregate<T, ACC, R, OUT>(
      this.stream,
      aggregate,
      createRow as GroupResultFunction<Key, R, OUT> | undefined,
      options ?? (createRowOrOptions as GroupAggregateOptions),
    );
  }

  /** The records of a key so far with a field added up, after every record; the other fields are those of the first one. */
  sum(field: NumericField<T>, options: ReduceOptions<T>): DataStream<T> {
    return this.reduce(sumOf(field), options);
  }

  /** The smallest value of a field so far, after every record; the other fields are those of the first one. */
  min(field: OrderedField<T>, options: ReduceOptions<T>): DataStream<T> {
    return this.reduce(minOf(field), options);
  }

  max(field: OrderedField<T>, options: ReduceOptions<T>): DataStream<T> {
    return this.reduce(maxOf(field), options);
  }

  /** The record with the smallest value of a field so far, after every record; of equal ones the first. */
  minBy(field: OrderedField<T>, options: ReduceOptions<T>): DataStream<T> {
    return this.reduce(minBy(field), options);
  }

  maxBy(field: OrderedField<T>, options: ReduceOptions<T>): DataStream<T> {
    return this.reduce(maxBy(field), options);
  }

  /**
   * The first `n` rows of each key in an order, as a changelog: `ROW_NUMBER() ... <= n` of SQL.
   *
   *     bids
   *       .keyBy((bid) => bid.auction)
   *       .topN({ n: 10, orderBy: { field: 'price', direction: 'desc' }, schema: Bid, uid: 'highest-bids' })
   *
   * Rows come (`+I`) and go (`-D`); the row of a top-1 is updated. With `withRank` results are known by key and rank: a row
   * that enters updates all ranks from its own on.
   */
  topN(options: TopNOptions<T> & { readonly withRank?: false | undefined }): DataStream<T>;
  /** The same, with a field `rank`, from 1. */
  topN(options: TopNOptions<T> & { readonly withRank: true }): DataStream<Ranked<T>>;
  /** The same, with the results that a function makes of row and rank. Pure. */
  topN<R>(options: TopNOptions<T> & { readonly withRank: (row: T, rank: number) => R }): DataStream<R>;
  topN<R>(
    options: TopNOptions<T> & { readonly withRank?: boolean | ((row: T, rank: number) => R) | undefined },
  ): DataStream<R> {
    return this.stream.transform(declareTopN<T, R>(options));
  }

  /**
   * One record per key: the first or the last, by arrival or by event time.
   *
   *     clicks.keyBy((click) => click.id).deduplicate({ keep: 'first', uid: 'first-clicks', ttl: { eventTime: '1d' } })
   */
  deduplicate(options: DeduplicateOptions<T>): DataStream<T> {
    return this.stream.transform(declareDeduplicate(options));
  }

  /** Cuts the records of a key into windows. */
  window<W extends Window>(assigner: WindowAssigner<T, W>): WindowedStream<T, K, W> {
    return new WindowedStream(this.stream, assigner);
  }

  /** Windows of `size` records of a key; with `slide`, of its last `size` records after every `slide` ones. */
  countWindow(size: number, slide?: number): WindowedStream<T, K, GlobalWindow> {
    return cutByCount(this.window(GlobalWindows.create()), size, slide);
  }

  /** Joins with the records of `other` that have the same key and share a window: `window(...)` says which. */
  join<R>(other: KeyedStream<R, K>): JoinedStreams<T, R, K> {
    return new JoinedStreams(this.stream, other.stream);
  }

  /**
   * Joins with all rows of `other` that have the same key, whenever they came: two changelogs, whose result is one too. A
   * regular join of SQL. State grows with the rows of both sides; `options` says what need not be kept.
   *
   *     bids
   *       .keyBy((bid) => bid.auction)
   *       .regularJoin(auctions.keyBy((auction) => auction.id), (bid, auction) => ({ ...bid, seller: auction.seller }), {
   *         uid: 'bids-with-sellers',
   *         left: { schema: Bid },
   *         right: { schema: pick(Auction, ['id', 'seller']), unique: true, insertOnly: true },
   *       })
   */
  regularJoin<R, LS, RS, OUT, Y extends JoinType = 'inner'>(
    other: KeyedStream<R, K>,
    join: RegularJoinFunction<LS, RS, OUT, Y>,
    options: RegularJoinOptions<LS, RS, Y> & RowsFit<T, LS> & RowsFit<R, RS>,
  ): DataStream<OUT> {
    return this.stream.transform2(other.stream, declareRegularJoin(join, options));
  }

  /**
   * A regular join of this stream with itself, by key: of records of two kinds, or of all with all. Unlike two streams that
   * were filtered from one, both sides come in the order of the stream, so that less has to wait for the other side.
   *
   *     events
   *       .keyBy((event) => (event.type === 'bid' ? event.auction : event.id))
   *       .regularSelfJoin((bid, auction) => ({ ...bid, seller: auction.seller }), {
   *         uid: 'bids-with-sellers',
   *         left: { is: (event) => event.type === 'bid', schema: Bid },
   *         right: { is: (event) => event.type === 'auction', schema: Auction, unique: true, insertOnly: true },
   *       })
   */
  regularSelfJoin<LS, RS, OUT, Y extends JoinType = 'inner'>(
    join: RegularJoinFunction<LS, RS, OUT, Y>,
    options: SelfJoinOptions<T, LS, RS, Y>,
  ): DataStream<OUT> {
    return this.stream.transform(declareSelfJoin(join, options));
  }

  /** Gives the records of a window of both streams, by key, to a function. */
  coGroup<R>(other: KeyedStream<R, K>): CoGroupedStreams<T, R, K> {
    return new CoGroupedStreams(this.stream, other.stream);
  }

  /** Joins with the rows of `other` that have the same key and lie within an interval of time: `between(...)` says which. */
  intervalJoin<R>(other: KeyedStream<R, K>): IntervalJoinedStreams<T, R> {
    return new IntervalJoinedStreams(this.stream, other.stream);
  }

  /**
   * Looks for a pattern in the records of each key:
   *
   *     logins
   *       .keyBy((login) => login.user)
   *       .pattern((begin) => begin('failed').where((login) => !login.isOk).times(3).within('1m'), { uid: 'attacks', schema: Login })
   *       .select(({ failed }) => failed[0]!.user)
   *
   * @param pattern `Pattern.begin<Login>('failed')...`, or a function that is given `begin`.
   */
  pattern<F extends T, N extends string>(
    pattern: PatternOrBuild<T, F, N>,
    options: PatternOptions<T, N>,
  ): PatternStream<T, K, N> {
    return new PatternStream(this.stream, builtPattern(pattern), options);
  }

  /**
   * Joins with what `versions`, a changelog, said by the same key at the time of each record: rates, prices, dimensions
   * that change.
   */
  temporalJoin<R>(versions: KeyedStream<R, K>): TemporalJoin<T, R, R> {
    return new TemporalJoin<T, R, R>(this.stream, versions.stream);
  }

  /** Two keyed streams whose records share keyed state in one operator. */
  connect<U>(other: KeyedStream<U, K>): KeyedConnectedStreams<T, U, K>;
  /** A keyed stream and one that is broadcast, for a function with keyed and with broadcast state. */
  connect<U>(other: BroadcastStream<U>): KeyedBroadcastConnectedStreams<T, U, K>;
  connect<U>(
    other: KeyedStream<U, K> | BroadcastStream<U>,
  ): KeyedConnectedStreams<T, U, K> | KeyedBroadcastConnectedStreams<T, U, K> {
    if (other instanceof KeyedStream) return new KeyedConnectedStreams(this.stream, other.stream);
    if (other.isBroadcast) return new KeyedBroadcastConnectedStreams<T, U, K>(this.stream, other);
    throw new UserError('JOB_DEFINITION', 'a keyed stream was connected to one that is neither keyed nor broadcast', {
      hint: 'Call keyBy(...) on the other stream to share state by key, or broadcast() to give every subtask all of it.',
    });
  }

  /** Ends the stream in a sink; records of a key go to the same subtask of it. */
  sinkTo(...[sink, options]: Parameters<DataStream<T>['sinkTo']>): void {
    this.stream.sinkTo(sink, options);
  }
}
