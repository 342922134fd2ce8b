import type { KeyedStateBackend } from '../../state/keyed/keyed-state-backend.ts';
import type { RecordBatch } from './record-batch.ts';
import { INSERT, type RowKind } from './row-kind.ts';
import type { StreamOperator } from './stream-operator.ts';

/** Hands the records of a batch to the head of a chain, one by one. Chosen once per task, so that the loop decides nothing. */
export interface RecordLoop {
  /** Processes records [from, to), which are prepared. */
  run(batch: RecordBatch, from: number, to: number, inputIndex: number): void;
}

export function createRecordLoop(
  operator: StreamOperator<unknown>,
  keyedState: KeyedStateBackend | undefined,
  inputCount: number,
): RecordLoop {
  const loop = createLoop(operator, keyedState, inputCount);
  return operator.takesRetractions ? loop : new InsertOnlyLoop(loop, operator);
}

function createLoop(
  operator: StreamOperator<unknown>,
  keyedState: KeyedStateBackend | undefined,
  inputCount: number,
): RecordLoop {
  if (inputCount > 2) return new ManyInputsLoop(operator, keyedState);
  if (keyedState === undefined) return inputCount === 2 ? new TwoInputLoop(operator) : new OneInputLoop(operator);
  return inputCount === 2 ? new KeyedTwoInputLoop(operator, keyedState) : new KeyedOneInputLoop(operator, keyedState);
}

class OneInputLoop implements RecordLoop {
  readonly #operator: StreamOperator<unknown>;

  constructor(operator: StreamOperator<unknown>) {
    this.#operator = operator;
  }

  run(batch: RecordBatch, from: number, to: number): void {
    const operator = this.#operator;
    const { values, timestamps, kinds } = batch;
    for (let i = from; i < to; i++) operator.processElement(values[i], timestamps[i]!, kinds[i] as RowKind);
  }
}

class TwoInputLoop implements RecordLoop {
  readonly #operator: StreamOperator<unknown>;

  constructor(operator: StreamOperator<unknown>) {
    this.#operator = operator;
  }

  run(batch: RecordBatch, from: number, to: number, inputIndex: number): void {
    const operator = this.#operator;
    const { values, timestamps, kinds } = batch;
    if (inputIndex === 0) {
      for (let i = from; i < to; i++) operator.processElement1(values[i], timestamps[i]!, kinds[i] as RowKind);
    } else {
      for (let i = from; i < to; i++) operator.processElement2(values[i], timestamps[i]!, kinds[i] as RowKind);
    }
  }
}

class KeyedOneInputLoop implements RecordLoop {
  readonly #operator: StreamOperator<unknown>;
  readonly #keyedState: KeyedStateBackend;

  constructor(operator: StreamOperator<unknown>, keyedState: KeyedStateBackend) {
    this.#operator = operator;
    this.#keyedState = keyedState;
  }

  run(batch: RecordBatch, from: number, to: number): void {
    const operator = this.#operator;
    const keyedState = this.#keyedState;
    const { values, timestamps, kinds } = batch;
    for (let i = from; i < to; i++) {
      keyedState.select(i);
      operator.processElement(values[i], timestamps[i]!, kinds[i] as RowKind);
    }
    keyedState.clearCurrentKey();
  }
}

class KeyedTwoInputLoop implements RecordLoop {
  readonly #operator: StreamOperator<unknown>;
  readonly #keyedState: KeyedStateBackend;

  constructor(operator: StreamOperator<unknown>, keyedState: KeyedStateBackend) {
    this.#operator = operator;
    this.#keyedState = keyedState;
  }

  run(batch: RecordBatch, from: number, to: number, inputIndex: number): void {
    const operator = this.#operator;
    const keyedState = this.#keyedState;
    const { values, timestamps, kinds } = batch;
    if (inputIndex === 0) {
      for (let i = from; i < to; i++) {
        keyedState.select(i);
        operator.processElement1(values[i], timestamps[i]!, kinds[i] as RowKind);
      }
    } else {
      for (let i = from; i < to; i++) {
        keyedState.select(i);
        operator.processElement2(values[i], timestamps[i]!, kinds[i] as RowKind);
      }
    }
    keyedState.clearCurrentKey();
  }
}

class ManyInputsLoop implements RecordLoop {
  readonly #operator: StreamOperator<unknown>;
  readonly #keyedState: KeyedStateBackend | undefined;

  constructor(operator: StreamOperator<unknown>, keyedState: KeyedStateBackend | undefined) {
    this.#operator = operator;
    this.#keyedState = keyedState;
  }

  run(batch: RecordBatch, from: number, to: number, inputIndex: number): void {
    const operator = this.#operator;
    const keyedState = this.#keyedState;
    const { values, timestamps, kinds } = batch;
    for (let i = from; i < to; i++) {
      keyedState?.select(i);
      operator.processElementOf(inputIndex, values[i], timestamps[i]!, kinds[i] as RowKind);
    }
    keyedState?.clearCurrentKey();
  }
}

/** Looks through the kinds of a batch before it is processed. */
class InsertOnlyLoop implements RecordLoop {
  readonly #loop: RecordLoop;
  readonly #operator: StreamOperator<unknown>;

  constructor(loop: RecordLoop, operator: StreamOperator<unknown>) {
    this.#loop = loop;
    this.#operator = operator;
  }

  run(batch: RecordBatch, from: number, to: number, inputIndex: number): void {
    const { kinds } = batch;
    for (let i = from; i < to; i++) if (kinds[i] !== INSERT) this.#operator.checkRowKind(kinds[i] as RowKind);
    this.#loop.run(batch, from, to, inputIndex);
  }
}
