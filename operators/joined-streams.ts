import type { Key } from '../state/keyed/key.ts';
import { type PairWindowSettings, WindowedPair } from './co-grouped-streams.ts';
import type { DataStream, KeySelector } from './data-stream.ts';
import type { JoinOptions } from './join-options.ts';
import type { JoinType } from './join/outer-interval-join-operator.ts';
import type { TaggedRow } from './window/co-group-contents.ts';
import type { Window } from './window/window.ts';
import type { WindowAssigner } from './window/window-assigner.ts';

/** Two streams to be joined that are not keyed yet: `where(...)` for the left one, `equalTo(...)` for the right one. */
export class UnkeyedJoin<L, R> {
  readonly #left: DataStream<L>;
  readonly #right: DataStream<R>;

  constructor(left: DataStream<L>, right: DataStream<R>) {
    this.#left = left;
    this.#right = right;
  }

  /** The key of a left record. */
  where<K extends Key>(leftKey: KeySelector<L, K>): { equalTo(rightKey: KeySelector<R, K>): JoinedStreams<L, R, K> } {
    return {
      equalTo: (rightKey) => new JoinedStreams(this.#left.keyBy(leftKey).stream, this.#right.keyBy(rightKey).stream),
    };
  }
}

/** Two keyed streams whose records are to be joined in windows. */
export class JoinedStreams<L, R, K extends Key> {
  readonly #left: DataStream<L>;
  readonly #right: DataStream<R>;

  constructor(left: DataStream<L>, right: DataStream<R>) {
    this.#left = left;
    this.#right = right;
  }

  /** Joins the records of both streams that have equal keys and share a window; sessions grow by records of either. */
  window<W extends Window>(assigner: WindowAssigner<TaggedRow<L, R>, W>): WindowedJoin<L, R, K, W, L, R> {
    return new WindowedJoin(this.#left, this.#right, { assigner, allowedLatenessMs: 0 }, 'inner');
  }
}

/**
 * A join per key and window, inner unless one of the outer ones is asked for.
 *
 * @typeParam PL `L`, or `L | undefined` where right records without partner come out too; `PR` likewise.
 */
export class WindowedJoin<L, R, K extends Key, W extends Window, PL, PR> extends WindowedPair<L, R, K, W> {
  readonly #joinType: JoinType;

  constructor(left: DataStream<L>, right: DataStream<R>, settings: PairWindowSettings<L, R, W>, joinType: JoinType) {
    super(left, right, settings);
    this.#joinType = joinType;
  }

  /** Left records of a window without any right one come out too, with `undefined` on the right. */
  leftOuter(): WindowedJoin<L, R, K, W, L, R | undefined> {
    return new WindowedJoin(this.left, this.right, this.settings, 'left');
  }

  rightOuter(): WindowedJoin<L, R, K, W, L | undefined, R> {
    return new WindowedJoin(this.left, this.right, this.settings, 'right');
  }

  fullOuter(): WindowedJoin<L, R, K, W, L | undefined, R | undefined> {
    return new WindowedJoin(this.left, this.right, this.settings, 'full');
  }

  /** One result per pair of a window, with the window's last timestamp; again whenever the window fires again. */
  apply<OUT>(join: (left: PL, right: PR) => OUT, options: JoinOptions<L, R>): DataStream<OUT> {
    const padsRight = this.#joinType === 'left' || this.#joinType === 'full';
    const padsLeft = this.#joinType === 'right' || this.#joinType === 'full';
    const call = join as unknown as (left: L | undefined, right: R | undefined) => OUT;
    return this.transform(
      'window-join',
      {
        process(_key, _context, groups, out) {
          const { left, right } = groups[0]!;
          if (right.length === 0) {
            if (padsRight) for (const row of left) out.collect(call(row, undefined));
          } else if (left.length === 0) {
            if (padsLeft) for (const row of right) out.collect(call(undefined, row));
          } else {
            for (const row of left) for (const other of right) out.collect(call(row, other));
          }
        },
      },
      options,
    );
  }

  protected with(settings: Partial<PairWindowSettings<L, R, W>>): this {
    return new WindowedJoin(this.left, this.right, { ...this.settings, ...settings }, this.#joinType) as this;
  }
}
