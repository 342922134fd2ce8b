import type { Logger } from '../base/logger.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import type { CheckpointManifest, RetainedCheckpoint } from './manifest.ts';

/** What carries its attempt in its name: manifests, state files, and copies of a savepoint's. */
const NAME_WITH_ATTEMPT = /\/(?:chk-\d+-(\d+)\.json$|state\/(\d+)\/|restored-(\d+)\/)/;

/**
 * Knows which state files the retained checkpoints refer to, and deletes those that no retained one does any more. What
 * attempts have written for checkpoints that never were completed is left to `removeOrphans` of a later attempt.
 */
export class StateFileRegistry {
  readonly #store: CheckpointStore;
  readonly #logger: Logger;
  readonly #filesByCheckpoint = new Map<number, ReadonlyMap<string, number>>();
  /** How many hold each checkpoint. */
  readonly #held = new Map<number, number>();
  #isComplete = true;
  /** Released while they were held, by id. */
  readonly #overdue = new Map<number, RetainedCheckpoint>();

  constructor(store: CheckpointStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** Notes the files of a complete checkpoint. Returns the bytes of those not known before. */
  register(manifest: CheckpointManifest): number {
    const files = new Map<string, number>();
    let newBytes = 0;
    for (const operator of Object.values(manifest.operators)) {
      for (const subtask of operator.subtasks) {
        for (const file of subtask.keyedFiles) {
          if (!files.has(file.key) && !this.#isReferenced(file.key)) newBytes += file.bytes;
          files.set(file.key, file.bytes);
        }
      }
    }
    this.#filesByCheckpoint.set(manifest.checkpointId, files);
    return newBytes;
  }

  /** A retained checkpoint could not be read, so that nobody knows what it refers to. */
  markIncomplete(): void {
    this.#isComplete = false;
  }

  /**
   * Deletes what attempts before this one have left and no retained checkpoint refers to. When this one owns the chain and
   * has completed a checkpoint. Never throws.
   */
  async removeOrphans(attempt: number): Promise<void> {
    if (!this.#isComplete) return;
    const { storage, prefix } = this.#store;
    try {
      const orphans = (await storage.list(`${prefix}/`)).flatMap(({ key }) => {
        const match = NAME_WITH_ATTEMPT.exec(key.slice(prefix.length));
        const writer = Number(match?.slice(1).find((text) => text !== undefined));
        return writer < attempt && !this.#store.isRetained(key) && !this.#isReferenced(key) ? [key] : [];
      });
      if (orphans.length > 0) await storage.delete(orphans);
    } catch (error) {
      this.#logger.warn('files of earlier attempts could not be removed', { reason: (error as Error).message });
    }
  }

  /** Keeps a checkpoint's files until `unhold`, whatever is released: a savepoint is copied from it, or it is read. */
  hold(checkpointId: number): void {
    this.#held.set(checkpointId, (this.#held.get(checkpointId) ?? 0) + 1);
  }

  async unhold(checkpointId: number): Promise<void> {
    const others = (this.#held.get(checkpointId) ?? 1) - 1;
    if (others > 0) {
      this.#held.set(checkpointId, others);
      return;
    }
    this.#held.delete(checkpointId);
    const overdue = this.#overdue.get(checkpointId);
    if (overdue === undefined) return;
    this.#overdue.delete(checkpointId);
    await this.release([overdue]);
  }

  /** Drops checkpoints that are no longer retained, with the files that only they refer to. Never throws. */
  async release(checkpoints: readonly RetainedCheckpoint[]): Promise<void> {
    const candidates = new Set<string>();
    const dropped = checkpoints.filter(({ checkpointId }) => !this.#held.has(checkpointId));
    for (const checkpoint of checkpoints) {
      if (this.#held.has(checkpoint.checkpointId)) this.#overdue.set(checkpoint.checkpointId, checkpoint);
    }
    for (const { checkpointId } of dropped) {
      for (const key of this.#filesByCheckpoint.get(checkpointId)?.keys() ?? []) candidates.add(key);
      this.#filesByCheckpoint.delete(checkpointId);
    }
    const keys = [...candidates].filter((key) => !this.#isReferenced(key));
    try {
      await this.#store.storage.delete([...keys, ...dropped.map((checkpoint) => this.#store.manifestKey(checkpoint))]);
    } catch (error) {
      this.#logger.warn('old checkpoint files could not be removed', { reason: (error as Error).message });
    }
  }

  #isReferenced(key: string): boolean {
    for (const files of this.#filesByCheckpoint.values()) if (files.has(key)) return true;
    return false;
  }
}
