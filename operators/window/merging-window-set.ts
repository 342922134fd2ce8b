import type { Namespace } from '../../state/keyed/key.ts';
import type { MergingWindowAssigner } from './window-assigner.ts';
import type { Window } from './window.ts';

/** A merge that has to be carried out on state, timers and trigger. */
export interface WindowMerge<W> {
  /** The new window. */
  readonly target: W;
  /** The windows that it replaces; it may be one of them. */
  readonly sources: readonly W[];
  /** Where the state of the new window is kept. */
  readonly stateWindow: W;
  /** Other places whose state has to be folded in there. */
  readonly mergedStateWindows: readonly W[];
}

interface Entry<W> {
  readonly window: W;
  readonly stateWindow: W;
}

/**
 * The windows in flight of one key, each with the window under which its state is kept: merging changes the mapping and
 * moves no state. The state window is that of the earliest window merged.
 *
 * A new window that equals a window in flight changes nothing (Flink loses the state of a merged one then).
 */
export class MergingWindowSet<W extends Window> {
  readonly #assigner: MergingWindowAssigner<never, W>;
  readonly #entries: Map<Namespace, Entry<W>>;
  #isChanged = false;

  constructor(assigner: MergingWindowAssigner<never, W>, entries: Iterable<Entry<W>> = []) {
    this.#assigner = assigner;
    this.#entries = new Map([...entries].map((entry) => [assigner.namespaceOf(entry.window), entry]));
  }

  /** Whether the mapping differs from the one it was made from. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  entries(): IterableIterator<Entry<W>> {
    return this.#entries.values();
  }

  stateWindowOf(window: W): W | undefined {
    return this.#entries.get(this.#assigner.namespaceOf(window))?.stateWindow;
  }

  retire(window: W): void {
    if (this.#entries.delete(this.#assigner.namespaceOf(window))) this.#isChanged = true;
  }

  /**
   * Adds a window, merging it with those in flight where the assigner says so.
   *
   * @param onMerge called when windows in flight are replaced, not when the new one only falls into one of them.
   * @returns the window in flight that the new one now belongs to.
   */
  addWindow(window: W, onMerge: (merge: WindowMerge<W>) => void): W {
    const inFlight = [...this.#entries.values()].map((entry) => entry.window);
    const merges: { readonly target: W; readonly from: readonly W[] }[] = [];
    this.#assigner.mergeWindows([...inFlight, window], (target, from) => void merges.push({ target, from }));
    let result = window;
    for (const { target, from } of merges) {
      if (from.some((other) => this.#isSame(other, window))) result = target;
      const merge = this.#merge(target, from);
      if (!(merge.sources.length === 1 && this.#isSame(merge.sources[0]!, target))) onMerge(merge);
    }
    if (this.stateWindowOf(result) === undefined) this.#put(result, result);
    return result;
  }

  #merge(target: W, from: readonly W[]): WindowMerge<W> {
    const entries = from
      .map((window) => this.#entries.get(this.#assigner.namespaceOf(window)))
      .filter((entry) => entry !== undefined);
    const [first, ...others] = entries;
    const stateWindow = first?.stateWindow ?? target;
    const sources = entries.map((entry) => entry.window);
    if (!(sources.length === 1 && this.#isSame(sources[0]!, target))) {
      for (const source of sources) this.retire(source);
      this.#put(target, stateWindow);
    }
    return { target, sources, stateWindow, mergedStateWindows: others.map((entry) => entry.stateWindow) };
  }

  #put(window: W, stateWindow: W): void {
    this.#entries.set(this.#assigner.namespaceOf(window), { window, stateWindow });
    this.#isChanged = true;
  }

  #isSame(a: W, b: W): boolean {
    return this.#assigner.namespaceOf(a) === this.#assigner.namespaceOf(b);
  }
}
