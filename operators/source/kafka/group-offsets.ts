import type { Logger } from '../../../engine/base/logger.ts';
import type { KafkaTransport } from '../../kafka/kafka-transport.ts';
import type { KafkaSplit } from './kafka-split.ts';

/**
 * Shows positions to monitoring by committing them to a consumer group when their checkpoint is complete. Best effort:
 * nothing depends on it, so a failure is a line in the log.
 */
export class GroupOffsets {
  readonly #transport: KafkaTransport;
  readonly #groupId: string;
  readonly #logger: Logger;
  readonly #splitsByCheckpoint = new Map<number, readonly KafkaSplit[]>();
  #isCommitting = false;

  constructor(transport: KafkaTransport, groupId: string, logger: Logger) {
    this.#transport = transport;
    this.#groupId = groupId;
    this.#logger = logger;
  }

  snapshot(checkpointId: number, splits: readonly KafkaSplit[]): void {
    this.#splitsByCheckpoint.set(checkpointId, splits);
  }

  /** Commits the positions of this checkpoint and forgets those of earlier ones. Skipped while a commit is under way. */
  commit(checkpointId: number): void {
    const splits = this.#splitsByCheckpoint.get(checkpointId);
    for (const id of this.#splitsByCheckpoint.keys()) if (id <= checkpointId) this.#splitsByCheckpoint.delete(id);
    if (splits === undefined || splits.length === 0 || this.#isCommitting) return;
    this.#isCommitting = true;
    this.#transport
      .commitOffsets(this.#groupId, splits)
      .catch((error: unknown) => {
        this.#logger.warn(`offsets were not committed to group ${this.#groupId}`, { error: String(error) });
      })
      .finally(() => void (this.#isCommitting = false));
  }
}
