import { StreamOperator } from '../../engine/task/stream-operator.ts';

/** What is held back between records. */
export interface Held {
  /** Sends all of it. */
  flush(): void;
  /** Forgets it: the subtask has failed or ended. */
  close(): void;
}

/**
 * An operator that holds results back. They leave before a watermark or a status goes on, before a barrier and at the end:
 * so nothing that is held is state, and no row falls behind a watermark that it was in time for.
 */
export abstract class HoldingOperator<OUT> extends StreamOperator<OUT> {
  protected abstract readonly held: Held;

  override processWatermark(): void {
    this.held.flush();
  }

  override processStatus(): void {
    this.held.flush();
  }

  override prepareSnapshotPreBarrier(): void {
    this.held.flush();
  }

  override finish(): void {
    this.held.flush();
  }

  override close(): void {
    this.held.close();
  }
}
