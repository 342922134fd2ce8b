import type { Namespace } from './key.ts';

/** Beyond this many older namespaces a hash index pays. */
const LINEAR_MAX = 16;

/**
 * Contents of a namespaced state by namespace. Most keys have one or two windows at a time, and most records are for the
 * latest: it is held in the object itself (with many keys every further object is another miss of the processor's caches),
 * the others in a pair of short arrays; many get an index.
 */
export class NamespaceMap {
  #latest: Namespace = 0;
  /** Undefined when there is none at all. */
  #latestContent: unknown = undefined;
  #namespaces: Namespace[] | undefined = undefined;
  #contents: unknown[] | undefined = undefined;
  #index: Map<Namespace, number> | undefined = undefined;

  get size(): number {
    if (this.#latestContent === undefined) return 0;
    return this.#namespaces === undefined ? 1 : this.#namespaces.length + 1;
  }

  /** The i-th namespace, in no order that means anything. */
  namespaceAt(i: number): Namespace {
    return this.#namespaces !== undefined && i < this.#namespaces.length ? this.#namespaces[i]! : this.#latest;
  }

  /** The content of the i-th namespace. */
  contentAt(i: number): unknown {
    return this.#contents !== undefined && i < this.#contents.length ? this.#contents[i] : this.#latestContent;
  }

  get(namespace: Namespace): unknown {
    // Without any content the latest namespace means nothing, and is undefined here as it should be.
    if (namespace === this.#latest) return this.#latestContent;
    const at = this.#find(namespace);
    return at < 0 ? undefined : this.#contents![at];
  }

  /** @returns whether the namespace is new. `content` is not undefined. */
  set(namespace: Namespace, content: unknown): boolean {
    if (this.#latestContent === undefined) {
      this.#latest = namespace;
      this.#latestContent = content;
      return true;
    }
    if (namespace === this.#latest) {
      this.#latestContent = content;
      return false;
    }
    const at = this.#find(namespace);
    if (at >= 0) {
      this.#contents![at] = content;
      return false;
    }
    this.#append(this.#latest, this.#latestContent);
    this.#latest = namespace;
    this.#latestContent = content;
    return true;
  }

  /** While going backwards through all of them, the one at hand may be deleted. */
  delete(namespace: Namespace): void {
    if (namespace === this.#latest) {
      this.#latestContent = undefined;
      if (this.#namespaces === undefined || this.#namespaces.length === 0) return;
      this.#latest = this.#namespaces.pop()!;
      this.#latestContent = this.#contents!.pop();
      this.#index?.delete(this.#latest);
      return;
    }
    const at = this.#find(namespace);
    if (at < 0) return;
    const lastNamespace = this.#namespaces!.pop()!;
    const lastContent = this.#contents!.pop();
    this.#index?.delete(namespace);
    if (at === this.#namespaces!.length) return;
    this.#namespaces![at] = lastNamespace;
    this.#contents![at] = lastContent;
    this.#index?.set(lastNamespace, at);
  }

  #append(namespace: Namespace, content: unknown): void {
    const namespaces = this.#namespaces;
    if (namespaces === undefined || namespaces.length === 0) {
      // A literal has room for one; the first push would take room for seventeen.
      this.#namespaces = [namespace];
      this.#contents = [content];
      return;
    }
    namespaces.push(namespace);
    this.#contents!.push(content);
    if (this.#index !== undefined) {
      this.#index.set(namespace, namespaces.length - 1);
    } else if (namespaces.length > LINEAR_MAX) {
      this.#index = new Map();
      for (let i = 0; i < namespaces.length; i++) this.#index.set(namespaces[i]!, i);
    }
  }

  /** Among those that are not the latest. */
  #find(namespace: Namespace): number {
    const namespaces = this.#namespaces;
    if (namespaces === undefined) return -1;
    if (this.#index !== undefined) return this.#index.get(namespace) ?? -1;
    for (let i = 0; i < namespaces.length; i++) {
      if (namespaces[i] === namespace) return i;
    }
    return -1;
  }
}
