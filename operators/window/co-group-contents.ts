import type { Namespace } from '../../state/keyed/key.ts';
import type { KeyedStateBackend } from '../../state/keyed/keyed-state-backend.ts';
import type { ListState, NamespacedState } from '../../state/keyed/state.ts';
import { optional } from '../../state/schema/optional.ts';
import { record } from '../../state/schema/record.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { WindowContents } from './window-contents.ts';

/** A record of one of two streams: what assigners, triggers and evictors see of a window over both. One of them is set. */
export interface TaggedRow<L, R> {
  readonly left: L | undefined;
  readonly right: R | undefined;
}

/** The records of a window, by stream, in order of arrival. */
export interface CoGroup<L, R> {
  readonly left: readonly L[];
  readonly right: readonly R[];
}

/** All records of a window over two streams, a list per stream. */
export class CoGroupContents<L, R> extends WindowContents<TaggedRow<L, R>, CoGroup<L, R>> {
  readonly #leftSchema: Schema<L>;
  readonly #rightSchema: Schema<R>;
  #left: ListState<L> & NamespacedState = undefined as never;
  #right: ListState<R> & NamespacedState = undefined as never;

  constructor(leftSchema: Schema<L>, rightSchema: Schema<R>) {
    super();
    this.#leftSchema = leftSchema;
    this.#rightSchema = rightSchema;
  }

  open(backend: KeyedStateBackend): NamespacedState {
    this.#left = backend.state({
      kind: 'list',
      name: 'left-contents',
      schema: this.#leftSchema,
      isNamespaced: true,
    });
    this.#right = backend.state({
      kind: 'list',
      name: 'right-contents',
      schema: this.#rightSchema,
      isNamespaced: true,
    });
    return {
      setNamespace: (namespace: Namespace) => {
        this.#left.setNamespace(namespace);
        this.#right.setNamespace(namespace);
      },
      mergeNamespaces: (target: Namespace, sources: readonly Namespace[]) => {
        this.#left.mergeNamespaces(target, sources);
        this.#right.mergeNamespaces(target, sources);
      },
    };
  }

  add({ left, right }: TaggedRow<L, R>): void {
    if (right === undefined) this.#left.add(left as L);
    else this.#right.add(right);
  }

  elements(): readonly CoGroup<L, R>[] | undefined {
    // Copies, which a function may hand on: a window that stays open goes on adding to its lists.
    const group = { left: this.#left.get().slice(), right: this.#right.get().slice() };
    return group.left.length + group.right.length === 0 ? undefined : [group];
  }

  clear(): void {
    this.#left.clear();
    this.#right.clear();
  }
}

/** For windows that keep the records of both streams in one list. */
export function taggedRowSchema<L, R>(leftSchema: Schema<L>, rightSchema: Schema<R>): Schema<TaggedRow<L, R>> {
  return record('tidemark.TaggedRow', {
    left: optional(leftSchema),
    right: optional(rightSchema),
  }) as unknown as Schema<TaggedRow<L, R>>;
}

/** The records of one list, by stream. */
export function coGroupOf<L, R>(rows: readonly TaggedRow<L, R>[]): CoGroup<L, R> {
  const left: L[] = [];
  const right: R[] = [];
  for (const row of rows) {
    if (row.right === undefined) left.push(row.left as L);
    else right.push(row.right);
  }
  return { left, right };
}
