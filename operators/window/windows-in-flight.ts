import type { KeyedStateBackend } from '../../state/keyed/keyed-state-backend.ts';
import type { ListState } from '../../state/keyed/state.ts';
import { record } from '../../state/schema/record.ts';
import { string } from '../../state/schema/scalars.ts';
import type { Infer } from '../../state/schema/schema.ts';
import { MergingWindowSet } from './merging-window-set.ts';
import type { Window } from './window.ts';
import type { MergingWindowAssigner } from './window-assigner.ts';

/** Windows by their namespaces. */
const Entry = record('tidemark.WindowInFlight', { window: string(), stateWindow: string() });

/** The merging window sets of all keys, in keyed state. */
export class WindowsInFlight<W extends Window> {
  readonly #assigner: MergingWindowAssigner<never, W>;
  readonly #state: ListState<Infer<typeof Entry>>;

  constructor(backend: KeyedStateBackend, assigner: MergingWindowAssigner<never, W>) {
    this.#assigner = assigner;
    this.#state = backend.state({ kind: 'list', name: 'windows-in-flight', schema: Entry });
  }

  /** The current key's set; hand it to `store` after changes. */
  load(): MergingWindowSet<W> {
    const assigner = this.#assigner;
    return new MergingWindowSet(
      assigner,
      this.#state.get().map(({ window, stateWindow }) => ({
        window: assigner.windowOf(window),
        stateWindow: assigner.windowOf(stateWindow),
      })),
    );
  }

  store(set: MergingWindowSet<W>): void {
    if (!set.isChanged) return;
    this.#state.update(
      [...set.entries()].map(({ window, stateWindow }) => ({
        window: this.#assigner.namespaceOf(window),
        stateWindow: this.#assigner.namespaceOf(stateWindow),
      })),
    );
  }
}
