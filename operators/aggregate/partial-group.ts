import type { Key } from '../../state/keyed/key.ts';

/** What a local phase has made of the rows of a key: on its way to where the key's state is. */
export interface PartialGroup<ACC> {
  readonly key: Key;
  readonly accumulator: ACC;
  /** Rows taken in, less rows taken out. */
  readonly rows: number;
}

export function keyOfPartial(partial: { readonly key: Key }): Key {
  return partial.key;
}
