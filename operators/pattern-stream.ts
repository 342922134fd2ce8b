import { UserError } from '../engine/base/errors.ts';
import type { OutputTag } from '../engine/task/output-tag.ts';
import type { Key } from '../state/keyed/key.ts';
import type { Schema } from '../state/schema/schema.ts';
import { CepOperator } from './cep/cep-operator.ts';
import { compilePattern } from './cep/compile-pattern.ts';
import { Pattern } from './cep/pattern.ts';
import type { PatternDefinition } from './cep/stage.ts';
import type { AfterMatchSkipStrategy } from './cep/after-match-skip-strategy.ts';
import type { PatternMatch } from './cep/pattern-match.ts';
import type { MatchContext, PatternProcessFunction } from './cep/pattern-process-function.ts';
import type { DataStream } from './data-stream.ts';
import type { Collector } from './process/collector.ts';
import type { StatefulOperatorOptions } from './stream-graph-builder.ts';

export interface PatternOptions<T, N extends string = string> extends StatefulOperatorOptions {
  /** How the records that partial matches hold are stored. */
  readonly schema: Schema<T>;
  /**
   * `eventTime` (default): records are looked at in the order of their times, once the watermark has reached them.
   * `processingTime`: at once, in the order they come.
   */
  readonly timeDomain?: 'eventTime' | 'processingTime' | undefined;
  /** Order of records of a key with the same time. Default: as they came. */
  readonly comparator?: ((a: T, b: T) => number) | undefined;
  /** Where records go whose time the watermark had reached when they came. Default: they are counted and dropped. */
  readonly lateTag?: OutputTag<T> | undefined;
  /** Where partial matches go whose time is up; with that time as timestamp. Default: they are dropped. */
  readonly timedOutTag?: OutputTag<PatternMatch<T, N>> | undefined;
}

/** `Pattern.begin` for records of a known type. */
export interface PatternBegin<T> {
  <N extends string>(name: N, afterMatchSkip?: AfterMatchSkipStrategy): Pattern<T, T, N>;
  <F extends T, N extends string>(group: Pattern<T, F, N>, afterMatchSkip?: AfterMatchSkipStrategy): Pattern<T, T, N>;
}

/** A pattern, or what makes one: then the types of records and names follow by themselves. */
export type PatternOrBuild<T, F extends T, N extends string> =
  | Pattern<T, F, N>
  | ((begin: PatternBegin<T>) => Pattern<T, F, N>);

export function builtPattern<T, F extends T, N extends string>(pattern: PatternOrBuild<T, F, N>): Pattern<T, F, N> {
  if (pattern instanceof Pattern) return pattern;
  const begin = (first: string, afterMatchSkip?: AfterMatchSkipStrategy): Pattern<T> =>
    Pattern.begin<T>(first, afterMatchSkip);
  return pattern(begin as PatternBegin<T>);
}

/** A pattern that is looked for in a stream: `select`, `flatSelect` or `process` say what comes out of a match. */
export class PatternStream<T, K extends Key, N extends string> {
  readonly #stream: DataStream<T>;
  readonly #pattern: PatternDefinition;
  readonly #options: PatternOptions<T, N>;

  constructor(stream: DataStream<T>, pattern: PatternDefinition, options: PatternOptions<T, N>) {
    if (options?.schema === undefined) {
      throw new UserError('JOB_DEFINITION', `pattern '${options?.uid}' keeps records but has no schema for them`, {
        hint: 'Pass { schema } with the schema of the records.',
      });
    }
    // Says at once what is wrong with it.
    compilePattern(pattern);
    this.#stream = stream;
    this.#pattern = pattern;
    this.#options = options;
  }

  /** One result per match, with the time of its last record. */
  select<OUT>(select: (match: PatternMatch<T, N>, context: MatchContext<K>) => OUT): DataStream<OUT> {
    return this.process({ processMatch: (match, context, out) => out.collect(select(match, context)) });
  }

  /** Any number of results per match. */
  flatSelect<OUT>(
    flatSelect: (match: PatternMatch<T, N>, out: Collector<OUT>, context: MatchContext<K>) => void,
  ): DataStream<OUT> {
    return this.process({ processMatch: (match, context, out) => flatSelect(match, out, context) });
  }

  /**
   * Any number of results per match, side outputs, and a say in what becomes of partial matches whose time is up.
   *
   * @param processFunction an object that keeps nothing itself, or what makes one per subtask.
   */
  process<OUT>(
    processFunction: PatternProcessFunction<K, T, N, OUT> | (() => PatternProcessFunction<K, T, N, OUT>),
  ): DataStream<OUT> {
    const { schema, timeDomain = 'eventTime', comparator, lateTag, timedOutTag, ...options } = this.#options;
    const pattern = this.#pattern;
    return this.#stream.transform({
      kind: 'pattern',
      options,
      isStateful: true,
      factory: () =>
        new CepOperator<T, OUT>({
          pattern,
          schema,
          timeDomain,
          comparator,
          lateTag,
          timedOutTag,
          logic: (typeof processFunction === 'function' ? processFunction() : processFunction) as never,
        }),
    });
  }
}
