import { UserError } from '../engine/base/errors.ts';
import type { OutputTag } from '../engine/task/output-tag.ts';
import { type Duration, durationMs } from '../engine/time/duration.ts';
import type { DataStream } from './data-stream.ts';
import { type JoinFunction, joinLogicOf, type JoinOptions, mappingJoin, requireJoinSchemas } from './join-options.ts';
import { IntervalJoinOperator } from './join/interval-join-operator.ts';
import type { JoinLogic } from './join/join-function.ts';
import { type EmitUnmatched, type JoinType, OuterIntervalJoinOperator } from './join/outer-interval-join-operator.ts';

export interface OuterJoinOptions {
  /**
   * When a row without partner comes out. `final` (default): once, when the watermark says that no partner can come. `early`:
   * at once; it is taken back with a `-D` when a partner comes after all.
   */
  readonly emitUnmatched?: EmitUnmatched | undefined;
  /** How long behind the watermark rows are still joined. Default 0. */
  readonly allowedLateness?: Duration | undefined;
  /** Expired rows of a key are collected this much later, in one go. Default 0. */
  readonly cleanupInterval?: Duration | undefined;
}

/** Two keyed streams that are to be joined within an interval of time: `between` says which. */
export class IntervalJoinedStreams<L, R> {
  readonly #left: DataStream<L>;
  readonly #right: DataStream<R>;

  constructor(left: DataStream<L>, right: DataStream<R>) {
    this.#left = left;
    this.#right = right;
  }

  /** A right row joins a left one when its time is in `[left + lower, left + upper]`, both included. */
  between(lower: Duration, upper: Duration): IntervalJoin<L, R> {
    const [lowerMs, upperMs] = [durationMs(lower), durationMs(upper)];
    if (lowerMs > upperMs) {
      throw new UserError(
        'JOB_DEFINITION',
        `expected a lower bound that is not above the upper, found ${lowerMs} and ${upperMs} ms`,
      );
    }
    return new IntervalJoin(this.#left, this.#right, { lowerMs, upperMs });
  }
}

interface IntervalSettings<L, R> {
  readonly lowerMs: number;
  readonly upperMs: number;
  readonly leftLateTag?: OutputTag<L> | undefined;
  readonly rightLateTag?: OutputTag<R> | undefined;
}

/** An interval join, inner unless one of the outer ones is asked for. */
export class IntervalJoin<L, R> {
  readonly #left: DataStream<L>;
  readonly #right: DataStream<R>;
  readonly #settings: IntervalSettings<L, R>;

  constructor(left: DataStream<L>, right: DataStream<R>, settings: IntervalSettings<L, R>) {
    this.#left = left;
    this.#right = right;
    this.#settings = settings;
  }

  lowerBoundExclusive(): IntervalJoin<L, R> {
    return this.#with({ lowerMs: this.#settings.lowerMs + 1 });
  }

  upperBoundExclusive(): IntervalJoin<L, R> {
    return this.#with({ upperMs: this.#settings.upperMs - 1 });
  }

  /** Where left rows go whose time is below the watermark. Default: they are counted and dropped. Inner joins only. */
  sideOutputLeftLateData(tag: OutputTag<L>): IntervalJoin<L, R> {
    return this.#with({ leftLateTag: tag });
  }

  sideOutputRightLateData(tag: OutputTag<R>): IntervalJoin<L, R> {
    return this.#with({ rightLateTag: tag });
  }

  /** Left rows without partner come out too, with `undefined` on the right. */
  leftOuter(options: OuterJoinOptions = {}): OuterIntervalJoin<L, R, L, R | undefined> {
    return this.#outer('left', options);
  }

  /** Right rows without partner come out too, with `undefined` on the left. */
  rightOuter(options: OuterJoinOptions = {}): OuterIntervalJoin<L, R, L | undefined, R> {
    return this.#outer('right', options);
  }

  fullOuter(options: OuterJoinOptions = {}): OuterIntervalJoin<L, R, L | undefined, R | undefined> {
    return this.#outer('full', options);
  }

  /** One result per pair, with the later of the two times. */
  map<OUT>(join: (left: L, right: R) => OUT, options: JoinOptions<L, R>): DataStream<OUT> {
    return this.process(mappingJoin(join), options);
  }

  /** Any number of results per pair. */
  process<OUT>(joinFunction: JoinFunction<L, R, OUT>, options: JoinOptions<L, R>): DataStream<OUT> {
    requireJoinSchemas('interval-join', options);
    const { lowerMs, upperMs, leftLateTag, rightLateTag } = this.#settings;
    const { leftSchema, rightSchema } = options;
    return this.#left.transform2(this.#right, {
      kind: 'interval-join',
      options,
      isStateful: true,
      factory: () =>
        new IntervalJoinOperator({
          lowerMs,
          upperMs,
          leftSchema,
          rightSchema,
          logic: joinLogicOf(joinFunction),
          leftLateTag,
          rightLateTag,
        }),
    });
  }

  #with(settings: Partial<IntervalSettings<L, R>>): IntervalJoin<L, R> {
    return new IntervalJoin(this.#left, this.#right, { ...this.#settings, ...settings });
  }

  #outer<PL, PR>(joinType: JoinType, options: OuterJoinOptions): OuterIntervalJoin<L, R, PL, PR> {
    const { lowerMs, upperMs, leftLateTag, rightLateTag } = this.#settings;
    if (leftLateTag !== undefined || rightLateTag !== undefined) {
      throw new UserError(
        'JOB_DEFINITION',
        `a ${joinType} outer interval join has no late rows, so none can go to a side output`,
        {
          hint: 'It joins a late row with what is still there, or pads it at once.',
        },
      );
    }
    return new OuterIntervalJoin(this.#left, this.#right, { joinType, lowerMs, upperMs, ...options });
  }
}

interface OuterSettings extends OuterJoinOptions {
  readonly joinType: JoinType;
  readonly lowerMs: number;
  readonly upperMs: number;
}

/** An outer interval join. Its watermark lags behind by the interval, so that padded rows are not late. */
export class OuterIntervalJoin<L, R, PL, PR> {
  readonly #left: DataStream<L>;
  readonly #right: DataStream<R>;
  readonly #settings: OuterSettings;

  constructor(left: DataStream<L>, right: DataStream<R>, settings: OuterSettings) {
    this.#left = left;
    this.#right = right;
    this.#settings = settings;
  }

  /** One result per pair and per row without partner. */
  map<OUT>(join: (left: PL, right: PR) => OUT, options: JoinOptions<L, R>): DataStream<OUT> {
    return this.process(mappingJoin(join), options);
  }

  /** Any number of results per pair and per row without partner. */
  process<OUT>(joinFunction: JoinFunction<PL, PR, OUT>, options: JoinOptions<L, R>): DataStream<OUT> {
    const {
      joinType,
      lowerMs,
      upperMs,
      emitUnmatched = 'final',
      allowedLateness = 0,
      cleanupInterval = 0,
    } = this.#settings;
    const kind = `${joinType}-outer-interval-join`;
    requireJoinSchemas(kind, options);
    const { leftSchema, rightSchema } = options;
    const allowedLatenessMs = durationMs(allowedLateness);
    const cleanupIntervalMs = durationMs(cleanupInterval);
    if (!(allowedLatenessMs >= 0 && cleanupIntervalMs >= 0)) {
      throw new UserError('JOB_DEFINITION', `lateness and clean-up interval of '${options.uid}' must not be negative`);
    }
    return this.#left.transform2(this.#right, {
      kind,
      options,
      isStateful: true,
      factory: () =>
        new OuterIntervalJoinOperator<L, R, OUT>({
          joinType,
          lowerMs,
          upperMs,
          allowedLatenessMs,
          cleanupIntervalMs,
          isPrompt: true,
          // One more than Flink's: a row expires 1 ms after its interval, and must not come behind its own time then.
          watermarkDelayMs: Math.max(upperMs, -lowerMs, 0) + allowedLatenessMs + cleanupIntervalMs + 1,
          emitUnmatched,
          leftSchema,
          rightSchema,
          logic: joinLogicOf(joinFunction) as unknown as JoinLogic<L | undefined, R | undefined, OUT>,
        }),
    });
  }
}
