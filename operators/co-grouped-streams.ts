import { UserError } from '../engine/base/errors.ts';
import type { OutputTag } from '../engine/task/output-tag.ts';
import { type Duration, durationMs } from '../engine/time/duration.ts';
import type { Key } from '../state/keyed/key.ts';
import type { DataStream, KeySelector } from './data-stream.ts';
import { type JoinOptions, requireJoinSchemas } from './join-options.ts';
import type { Collector } from './process/collector.ts';
import type { StateSpecs } from './process/state-spec.ts';
import type { CoGroup, TaggedRow } from './window/co-group-contents.ts';
import { createCoGroupOperator } from './window/co-group-operator.ts';
import type { Evictor } from './window/evictor.ts';
import type { Trigger } from './window/trigger.ts';
import type { Window } from './window/window.ts';
import { MergingWindowAssigner, type WindowAssigner } from './window/window-assigner.ts';
import type { WindowLogic } from './window/window-function.ts';
import type { WindowFunction } from './windowed-stream.ts';

/** Gets the records of a window, by stream; returns its results as an iterable, or hands them to `out`. */
export type CoGroupFunction<L, R, OUT> = (
  left: readonly L[],
  right: readonly R[],
  out: Collector<OUT>,
) => Iterable<OUT> | void;

/** Two streams to be grouped that are not keyed yet: `where(...)` for the left one, `equalTo(...)` for the right one. */
export class UnkeyedCoGroup<L, R> {
  readonly #left: DataStream<L>;
  readonly #right: DataStream<R>;

  constructor(left: DataStream<L>, right: DataStream<R>) {
    this.#left = left;
    this.#right = right;
  }

  /** The key of a left record. */
  where<K extends Key>(
    leftKey: KeySelector<L, K>,
  ): { equalTo(rightKey: KeySelector<R, K>): CoGroupedStreams<L, R, K> } {
    return {
      equalTo: (rightKey) => new CoGroupedStreams(this.#left.keyBy(leftKey).stream, this.#right.keyBy(rightKey).stream),
    };
  }
}

/** Two keyed streams whose records are to meet in windows. */
export class CoGroupedStreams<L, R, K extends Key> {
  readonly #left: DataStream<L>;
  readonly #right: DataStream<R>;

  constructor(left: DataStream<L>, right: DataStream<R>) {
    this.#left = left;
    this.#right = right;
  }

  /** Records of both streams with equal keys share windows; sessions grow by records of either. */
  window<W extends Window>(assigner: WindowAssigner<TaggedRow<L, R>, W>): WindowedCoGroup<L, R, K, W> {
    return new WindowedCoGroup(this.#left, this.#right, { assigner, allowedLatenessMs: 0 });
  }
}

export interface PairWindowSettings<L, R, W extends Window> {
  readonly assigner: WindowAssigner<TaggedRow<L, R>, W>;
  readonly trigger?: Trigger<TaggedRow<L, R>, W> | undefined;
  readonly evictor?: Evictor<TaggedRow<L, R>, W> | undefined;
  readonly allowedLatenessMs: number;
  readonly lateTag?: OutputTag<TaggedRow<L, R>> | undefined;
}

/** Windows over two keyed streams. */
export abstract class WindowedPair<L, R, K extends Key, W extends Window> {
  protected readonly left: DataStream<L>;
  protected readonly right: DataStream<R>;
  protected readonly settings: PairWindowSettings<L, R, W>;

  constructor(left: DataStream<L>, right: DataStream<R>, settings: PairWindowSettings<L, R, W>) {
    this.left = left;
    this.right = right;
    this.settings = settings;
  }

  /** When a window fires. Default: the assigner's, once, when the watermark (or clock) passes its end. */
  trigger<S extends StateSpecs>(trigger: Trigger<TaggedRow<L, R>, W, S>): this {
    if (this.settings.assigner instanceof MergingWindowAssigner && !trigger.canMerge) {
      throw new UserError('JOB_DEFINITION', `${trigger.constructor.name} does not work with windows that merge`, {
        hint: 'Implement canMerge and onMerge, or use windows that do not merge.',
      });
    }
    return this.with({ trigger: trigger as unknown as Trigger<TaggedRow<L, R>, W> });
  }

  /** Takes records of either stream out of a window before or after its function. */
  evictor(evictor: Evictor<TaggedRow<L, R>, W>): this {
    return this.with({ evictor });
  }

  /** How long after its end a window is kept: a record that comes in that time makes it fire again. Default 0. */
  allowedLateness(lateness: Duration): this {
    const allowedLatenessMs = durationMs(lateness);
    if (!(allowedLatenessMs >= 0))
      throw new UserError('CONFIGURATION', `allowed lateness must not be negative, found ${allowedLatenessMs} ms`);
    return this.with({ allowedLatenessMs });
  }

  /** Where records go that are too late for all their windows. Default: they are counted and dropped. */
  sideOutputLateData(tag: OutputTag<TaggedRow<L, R>>): this {
    return this.with({ lateTag: tag });
  }

  protected abstract with(settings: Partial<PairWindowSettings<L, R, W>>): this;

  protected transform<OUT>(
    kind: string,
    windowFunction: WindowFunction<K, CoGroup<L, R>, OUT, W>,
    options: JoinOptions<L, R>,
  ): DataStream<OUT> {
    requireJoinSchemas(kind, options);
    const { leftSchema, rightSchema } = options;
    const createLogic = (): WindowLogic<K, CoGroup<L, R>, OUT, W> =>
      typeof windowFunction === 'function' ? windowFunction() : windowFunction;
    if (this.settings.assigner instanceof MergingWindowAssigner && createLogic().windowState !== undefined) {
      throw new UserError(
        'JOB_DEFINITION',
        `'${options.uid}' has state per window, which windows that merge cannot have`,
        { hint: 'Use globalState, which is per key.' },
      );
    }
    return this.left.transform2(this.right, {
      kind,
      options,
      isStateful: true,
      factory: () =>
        createCoGroupOperator<L, R, OUT, W>({
          ...this.settings,
          leftSchema,
          rightSchema,
          logic: createLogic() as unknown as WindowLogic<Key, CoGroup<L, R>, OUT, W>,
        }),
    });
  }
}

/** Groups of the records of two streams, per key and window: `apply` or `process` say what comes out of one. */
export class WindowedCoGroup<L, R, K extends Key, W extends Window> extends WindowedPair<L, R, K, W> {
  /** Calls a function with the records of a window; one of the two may be empty. */
  apply<OUT>(coGroup: CoGroupFunction<L, R, OUT>, options: JoinOptions<L, R>): DataStream<OUT> {
    return this.process<OUT>(
      {
        process(_key, _context, groups, out) {
          const { left, right } = groups[0]!;
          for (const result of coGroup(left, right, out) ?? []) out.collect(result);
        },
      },
      options,
    );
  }

  /** The same with key, window and states at hand; the one element is the records of the window. */
  process<OUT>(windowFunction: WindowFunction<K, CoGroup<L, R>, OUT, W>, options: JoinOptions<L, R>): DataStream<OUT> {
    return this.transform('co-group', windowFunction, options);
  }

  protected with(settings: Partial<PairWindowSettings<L, R, W>>): this {
    return new WindowedCoGroup<L, R, K, W>(this.left, this.right, { ...this.settings, ...settings }) as this;
  }
}
