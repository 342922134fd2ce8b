import { UserError } from '../../engine/base/errors.ts';
import { DELETE, INSERT, isRetraction, type RowKind, rowKindName } from '../../engine/task/row-kind.ts';
import { StreamOperator } from '../../engine/task/stream-operator.ts';
import type { JoinType } from '../join/outer-interval-join-operator.ts';
import { createJoinSide, type JoinSide, type JoinSideSettings } from './join-side.ts';
import { packRow } from './packed-rows.ts';

/** Which records of a single input are rows of which side. */
export interface SidesOfOneInput {
  readonly isLeft: (record: unknown) => boolean;
  readonly isRight: (record: unknown) => boolean;
}

export interface RegularJoinOperatorOptions<L, R, OUT> {
  readonly joinType: JoinType;
  readonly left: Omit<JoinSideSettings<L>, 'name' | 'isOuter'>;
  readonly right: Omit<JoinSideSettings<R>, 'name' | 'isOuter'>;
  /** Whether rows of equal keys are partners. Undefined: all are. */
  readonly where: ((left: L, right: R) => boolean) | undefined;
  readonly join: (left: L | undefined, right: R | undefined) => OUT;
  /** Default: the sides are two inputs. */
  readonly sides?: SidesOfOneInput | undefined;
}

interface Side {
  readonly name: 'left' | 'right';
  readonly isLeft: boolean;
  readonly isOuter: boolean;
  readonly isUnique: boolean;
  readonly isInsertOnly: boolean;
  readonly state: JoinSide<unknown>;
  readonly settings: JoinSideSettings<unknown>;
  /** The only row of a key that this side will ever have: rows of the other side that have met it are not kept. */
  readonly isFinal: boolean;
}

/**
 * Joins two changelogs by key: the result is, at any time, the join of the tables that the changelogs stand for. Flink's
 * `StreamingJoinOperator`.
 *
 * Stateful: the rows of both sides, but see `isFinal`. Rows of an outer side are kept with the number of their partners.
 * Law: the output folded is the join of the inputs folded. A result has the time of the row that has caused it.
 */
export class RegularJoinOperator<L, R, OUT> extends StreamOperator<OUT> {
  readonly #left: Side;
  readonly #right: Side;
  readonly #where: ((left: unknown, right: unknown) => boolean) | undefined;
  readonly #join: (left: unknown, right: unknown) => OUT;
  readonly #sides: SidesOfOneInput | undefined;
  /** Indexes of the partners of the row that is being processed. */
  readonly #partners: number[] = [];

  constructor(options: RegularJoinOperatorOptions<L, R, OUT>) {
    super();
    const { joinType } = options;
    this.#left = createSide('left', options.left as never, joinType === 'left' || joinType === 'full');
    this.#right = createSide('right', options.right as never, joinType === 'right' || joinType === 'full');
    this.#where = options.where as never;
    this.#join = options.join as never;
    this.#sides = options.sides;
  }

  override open(): void {
    this.#left.state.open(this.context);
    this.#right.state.open(this.context);
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    const { isLeft, isRight } = this.#sides!;
    if (isLeft(value)) this.processElement1(value, timestampMs, kind);
    if (isRight(value)) this.processElement2(value, timestampMs, kind);
  }

  override processElement1(value: unknown, timestampMs: number, kind: RowKind): void {
    if (isRetraction(kind)) this.#takeBack(this.#left, this.#right, value, timestampMs, kind);
    else this.#insert(this.#left, this.#right, value, timestampMs, kind);
  }

  override processElement2(value: unknown, timestampMs: number, kind: RowKind): void {
    if (isRetraction(kind)) this.#takeBack(this.#right, this.#left, value, timestampMs, kind);
    else this.#insert(this.#right, this.#left, value, timestampMs, kind);
  }

  #insert(own: Side, other: Side, row: unknown, timestampMs: number, kind: RowKind): void {
    if (own.isUnique && this.#replaces(own, other, row, timestampMs)) return;
    const count = this.#findPartners(own, other, row);
    if (count === 0) {
      if (own.isOuter) this.#emitPadded(own, row, timestampMs, INSERT);
    } else if (other.isOuter) {
      this.#matched(other, timestampMs, 1);
      this.#emitAll(own, other, row, timestampMs, INSERT);
    } else {
      this.#emitAll(own, other, row, timestampMs, own.isOuter ? INSERT : kind);
    }
    // A row of a unique side stays to be replaced.
    if (other.isFinal && other.state.hasRow && !own.isUnique) return;
    own.state.add(row, count);
    if (own.isFinal && !other.isUnique) other.state.clear();
  }

  /** Takes back the row that there is before another one of a unique side. Returns whether the new one is left out. */
  #replaces(own: Side, other: Side, row: unknown, timestampMs: number): boolean {
    own.state.load();
    if (!own.state.hasRow) return false;
    const before = own.state.stored;
    if (own.isInsertOnly) {
      if (isSentTwice(own.settings, before, row)) return true;
      throw this.#notInsertOnly(own, 'a second row of a key');
    }
    if (before === undefined) own.state.clear();
    else this.#takeBack(own, other, before, timestampMs, DELETE);
    return false;
  }

  #takeBack(own: Side, other: Side, row: unknown, timestampMs: number, kind: RowKind): void {
    if (own.isInsertOnly) throw this.#notInsertOnly(own, `a row of kind ${rowKindName(kind)}`);
    let taken = row;
    // The row that is there counts: a deletion may give no more than the key.
    if (own.isUnique) {
      own.state.load();
      const { hasRow, stored } = own.state;
      // None that is there, or one without partners: nothing came of it. An expired one has left results.
      if (stored === undefined && (hasRow || own.settings.ttl === undefined)) {
        own.state.clear();
        return;
      }
      taken = stored ?? row;
    }
    own.state.remove(taken);
    const count = this.#findPartners(own, other, taken);
    if (count === 0) {
      if (own.isOuter) this.#emitPadded(own, taken, timestampMs, DELETE);
      return;
    }
    this.#emitAll(own, other, taken, timestampMs, own.isOuter ? DELETE : kind);
    if (other.isOuter) this.#matched(other, timestampMs, -1);
  }

  /** Fills `#partners` with where the partners of a row are in the rows of the other side. */
  #findPartners(own: Side, other: Side, row: unknown): number {
    const partners = this.#partners;
    const where = this.#where;
    const { filter } = own.settings;
    const { state } = other;
    partners.length = 0;
    const hasPartners = filter === undefined || filter(row);
    // Whether a final row is there is asked for in any case.
    if (!hasPartners && !other.isFinal) return 0;
    const count = state.load();
    if (!hasPartners) return 0;
    for (let i = 0; i < count; i++) {
      if (where === undefined || (own.isLeft ? where(row, state.rows[i]) : where(state.rows[i], row))) partners.push(i);
    }
    return partners.length;
  }

  /** The partners have one partner more or less: those that had none lose their padded result, those left alone get one. */
  #matched(outer: Side, timestampMs: number, change: 1 | -1): void {
    const { state } = outer;
    const { rows, matchCounts } = state;
    for (const i of this.#partners) {
      const before = matchCounts[i]!;
      // A row that was never there has no partner to take away.
      const after = Math.max(0, before + change);
      if (after === before) continue;
      matchCounts[i] = after;
      if (change > 0 && before === 0) this.#emitPadded(outer, rows[i], timestampMs, DELETE);
      else if (change < 0 && after === 0) this.#emitPadded(outer, rows[i], timestampMs, INSERT);
    }
    state.storeMatchCounts();
  }

  #emitAll(own: Side, other: Side, row: unknown, timestampMs: number, kind: RowKind): void {
    const { rows } = other.state;
    for (const i of this.#partners) {
      const result = own.isLeft ? this.#join(row, rows[i]) : this.#join(rows[i], row);
      this.output.collect(result, timestampMs, kind);
    }
  }

  #emitPadded(own: Side, row: unknown, timestampMs: number, kind: RowKind): void {
    const result = own.isLeft ? this.#join(row, undefined) : this.#join(undefined, row);
    this.output.collect(result, timestampMs, kind);
  }

  #notInsertOnly(own: Side, found: string): UserError {
    return new UserError(
      'JOB_DEFINITION',
      `the ${own.name} side of the regular join '${this.context.operatorName}' is said to be ${own.isUnique ? 'unique and insertOnly' : 'insertOnly'}, found ${found}`,
      {
        hint: `Leave out insertOnly on the ${own.name} side, or deduplicate(...) before the join. State was kept by that promise: start without it, or from before it was broken.`,
      },
    );
  }
}

/** Whether a row of a key that has one already says nothing new. */
function isSentTwice({ schema, filter }: JoinSideSettings<unknown>, before: unknown, row: unknown): boolean {
  if (before === undefined) return filter !== undefined && !filter(row);
  return packRow(before, schema) === packRow(row, schema);
}

function createSide(name: 'left' | 'right', given: Omit<JoinSideSettings<unknown>, 'name'>, isOuter: boolean): Side {
  const settings = { ...given, name, isOuter };
  const { isUnique, isInsertOnly } = settings;
  return {
    name,
    isLeft: name === 'left',
    isOuter,
    isUnique,
    isInsertOnly,
    settings,
    isFinal: isUnique && isInsertOnly,
    state: createJoinSide(settings),
  };
}
