import type { OutputTag } from '../../engine/task/output-tag.ts';
import type { RowKind } from '../../engine/task/row-kind.ts';
import type { Key } from '../../state/keyed/key.ts';
import type { Collector } from '../process/collector.ts';
import type { FunctionContext } from '../process/function-context.ts';
import type { PatternMatch } from './pattern-match.ts';

/** What a function of a pattern stream can ask and do. One object, reused: do not keep it. */
export interface MatchContext<K extends Key = Key> {
  /**
   * Time of the match, milliseconds: that of the record that completed it, or when the time was up that it had to wait for;
   * of a partial match, when its time was up.
   */
  readonly timestamp: number;
  readonly currentProcessingTime: number;
  readonly currentKey: K;
  /** Emits to a side output, with the time of the match; in processing time without one. */
  output<O>(tag: OutputTag<O>, value: O, kind?: RowKind): void;
}

/** What is done with matches: an object that keeps nothing itself, or what makes one per subtask. */
export interface PatternProcessFunction<K extends Key, T, N extends string, OUT> {
  open?(context: FunctionContext): void;
  processMatch(match: PatternMatch<T, N>, context: MatchContext<K>, out: Collector<OUT>): void;
  /** A partial match whose time is up. Results go to side outputs. */
  processTimedOutMatch?(match: PatternMatch<T, N>, context: MatchContext<K>): void;
  close?(): void;
}
