import type { Namespace } from '../../state/keyed/key.ts';
import type { KeyedStateBackend } from '../../state/keyed/keyed-state-backend.ts';
import type { NamespacedState } from '../../state/keyed/state.ts';
import type { StateHandles, StateSpecs } from '../process/state-spec.ts';

/** States that a trigger or window function declares per window. */
export class NamespacedStates<S extends StateSpecs> {
  readonly handles: StateHandles<S>;
  readonly #states: readonly NamespacedState[];

  /** @param prefix stands before the names in checkpoints. */
  constructor(backend: KeyedStateBackend, prefix: string, specs: S | undefined) {
    const handles: Record<string, unknown> = {};
    const states: NamespacedState[] = [];
    for (const [name, spec] of Object.entries(specs ?? {})) {
      const state = backend.state({ ...spec.toDescriptor(`${prefix}${name}`), isNamespaced: true });
      handles[name] = state;
      states.push(state);
    }
    this.handles = handles as StateHandles<S>;
    this.#states = states;
  }

  setNamespace(namespace: Namespace): void {
    for (let i = 0; i < this.#states.length; i++) this.#states[i]!.setNamespace(namespace);
  }

  merge(name: keyof S & string, target: Namespace, sources: readonly Namespace[]): void {
    const state = this.handles[name] as unknown as NamespacedState;
    state.mergeNamespaces(target, sources);
    state.setNamespace(target);
  }
}
