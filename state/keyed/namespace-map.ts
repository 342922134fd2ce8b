import type { Namespace } from './key.ts';

/** Beyond this many namespaces a hash index pays. */
const LINEAR_MAX = 16;

/**
 * Contents of a namespaced state by namespace. Most keys have one or two windows at a time, so it is a pair of short
 * arrays; many namespaces get an index.
 */
export class NamespaceMap {
  readonly namespaces: Namespace[] = [];
  readonly contents: unknown[] = [];
  #index: Map<Namespace, number> | undefined = undefined;

  get size(): number {
    return this.namespaces.length;
  }

  get(namespace: Namespace): unknown {
    const at = this.#find(namespace);
    return at < 0 ? undefined : this.contents[at];
  }

  set(namespace: Namespace, content: unknown): void {
    const at = this.#find(namespace);
    if (at >= 0) {
      this.contents[at] = content;
      return;
    }
    this.namespaces.push(namespace);
    this.contents.push(content);
    if (this.#index !== undefined) this.#index.set(namespace, this.namespaces.length - 1);
    else if (this.namespaces.length > LINEAR_MAX) {
      this.#index = new Map();
      for (let i = 0; i < this.namespaces.length; i++) this.#index.set(this.namespaces[i]!, i);
    }
  }

  delete(namespace: Namespace): void {
    const at = this.#find(namespace);
    if (at < 0) return;
    const lastNamespace = this.namespaces.pop()!;
    const lastContent = this.contents.pop();
    this.#index?.delete(namespace);
    if (at === this.namespaces.length) return;
    this.namespaces[at] = lastNamespace;
    this.contents[at] = lastContent;
    this.#index?.set(lastNamespace, at);
  }

  #find(namespace: Namespace): number {
    if (this.#index !== undefined) return this.#index.get(namespace) ?? -1;
    const namespaces = this.namespaces;
    for (let i = 0; i < namespaces.length; i++) {
      if (namespaces[i] === namespace) return i;
    }
    return -1;
  }
}
