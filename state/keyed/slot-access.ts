import { UserError } from '../../engine/base/errors.ts';
import type { Namespace } from './key.ts';
import { NamespaceMap } from './namespace-map.ts';
import { NO_PAGE, type PageCursor } from './page.ts';

/** One state's content for the current key (and namespace). */
export interface SlotAccess {
  /** Undefined when empty. */
  get(): unknown;
  /** Undefined empties. */
  set(content: unknown): void;
  /** The content got was changed in place. */
  touch(addedBytes: number): void;
  setNamespace(namespace: Namespace): void;
}

function noCurrentKey(state: string): UserError {
  return new UserError('JOB_DEFINITION', `state ${state} is used without a current key`, {
    hint: 'Keyed state can be used while a record or a timer of a keyed operator is processed, not in open() or on the broadcast side.',
  });
}

/** Heap bytes that a first value of unknown size adds, for the estimate until the page is encoded. */
const NEW_CONTENT_BYTES = 64;

export class PlainSlot implements SlotAccess {
  readonly #cursor: PageCursor;
  readonly #index: number;
  readonly #name: string;

  constructor(cursor: PageCursor, index: number, name: string) {
    this.#cursor = cursor;
    this.#index = index;
    this.#name = name;
  }

  get(): unknown {
    const page = this.#cursor.page;
    if (page === NO_PAGE) throw noCurrentKey(this.#name);
    return page.slots[this.#index];
  }

  set(content: unknown): void {
    const page = this.#cursor.page;
    if (page === NO_PAGE) throw noCurrentKey(this.#name);
    page.slots[this.#index] = content;
    page.isDirty = true;
  }

  touch(addedBytes: number): void {
    const page = this.#cursor.page;
    page.isDirty = true;
    page.byteEstimate += addedBytes;
    this.#cursor.addedBytes += addedBytes;
  }

  setNamespace(namespace: Namespace): void {
    throw new UserError('JOB_DEFINITION', `state ${this.#name} has no namespaces, found setNamespace(${namespace})`, {
      hint: 'Declare it with isNamespaced: true.',
    });
  }
}

export class NamespacedSlot implements SlotAccess {
  readonly #cursor: PageCursor;
  readonly #index: number;
  readonly #name: string;
  #namespace: Namespace = 0;

  constructor(cursor: PageCursor, index: number, name: string) {
    this.#cursor = cursor;
    this.#index = index;
    this.#name = name;
  }

  get(): unknown {
    const page = this.#cursor.page;
    if (page === NO_PAGE) throw noCurrentKey(this.#name);
    const map = page.slots[this.#index] as NamespaceMap | undefined;
    return map === undefined ? undefined : map.get(this.#namespace);
  }

  set(content: unknown): void {
    const page = this.#cursor.page;
    if (page === NO_PAGE) throw noCurrentKey(this.#name);
    let map = page.slots[this.#index] as NamespaceMap | undefined;
    if (content === undefined) {
      if (map === undefined) return;
      map.delete(this.#namespace);
      if (map.size === 0) page.slots[this.#index] = undefined;
    } else {
      if (map === undefined) {
        map = new NamespaceMap();
        page.slots[this.#index] = map;
      }
      if (map.set(this.#namespace, content)) {
        page.byteEstimate += NEW_CONTENT_BYTES;
        this.#cursor.addedBytes += NEW_CONTENT_BYTES;
      }
    }
    page.isDirty = true;
  }

  touch(addedBytes: number): void {
    const page = this.#cursor.page;
    page.isDirty = true;
    page.byteEstimate += addedBytes;
    this.#cursor.addedBytes += addedBytes;
  }

  setNamespace(namespace: Namespace): void {
    this.#namespace = namespace;
  }
}
