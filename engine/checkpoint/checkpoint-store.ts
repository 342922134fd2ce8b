import { CheckpointCorruptError, OwnershipLostError, PreconditionFailedError, UserError } from '../base/errors.ts';
import { assert } from '../base/assert.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import type { CheckpointManifest, FoundCheckpoint, LatestPointer, RetainedCheckpoint } from './manifest.ts';

/** What a new attempt knows when it has taken the chain over. */
export interface Claim {
  /** Number of this attempt, larger than any before it. */
  readonly attempt: number;
  /** Complete checkpoints to recover from, newest first. */
  readonly candidates: readonly number[];
  /** Ids up to this one have been used. */
  readonly lastCheckpointId: number;
}

/**
 * The chain of checkpoints of one job shard in storage: manifests `chk-<id>-<attempt>.json` put if-absent, and the pointer
 * `latest` swapped by compare-and-swap. An attempt owns the chain from its `claim` until another claims it; a swap that loses
 * throws OwnershipLostError.
 */
export class CheckpointStore {
  readonly storage: ObjectStorage;
  /** `<job>/<shard>`, the key prefix of all that belongs to the chain. */
  readonly prefix: string;
  readonly #retainedMax: number;
  readonly #newId: () => string;
  #pointer: LatestPointer | undefined;
  #etag: string | undefined;
  /** Id of the last claim that is known to have been done, and of the last one tried: its answer may have been lost. */
  #owner = '';
  #triedOwner = '';
  #hasClaimed = false;
  /** The attempt that has claimed last. */
  #attempt = 0;

  constructor(options: {
    storage: ObjectStorage;
    jobName: string;
    shard: string;
    retainedMax: number;
    /** Makes ids that no other attempt of the job makes. */
    newId: () => string;
  }) {
    this.storage = options.storage;
    this.prefix = `${options.jobName}/${options.shard}`;
    this.#retainedMax = options.retainedMax;
    this.#newId = options.newId;
  }

  /** Ids of the checkpoints kept, newest first. */
  get retained(): readonly number[] {
    return this.#retained.map(({ checkpointId }) => checkpointId);
  }

  /**
   * Takes the chain over: from here on, an older attempt loses its next swap. A store that has owned the chain takes it
   * over again only from itself: of two instances of a job the one started last stays.
   *
   * @throws UserError CHECKPOINT_CORRUPT when the pointer cannot be read, OwnershipLostError when another attempt was faster.
   */
  async claim(attemptMin: number = 1): Promise<Claim> {
    const stored = await this.storage.get(this.#pointerKey());
    const before = stored === undefined ? undefined : this.#parsePointer(stored.bytes);
    if (this.#hasClaimed && !this.#isOurs(before)) throw this.#lost(undefined);
    const owner = this.#newId();
    this.#triedOwner = owner;
    const attempt = Math.max((before?.attempt ?? 0) + 1, attemptMin);
    const pointer: LatestPointer = {
      format: 1,
      attempt,
      owner,
      checkpointId: before?.checkpointId,
      retained: before?.retained ?? [],
    };
    this.#etag = stored?.etag;
    await this.#swap(pointer);
    this.#owner = owner;
    this.#attempt = attempt;
    this.#hasClaimed = true;
    return {
      attempt,
      candidates: this.retained,
      lastCheckpointId: Math.max(0, ...this.retained, pointer.checkpointId ?? 0),
    };
  }

  /**
   * The manifest of the newest checkpoint, without taking the chain over; undefined when there is none yet.
   *
   * @throws CheckpointCorruptError when it is missing or does not parse, UserError CHECKPOINT_CORRUPT for the pointer.
   */
  async readNewest(): Promise<FoundCheckpoint | undefined> {
    const stored = await this.storage.get(this.#pointerKey());
    const newest = stored === undefined ? undefined : this.#parsePointer(stored.bytes).retained[0];
    if (newest === undefined) return undefined;
    return await this.#found(newest);
  }

  /** Leaves corrupt checkpoints out of the retained ones; takes effect with the next commit. */
  forget(checkpointIds: readonly number[]): void {
    const pointer = this.#pointer;
    if (pointer === undefined) return;
    this.#pointer = {
      ...pointer,
      retained: pointer.retained.filter(({ checkpointId }) => !checkpointIds.includes(checkpointId)),
    };
  }

  /**
   * Stores a complete checkpoint and makes it the newest.
   *
   * @returns the manifests that are no longer retained, for the caller to clean up after.
   * @throws OwnershipLostError when another attempt has claimed the chain.
   */
  async commit(manifest: CheckpointManifest): Promise<{ readonly dropped: readonly RetainedCheckpoint[] }> {
    const { attempt, checkpointId } = manifest;
    // An attempt of this process that has ended may still be at it.
    if (attempt !== this.#attempt) throw this.#lost(undefined);
    await this.#putManifest(manifest);
    if (attempt !== this.#attempt) throw this.#lost(undefined);
    const all = [{ checkpointId, attempt }, ...this.#retained];
    const retained = all.slice(0, this.#retainedMax);
    await this.#swap({ format: 1, attempt, owner: this.#owner, checkpointId, retained });
    return { dropped: all.slice(this.#retainedMax) };
  }

  /** Reads the manifest of a retained checkpoint. Throws CheckpointCorruptError when it is missing or does not parse. */
  async read(checkpointId: number): Promise<CheckpointManifest> {
    return (await this.find(checkpointId)).manifest;
  }

  /** The same, with where it is. */
  async find(checkpointId: number): Promise<FoundCheckpoint> {
    const retained = this.#retained.find((candidate) => candidate.checkpointId === checkpointId);
    assert(retained !== undefined, () => `checkpoint ${checkpointId} is not retained`);
    return await this.#found(retained);
  }

  manifestKey({ checkpointId, attempt }: RetainedCheckpoint): string {
    return `${this.prefix}/chk-${checkpointId}-${attempt}.json`;
  }

  /** Whether `key` is the manifest of a retained checkpoint. */
  isRetained(key: string): boolean {
    return this.#retained.some((retained) => this.manifestKey(retained) === key);
  }

  get #retained(): readonly RetainedCheckpoint[] {
    return this.#pointer?.retained ?? [];
  }

  async #found(retained: RetainedCheckpoint): Promise<FoundCheckpoint> {
    const where = this.storage.url(this.manifestKey(retained));
    return { manifest: await this.#readManifest(retained), storage: this.storage, where };
  }

  async #readManifest(retained: RetainedCheckpoint): Promise<CheckpointManifest> {
    const key = this.manifestKey(retained);
    const stored = await this.storage.get(key);
    if (stored === undefined)
      throw new CheckpointCorruptError(`checkpoint ${retained.checkpointId} is missing at ${this.storage.url(key)}`);
    return parseManifest(stored.bytes, this.storage.url(key));
  }

  async #putManifest(manifest: CheckpointManifest): Promise<void> {
    try {
      await this.storage.put(this.manifestKey(manifest), encodeJson(manifest), { ifAbsent: true });
    } catch (error) {
      // Nobody else puts this name: the answer to our own put was lost, and the client has repeated it.
      if (!(error instanceof PreconditionFailedError)) throw error;
    }
  }

  async #swap(pointer: LatestPointer): Promise<void> {
    try {
      this.#etag = await this.#put(pointer, this.#etag);
    } catch (error) {
      if (!(error instanceof PreconditionFailedError)) throw error;
      // A swap of our own may have been done although its answer was lost.
      const stored = await this.storage.get(this.#pointerKey());
      if (stored === undefined || !this.#isOurs(this.#parsePointer(stored.bytes))) throw this.#lost(error);
      this.#etag = await this.#put(pointer, stored.etag).catch((again: unknown) => {
        throw again instanceof PreconditionFailedError ? this.#lost(again) : again;
      });
    }
    this.#pointer = pointer;
  }

  #isOurs(pointer: LatestPointer | undefined): boolean {
    return pointer?.owner !== undefined && (pointer.owner === this.#owner || pointer.owner === this.#triedOwner);
  }

  #put(pointer: LatestPointer, etag: string | undefined): Promise<string> {
    const condition = etag === undefined ? ({ ifAbsent: true } as const) : { ifMatch: etag };
    return this.storage.put(this.#pointerKey(), encodeJson(pointer), condition);
  }

  #lost(cause: unknown): OwnershipLostError {
    return new OwnershipLostError(
      `another attempt has taken over the checkpoints of ${this.prefix} in ${this.storage.description}`,
      {
        cause,
        hint: 'Only one instance of a job may run on a checkpoint folder; this one stops and has committed nothing more.',
      },
    );
  }

  #parsePointer(bytes: Uint8Array): LatestPointer {
    const where = this.storage.url(this.#pointerKey());
    try {
      return parsePointer(bytes, where);
    } catch (error) {
      throw new UserError('CHECKPOINT_CORRUPT', `the pointer to the newest checkpoint is damaged: ${where}`, {
        cause: error,
        hint: 'Put it back from a copy, or restore from a savepoint into another checkpoint folder.',
      });
    }
  }

  #pointerKey(): string {
    return `${this.prefix}/latest`;
  }
}

export function encodeJson(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/** @throws CheckpointCorruptError naming `where`. */
export function parseManifest(bytes: Uint8Array, where: string): CheckpointManifest {
  const manifest = parseJson(bytes, where) as CheckpointManifest;
  if (manifest.format !== 1 || typeof manifest.checkpointId !== 'number' || typeof manifest.operators !== 'object') {
    throw new CheckpointCorruptError(`${where} is not a checkpoint manifest of format 1`);
  }
  return manifest;
}

function parsePointer(bytes: Uint8Array, where: string): LatestPointer {
  const pointer = parseJson(bytes, where) as LatestPointer;
  if (pointer.format !== 1 || !Array.isArray(pointer.retained)) {
    throw new CheckpointCorruptError(`${where} is not a checkpoint pointer of format 1`);
  }
  return pointer;
}

function parseJson(bytes: Uint8Array, where: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch (error) {
    throw new CheckpointCorruptError(`${where} is torn: ${(error as Error).message}`, { cause: error });
  }
}
