import { UserError } from '../engine/base/errors.ts';
import type { OutputTag } from '../engine/task/output-tag.ts';
import type { StreamOperator } from '../engine/task/stream-operator.ts';
import type { DataStream } from './data-stream.ts';
import { type JoinFunction, joinLogicOf, type JoinOptions, mappingJoin, requireJoinSchemas } from './join-options.ts';
import type { JoinLogic } from './join/join-function.ts';
import { ProcessingTimeTemporalJoinOperator } from './join/processing-time-temporal-join-operator.ts';
import { TemporalJoinOperator, type TemporalJoinType } from './join/temporal-join-operator.ts';

interface TemporalSettings<L, R> {
  readonly joinType: TemporalJoinType;
  readonly isProcessingTime: boolean;
  readonly condition?: ((left: L, right: R) => boolean) | undefined;
  readonly leftLateTag?: OutputTag<L> | undefined;
}

/**
 * A keyed stream that is to be joined with the versions of another one: each left row with what the right side said, by
 * its key, at the left row's time. In event time and inner unless asked otherwise.
 *
 * @typeParam PR `R`, or `R | undefined` where left rows without version come out too.
 */
export class TemporalJoin<L, R, PR> {
  readonly #left: DataStream<L>;
  readonly #right: DataStream<R>;
  readonly #settings: TemporalSettings<L, R>;

  constructor(
    left: DataStream<L>,
    right: DataStream<R>,
    settings: TemporalSettings<L, R> = { joinType: 'inner', isProcessingTime: false },
  ) {
    this.#left = left;
    this.#right = right;
    this.#settings = settings;
  }

  /** Left rows that find no version come out too, with `undefined` on the right. */
  leftOuter(): TemporalJoin<L, R, R | undefined> {
    return this.#with({ joinType: 'left' });
  }

  /** One more condition: a version for which it does not hold counts as none. Pure. */
  on(condition: (left: L, right: R) => boolean): TemporalJoin<L, R, PR> {
    return this.#with({ condition });
  }

  /** Where left rows go whose time is not after the watermark. Default: they are counted and dropped. */
  sideOutputLateData(tag: OutputTag<L>): TemporalJoin<L, R, PR> {
    return this.#with({ leftLateTag: tag });
  }

  /** Joins each left row at once with the version that came last, whatever the times; nothing is late, nothing waits. */
  inProcessingTime(): TemporalJoin<L, R, PR> {
    return this.#with({ isProcessingTime: true });
  }

  /** One result per left row that has one, with the left row's time and row kind. */
  map<OUT>(join: (left: L, right: PR) => OUT, options: JoinOptions<L, R>): DataStream<OUT> {
    return this.process(mappingJoin(join), options);
  }

  /** Any number of results per left row. */
  process<OUT>(joinFunction: JoinFunction<L, PR, OUT>, options: JoinOptions<L, R>): DataStream<OUT> {
    const { joinType, isProcessingTime, condition, leftLateTag } = this.#settings;
    const kind = isProcessingTime ? 'processing-time-temporal-join' : 'temporal-join';
    requireJoinSchemas(kind, options);
    const { leftSchema, rightSchema } = options;
    if (isProcessingTime && leftLateTag !== undefined) {
      throw new UserError(
        'JOB_DEFINITION',
        `'${options.uid}' joins in processing time, where no row is late, so none can go to a side output`,
        { hint: 'Leave out sideOutputLateData(...), or inProcessingTime().' },
      );
    }
    const create = (): StreamOperator<OUT> => {
      const logic = joinLogicOf(joinFunction) as unknown as JoinLogic<L, R | undefined, OUT>;
      return isProcessingTime
        ? new ProcessingTimeTemporalJoinOperator({ joinType, rightSchema, condition, logic })
        : new TemporalJoinOperator({ joinType, leftSchema, rightSchema, condition, logic, leftLateTag });
    };
    const alignsSources = !isProcessingTime;
    return this.#left.transform2(this.#right, { kind, options, isStateful: true, alignsSources, factory: create });
  }

  #with<P>(settings: Partial<TemporalSettings<L, R>>): TemporalJoin<L, R, P> {
    return new TemporalJoin<L, R, P>(this.#left, this.#right, { ...this.#settings, ...settings });
  }
}
