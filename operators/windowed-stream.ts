import { UserError } from '../engine/base/errors.ts';
import type { OutputTag } from '../engine/task/output-tag.ts';
import { type Duration, durationMs } from '../engine/time/duration.ts';
import type { Key } from '../state/keyed/key.ts';
import type { Schema } from '../state/schema/schema.ts';
import { twoPhaseWindow } from './aggregate/two-phase-window.ts';
import type { DataStream } from './data-stream.ts';
import { maxBy, maxOf, minBy, minOf, type NumericField, type OrderedField, sumOf } from './process/rolling.ts';
import type { AggregateFunction, StateSpecs } from './process/state-spec.ts';
import type { StatefulOperatorOptions } from './stream-graph-builder.ts';
import {
  createWindowOperator,
  type WindowAccumulation,
  type WindowDeclaration,
} from './window/create-window-operator.ts';
import type { Evictor } from './window/evictor.ts';
import type { Trigger } from './window/trigger.ts';
import type { Window } from './window/window.ts';
import { MergingWindowAssigner, type WindowAssigner } from './window/window-assigner.ts';
import type { WindowLogic } from './window/window-function.ts';

/** What a call without options has: it is refused for what is missing. */
const NO_OPTIONS = {} as WindowOptions<never>;

/** For windows that keep their records: how a record is stored. */
export interface WindowOptions<T> extends StatefulOperatorOptions {
  readonly schema: Schema<T>;
}

export interface WindowAggregateOptions<T> extends StatefulOperatorOptions {
  /** How a record is stored; with an evictor only. */
  readonly schema?: Schema<T> | undefined;
  /**
   * Aggregates in front of the shuffle too, so that the records of a key and slice of time cross it as one partial result:
   * for keys with many records, and for windows over a whole stream, whose records are then aggregated by all subtasks.
   * With the same results. For tumbling and sliding event-time windows with the default trigger, without an evictor. May be
   * changed between runs. Default false.
   */
  readonly twoPhase?: boolean | undefined;
}

/** A window function, or what makes one per subtask. */
export type WindowFunction<K extends Key, IN, OUT, W extends Window> =
  | WindowLogic<K, IN, OUT, W>
  | (() => WindowLogic<K, IN, OUT, W>);

interface WindowSettings<T, W extends Window> {
  /** Set for windows over a whole stream, which one subtask keeps. */
  readonly parallelism?: 1 | undefined;
  readonly trigger?: Trigger<T, W> | undefined;
  readonly evictor?: Evictor<T, W> | undefined;
  readonly allowedLatenessMs: number;
  readonly lateTag?: OutputTag<T> | undefined;
}

/** A keyed stream cut into windows: `reduce`, `aggregate` or `process` say what comes out of one. */
export class WindowedStream<T, K extends Key, W extends Window> {
  readonly #stream: DataStream<T>;
  readonly #assigner: WindowAssigner<T, W>;
  readonly #settings: WindowSettings<T, W>;

  constructor(
    stream: DataStream<T>,
    assigner: WindowAssigner<T, W>,
    settings: WindowSettings<T, W> = { allowedLatenessMs: 0 },
  ) {
    this.#stream = stream;
    this.#assigner = assigner;
    this.#settings = settings;
  }

  /** When a window fires. Default: the assigner's, once, when the watermark (or clock) passes its end. */
  trigger<S extends StateSpecs>(trigger: Trigger<T, W, S>): WindowedStream<T, K, W> {
    if (this.#assigner instanceof MergingWindowAssigner && !trigger.canMerge) {
      throw new UserError('JOB_DEFINITION', `${trigger.constructor.name} does not work with windows that merge`, {
        hint: 'Implement canMerge and onMerge, or use windows that do not merge.',
      });
    }
    return this.#with({ trigger: trigger as unknown as Trigger<T, W> });
  }

  /** Takes elements out of a window before or after its function; then all of its records are kept. */
  evictor(evictor: Evictor<T, W>): WindowedStream<T, K, W> {
    return this.#with({ evictor });
  }

  /** How long after its end a window is kept: a record that comes in that time makes it fire again. Default 0. */
  allowedLateness(lateness: Duration): WindowedStream<T, K, W> {
    const allowedLatenessMs = durationMs(lateness);
    if (!(allowedLatenessMs >= 0))
      throw new UserError('CONFIGURATION', `allowed lateness must not be negative, found ${allowedLatenessMs} ms`);
    return this.#with({ allowedLatenessMs });
  }

  /** Where records go that are too late for all their windows. Default: they are counted and dropped. */
  sideOutputLateData(tag: OutputTag<T>): WindowedStream<T, K, W> {
    return this.#with({ lateTag: tag });
  }

  /** Folds the records of a window into one, as they come. */
  reduce(reduce: (accumulated: T, value: T) => T, options: WindowOptions<T>): DataStream<T>;
  /** The same, and hands the one result to a window function. */
  reduce<OUT>(
    reduce: (accumulated: T, value: T) => T,
    windowFunction: WindowFunction<K, T, OUT, W>,
    options: WindowOptions<T>,
  ): DataStream<OUT>;
  reduce<OUT>(
    reduce: (accumulated: T, value: T) => T,
    windowFunctionOrOptions: WindowFunction<K, T, OUT, W> | WindowOptions<T>,
    options?: WindowOptions<T>,
  ): DataStream<OUT> {
    const settled = options ?? (windowFunctionOrOptions as WindowOptions<T> | undefined) ?? NO_OPTIONS;
    const windowFunction =
      options === undefined ? undefined : (windowFunctionOrOptions as WindowFunction<K, T, OUT, W>);
    return this.#apply({ kind: 'reduce', schema: settled.schema, reduce }, windowFunction, settled, 'window-reduce');
  }

  /** A field of the window's records added up; the other fields are those of the first one. */
  sum(field: NumericField<T>, options: WindowOptions<T>): DataStream<T> {
    return this.reduce(sumOf(field), options);
  }

  /** The smallest value of a field in the window; the other fields are those of the first record. */
  min(field: OrderedField<T>, options: WindowOptions<T>): DataStream<T> {
    return this.reduce(minOf(field), options);
  }

  max(field: OrderedField<T>, options: WindowOptions<T>): DataStream<T> {
    return this.reduce(maxOf(field), options);
  }

  /** The record of the window with the smallest value of a field; of equal ones the first. */
  minBy(field: OrderedField<T>, options: WindowOptions<T>): DataStream<T> {
    return this.reduce(minBy(field), options);
  }

  maxBy(field: OrderedField<T>, options: WindowOptions<T>): DataStream<T> {
    return this.reduce(maxBy(field), options);
  }

  /** Folds the records of a window into an accumulator, as they come, and emits its result. */
  aggregate<ACC, R>(aggregate: AggregateFunction<T, ACC, R>, options: WindowAggregateOptions<T>): DataStream<R>;
  /** The same, and hands the one result to a window function, which knows key and window. */
  aggregate<ACC, R, OUT>(
    aggregate: AggregateFunction<T, ACC, R>,
    windowFunction: WindowFunction<K, R, OUT, W>,
    options: WindowAggregateOptions<T>,
  ): DataStream<OUT>;
  aggregate<ACC, R, OUT>(
    aggregate: AggregateFunction<T, ACC, R>,
    windowFunctionOrOptions: WindowFunction<K, R, OUT, W> | WindowAggregateOptions<T>,
    options?: WindowAggregateOptions<T>,
  ): DataStream<OUT> {
    const settled = options ?? (windowFunctionOrOptions as WindowAggregateOptions<T>);
    const windowFunction =
      options === undefined ? undefined : (windowFunctionOrOptions as WindowFunction<K, R, OUT, W>);
    if (aggregate.accumulatorSchema === undefined) {
      throw new UserError('JOB_DEFINITION', `window-aggregate '${settled?.uid}' has no schema for its accumulator`, {
        hint: 'Give the aggregate function an accumulatorSchema: it is how the accumulator is stored.',
      });
    }
    if (settled?.twoPhase === true) return this.#applyTwoPhase(aggregate, windowFunction, settled);
    const accumulation: WindowAccumulation<T, R> = {
      kind: 'aggregate',
      aggregate: aggregate as unknown as AggregateFunction<T, unknown, R>,
      schema: settled?.schema,
    };
    return this.#apply(accumulation, windowFunction, settled ?? NO_OPTIONS, 'window-aggregate');
  }

  /** Keeps the records of a window and hands them all to a window function when it fires. */
  process<OUT>(windowFunction: WindowFunction<K, T, OUT, W>, options: WindowOptions<T>): DataStream<OUT> {
    return this.#apply(
      { kind: 'list', schema: options?.schema },
      windowFunction,
      options ?? NO_OPTIONS,
      'window-process',
    );
  }

  #with(settings: Partial<WindowSettings<T, W>>): WindowedStream<T, K, W> {
    return new WindowedStream(this.#stream, this.#assigner, { ...this.#settings, ...settings });
  }

  #apply<E, OUT>(
    accumulation: WindowAccumulation<T, E>,
    windowFunction: WindowFunction<K, E, OUT, W> | undefined,
    options: StatefulOperatorOptions,
    kind: string,
  ): DataStream<OUT> {
    const declaration = this.#declaration();
    const { evictor } = declaration;
    if (accumulation.schema === undefined && (accumulation.kind !== 'aggregate' || evictor !== undefined)) {
      throw new UserError(
        'JOB_DEFINITION',
        `${kind} ${options.uid === undefined ? '' : `'${options.uid}' `}keeps records but has no schema for them`,
        {
          hint: 'Pass { uid, schema } with the schema of the records.',
        },
      );
    }
    const createLogic = (): WindowLogic<K, E, OUT, W> | undefined =>
      typeof windowFunction === 'function' ? windowFunction() : windowFunction;
    if (this.#assigner instanceof MergingWindowAssigner && createLogic()?.windowState !== undefined) {
      throw new UserError(
        'JOB_DEFINITION',
        `'${options.uid}' has state per window, which windows that merge cannot have`,
        {
          hint: 'Use globalState, which is per key.',
        },
      );
    }
    return this.#stream.transform({
      kind,
      options: this.#withParallelism(options),
      isStateful: true,
      factory: () =>
        createWindowOperator(
          declaration,
          accumulation,
          createLogic() as unknown as WindowLogic<Key, E, OUT, W> | undefined,
        ),
    });
  }

  #applyTwoPhase<ACC, R, OUT>(
    aggregate: AggregateFunction<T, ACC, R>,
    windowFunction: WindowFunction<K, R, OUT, W> | undefined,
    options: WindowAggregateOptions<T>,
  ): DataStream<OUT> {
    const createLogic = (): WindowLogic<Key, R, OUT, W> | undefined =>
      (typeof windowFunction === 'function' ? windowFunction() : windowFunction) as never;
    const { partials, factory } = twoPhaseWindow(this.#stream, this.#declaration(), aggregate, createLogic, options);
    return partials.transform({
      kind: 'window-aggregate',
      options: this.#withParallelism(options),
      isStateful: true,
      factory,
    });
  }

  #declaration(): WindowDeclaration<T, W> {
    const { trigger, evictor, allowedLatenessMs, lateTag } = this.#settings;
    return { assigner: this.#assigner, trigger, evictor, allowedLatenessMs, lateTag };
  }

  #withParallelism(options: StatefulOperatorOptions): StatefulOperatorOptions {
    const { parallelism } = this.#settings;
    if (parallelism === undefined) return options;
    if ((options.parallelism ?? 1) !== parallelism) {
      throw new UserError(
        'JOB_DEFINITION',
        `windows over a whole stream have parallelism 1, found ${options.parallelism} for '${options.uid}'`,
        { hint: 'Leave out the parallelism, or call keyBy(...).window(...) to spread the windows.' },
      );
    }
    return { ...options, parallelism };
  }
}
