import { ExternalError, PreconditionFailedError } from '../../../engine/base/errors.ts';
import type { Counter } from '../../../engine/base/metrics.ts';
import type { Committer, SinkContext } from '../../../engine/task/sink.ts';
import type { Json } from '../../../engine/task/source.ts';
import type { ObjectStorage } from '../../../state/storage/object-storage.ts';
import { StagingArea } from '../staged/staging-area.ts';
import type { CommittedFile, ParquetCommittable } from './committed-file.ts';
import { manifestKey } from './lake-layout.ts';
import { createManifest, parseManifest, type ParquetManifest, readManifests } from './manifest.ts';

/**
 * Staged rows are kept for this many further commits: recovery may fall back to a checkpoint before the newest, whose
 * open files are made of them.
 */
const RELEASE_AFTER_COMMITS = 20;

/**
 * Makes a checkpoint's files visible by putting its manifest, if absent.
 *
 * Law: a manifest is never changed; committing again changes nothing.
 */
export class ParquetCommitter implements Committer {
  readonly #context: SinkContext;
  readonly #description: string;
  readonly #storage: ObjectStorage;
  readonly #staging: StagingArea;
  readonly #fileCount: Counter;
  readonly #byteCount: Counter;
  /** Staged rows to be deleted, one list per commit, oldest first. */
  readonly #releases: (readonly string[])[] = [];

  constructor(options: {
    readonly context: SinkContext;
    readonly description: string;
    readonly storage: ObjectStorage;
  }) {
    this.#context = options.context;
    this.#description = options.description;
    this.#storage = options.storage;
    this.#staging = new StagingArea(options.context);
    this.#fileCount = options.context.metrics.counter('numFilesCommitted');
    this.#byteCount = options.context.metrics.counter('numBytesCommitted');
  }

  async commit(checkpointId: number, committables: readonly Json[]): Promise<void> {
    const parts = await this.#notCommitted(checkpointId, committables as unknown as readonly ParquetCommittable[]);
    if (parts.length === 0) return;
    const { jobName, sinkUid } = this.#context;
    const manifest = createManifest({
      storage: this.#storage,
      jobName,
      sinkUid,
      checkpointId,
      files: parts.map((part) => part.file),
    });
    const key = manifestKey(sinkUid, checkpointId);
    try {
      await this.#storage.put(key, Buffer.from(JSON.stringify(manifest, undefined, 1)), { ifAbsent: true });
      this.#fileCount.value += manifest.tidemark.files.length;
      this.#byteCount.value += manifest.tidemark.bytes;
    } catch (error) {
      if (!(error instanceof PreconditionFailedError)) throw error;
      await this.#compare(key, manifest);
    }
    await this.#release(parts.flatMap((part) => part.releases));
  }

  async close(): Promise<void> {}

  /** Without what an earlier checkpoint has committed: a writer that hears late of its completion hands its files over again. */
  async #notCommitted(
    checkpointId: number,
    parts: readonly ParquetCommittable[],
  ): Promise<readonly ParquetCommittable[]> {
    const oldestId = Math.min(...parts.map((part) => part.checkpointId));
    if (oldestId >= checkpointId) return parts;
    const { sinkUid } = this.#context;
    const committed = new Set<string>();
    for (const manifest of await readManifests(this.#storage, { sinkUid, afterCheckpointId: oldestId - 1 })) {
      if (manifest.tidemark.checkpointId === checkpointId) continue;
      for (const file of manifest.tidemark.files) committed.add(file.path);
    }
    return parts.filter((part) => !committed.has(part.file.path));
  }

  /** The manifest is there: by an earlier try of this commit, or by someone else. */
  async #compare(key: string, manifest: ParquetManifest): Promise<void> {
    const stored = await this.#storage.get(key);
    const where = this.#storage.url(key);
    if (stored === undefined) {
      throw new ExternalError('STORAGE', `${this.#description}: manifest ${where} was there and has vanished`);
    }
    const found = parseManifest(stored.bytes, where).tidemark;
    if (namesOf(found.files) === namesOf(manifest.tidemark.files)) return;
    throw new ExternalError(
      'PRECONDITION_FAILED',
      `${this.#description}: checkpoint ${manifest.tidemark.checkpointId} was committed before with other files: expected ` +
        `${summary(manifest)} of job ${manifest.tidemark.jobName}, found ${summary({ ...manifest, tidemark: found })} of job ${found.jobName} in ${where}`,
      {
        retryable: false,
        hint: 'Two jobs write to this path under one sink uid, or the job was taken back to an older savepoint. Give the sink another uid or path, or void the later manifests (voidManifestsAfter).',
      },
    );
  }

  async #release(keys: readonly string[]): Promise<void> {
    this.#releases.push(keys);
    if (this.#releases.length <= RELEASE_AFTER_COMMITS) return;
    await this.#staging.delete(this.#releases.shift()!);
  }
}

/** Files as one text: equal for equal sets of files. */
function namesOf(files: readonly CommittedFile[]): string {
  return files.map(({ path, bytes, checksum }) => `${path} ${bytes} ${checksum}`).join('\n');
}

function summary({ tidemark: { files, rows } }: ParquetManifest): string {
  return `${files.length} files with ${rows} rows (first ${files[0]?.path})`;
}
