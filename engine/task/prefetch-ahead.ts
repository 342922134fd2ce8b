import type { KeyedStateBackend } from '../../state/keyed/keyed-state-backend.ts';
import type { InputGate } from './input-gate.ts';
import type { RecordBatch } from './record-batch.ts';

/** Batches whose pages are fetched ahead, a channel. */
const BATCHES_AHEAD = 2;

/** Has the pages of the batches that wait in a task's channels fetched, while the batch before them is processed. */
export class PrefetchAhead {
  readonly #gate: InputGate;
  readonly #visit: ((batch: RecordBatch) => void) | undefined;

  constructor(gate: InputGate, keyedState: KeyedStateBackend | undefined) {
    this.#gate = gate;
    if (keyedState?.prefetch === undefined) return;
    this.#visit = (batch) => keyedState.prefetch!(batch.keys, 0, batch.length);
  }

  run(): void {
    if (this.#visit !== undefined) this.#gate.forEachNext(BATCHES_AHEAD, this.#visit);
  }
}
