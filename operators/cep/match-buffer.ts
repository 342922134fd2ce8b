import { type BufferedRecord, type MatchBuffers, type MatcherState, type MatchNode, NONE } from './matcher-state.ts';

/**
 * The records and nodes that partial matches of the current key share, with counts of who refers to them.
 *
 * While a record is looked at, nodes for it are only in `#fresh`: most are gone again before they need be stored. What is
 * released goes when the step ends, so that everything can be read until then.
 */
export class MatchBuffer<T> {
  readonly #stored: MatchBuffers<T>;
  readonly #fresh: MatchNode[] = [];
  readonly #released: number[] = [];
  #firstFresh = 0;
  #record = NONE;
  #value: T = undefined as never;
  #order = NONE;
  #isStored = false;

  constructor(stored: MatchBuffers<T>) {
    this.#stored = stored;
  }

  /** @param record its number, if it has waited in the map of records; else NONE. */
  beginRecord(state: MatcherState, record: number, value: T): void {
    this.#firstFresh = state.nextNode;
    this.#isStored = record !== NONE;
    this.#record = this.#isStored ? record : state.nextRecord;
    this.#value = value;
    this.#order = state.nextOrder++;
  }

  get order(): number {
    return this.#order;
  }

  /** A node for the record that is looked at. Refers to nothing yet, nobody refers to it. */
  add(state: MatcherState, stage: number, previous: number): number {
    const id = state.nextNode++;
    this.#fresh.push({ record: this.#record, order: this.#order, stage, previous, references: 0 });
    return id;
  }

  retain(id: number): void {
    if (id === NONE) return;
    const node = this.node(id);
    node.references++;
    if (id < this.#firstFresh) this.#stored.nodes.set(id, node);
  }

  release(id: number): void {
    if (id === NONE) return;
    if (id >= this.#firstFresh) this.#fresh[id - this.#firstFresh]!.references--;
    else this.#released.push(id);
  }

  node(id: number): MatchNode {
    return id >= this.#firstFresh ? this.#fresh[id - this.#firstFresh]! : this.#stored.nodes.get(id)!;
  }

  valueOf(record: number): T {
    return record === this.#record ? this.#value : this.#stored.records.get(record)!.value;
  }

  /** Nodes from the first to `last`. */
  path(last: number): MatchNode[] {
    const path: MatchNode[] = [];
    for (let id = last; id !== NONE;) {
      const node = this.node(id);
      path.push(node);
      id = node.previous;
    }
    return path.reverse();
  }

  /** Stores what is still referred to of the record that was looked at, and drops what is not any more. */
  endRecord(state: MatcherState): void {
    const references = this.#fresh.length === 0 ? 0 : this.#storeFresh(state);
    if (references > 0) {
      if (!this.#isStored) state.nextRecord++;
      this.#stored.records.set(this.#record, { references, value: this.#value });
    } else if (this.#isStored) {
      this.#stored.records.delete(this.#record);
    }
    this.#record = NONE;
    this.#value = undefined as never;
    if (this.#released.length > 0) this.dropReleased();
  }

  /** A step without a record begins: all nodes are stored ones. */
  beginStep(state: MatcherState): void {
    this.#firstFresh = state.nextNode;
  }

  dropReleased(): void {
    for (const id of this.#released) this.#releaseStored(id);
    this.#released.length = 0;
  }

  /** Returns the number of nodes that stay. */
  #storeFresh(state: MatcherState): number {
    const released = this.#released;
    let count = 0;
    let at = 0;
    let lastPrevious = NONE;
    for (let i = 0; i < this.#fresh.length; i++) {
      const node = this.#fresh[i]!;
      if (node.references === 0) continue;
      count++;
      this.#stored.nodes.set(this.#firstFresh + i, node);
      const { previous } = node;
      if (previous === NONE) continue;
      // Hot: a partial match that goes on hands its reference over to its first node. Both lists are in the order of partial
      // matches, so one pass finds what was released.
      if (previous !== lastPrevious) {
        while (at < released.length && released[at] !== previous) at++;
        if (at < released.length) {
          released[at] = NONE;
          lastPrevious = previous;
          continue;
        }
        at = 0;
      }
      this.#retainStored(previous);
    }
    if (count === 0) state.nextNode = this.#firstFresh;
    this.#fresh.length = 0;
    this.#firstFresh = state.nextNode;
    return count;
  }

  #retainStored(id: number): void {
    if (id === NONE) return;
    const node = this.#stored.nodes.get(id)!;
    node.references++;
    this.#stored.nodes.set(id, node);
  }

  #releaseStored(first: number): void {
    const { nodes } = this.#stored;
    for (let id = first; id !== NONE;) {
      const node = nodes.get(id)!;
      if (--node.references > 0) {
        nodes.set(id, node);
        return;
      }
      nodes.delete(id);
      this.#releaseRecord(node.record);
      id = node.previous;
    }
  }

  #releaseRecord(number: number): void {
    const { records } = this.#stored;
    const buffered: BufferedRecord<T> = records.get(number)!;
    if (--buffered.references > 0) records.set(number, buffered);
    else records.delete(number);
  }
}
