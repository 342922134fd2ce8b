import { int } from '../../../state/schema/scalars.ts';
import type { OperatorListState } from '../../../engine/task/operator-state.ts';
import type { RowKind } from '../../../engine/task/row-kind.ts';
import { StreamOperator } from '../../../engine/task/stream-operator.ts';

/** Notes what it is told about checkpoints; passes records on as text. */
export class Listener extends StreamOperator<string> {
  readonly #heard: string[];

  constructor(heard: string[]) {
    super();
    this.#heard = heard;
  }

  override processElement(value: unknown, timestampMs: number, kind: RowKind): void {
    this.output.collect(String(value), timestampMs, kind);
  }

  override snapshotState(checkpointId: number): void {
    this.#heard.push(`snapshot ${checkpointId} on ${this.context.subtaskIndex}`);
  }

  override notifyCheckpointComplete(checkpointId: number): void {
    this.#heard.push(`complete ${checkpointId} on ${this.context.subtaskIndex}`);
  }
}

/** Keeps every number in operator state, and notes what it finds there when it is opened. */
export class Keeper extends StreamOperator<number> {
  readonly #opened: string[][];
  #kept: OperatorListState<number> | undefined;

  constructor(opened: string[][]) {
    super();
    this.#opened = opened;
  }

  override open(): void {
    this.#kept = this.context.operatorState.listState({ name: 'kept', schema: int() });
    // Not when it is only opened to learn what it keeps.
    if (this.context.isRestored) this.#opened.push(this.#kept.get().map(String));
  }

  override processElement(value: unknown): void {
    this.#kept!.add(value as number);
  }
}
