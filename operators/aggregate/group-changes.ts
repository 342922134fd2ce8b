import { type Output, UNCONNECTED_OUTPUT } from '../../engine/task/output.ts';
import { DELETE, INSERT, UPDATE_AFTER, UPDATE_BEFORE } from '../../engine/task/row-kind.ts';
import type { Key } from '../../state/keyed/key.ts';
import { resultsEqual } from './results-equal.ts';

/** The result of a group that is not there. */
export const NO_RESULT: unique symbol = Symbol('no result');

/** Makes the row of a result. Pure: the row that is taken back is made anew. */
export type GroupResultFunction<K extends Key, R, OUT> = (key: K, result: R) => OUT;

export interface GroupChangesOptions<R, OUT> {
  /** Undefined: the result is the row. */
  readonly createRow: GroupResultFunction<Key, R, OUT> | undefined;
  /** No old values of updates. */
  readonly isUpsert: boolean;
  /** Results that did not change go out too: they keep alive what the operators behind keep for a while only. */
  readonly emitsUnchanged: boolean;
}

/** Tells the operators behind how the result of a group has changed. */
export class GroupChanges<R, OUT> {
  output: Output<OUT> = UNCONNECTED_OUTPUT;
  readonly #createRow: GroupResultFunction<Key, R, OUT> | undefined;
  readonly #isUpsert: boolean;
  readonly #emitsUnchanged: boolean;

  constructor(options: GroupChangesOptions<R, OUT>) {
    this.#createRow = options.createRow;
    this.#isUpsert = options.isUpsert;
    this.#emitsUnchanged = options.emitsUnchanged;
  }

  emit(key: Key, before: R | typeof NO_RESULT, after: R | typeof NO_RESULT, timestampMs: number): void {
    const { output } = this;
    if (before === NO_RESULT) {
      if (after !== NO_RESULT) output.collect(this.#rowOf(key, after), timestampMs, INSERT);
    } else if (after === NO_RESULT) {
      output.collect(this.#rowOf(key, before), timestampMs, DELETE);
    } else {
      if (!this.#emitsUnchanged && resultsEqual(before, after)) return;
      if (!this.#isUpsert) output.collect(this.#rowOf(key, before), timestampMs, UPDATE_BEFORE);
      output.collect(this.#rowOf(key, after), timestampMs, UPDATE_AFTER);
    }
  }

  #rowOf(key: Key, result: R): OUT {
    return this.#createRow === undefined ? (result as unknown as OUT) : this.#createRow(key, result);
  }
}
