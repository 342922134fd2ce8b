import { createNodeEnvironment } from '../../../engine/base/environment-node.ts';
import { ExternalError } from '../../../engine/base/errors.ts';
import type { ObjectStorage } from '../../../state/storage/object-storage.ts';
import { openStorage } from '../../../state/storage/storage-url.ts';
import type { CommittedFile } from './committed-file.ts';
import { checkpointIdOf, MANIFEST_FOLDER, manifestPrefix } from './lake-layout.ts';

/**
 * The files that a checkpoint added to a lake, as `COPY … MANIFEST` reads it (`entries`), with what our own readers need
 * besides. It exists when the checkpoint is committed, and only then.
 */
export interface ParquetManifest {
  readonly entries: readonly ManifestEntry[];
  readonly tidemark: {
    readonly format: 1;
    readonly jobName: string;
    readonly sinkUid: string;
    readonly checkpointId: number;
    readonly rows: number;
    readonly bytes: number;
    /** Sorted by path, as the entries are. */
    readonly files: readonly CommittedFile[];
  };
}

interface ManifestEntry {
  readonly url: string;
  readonly mandatory: true;
  readonly meta: { readonly content_length: number };
}

/** A manifest as it lies in a lake. */
export interface StoredManifest extends ParquetManifest {
  readonly key: string;
}

export function createManifest(options: {
  readonly storage: ObjectStorage;
  readonly jobName: string;
  readonly sinkUid: string;
  readonly checkpointId: number;
  readonly files: readonly CommittedFile[];
}): ParquetManifest {
  const { storage, jobName, sinkUid, checkpointId } = options;
  const files = [...options.files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return {
    entries: files.map((file) => ({
      url: storage.url(file.path),
      mandatory: true,
      meta: { content_length: file.bytes },
    })),
    tidemark: {
      format: 1,
      jobName,
      sinkUid,
      checkpointId,
      rows: files.reduce((sum, file) => sum + file.rows, 0),
      bytes: files.reduce((sum, file) => sum + file.bytes, 0),
      files,
    },
  };
}

/** @throws ExternalError STORAGE when the bytes are no manifest. */
export function parseManifest(bytes: Uint8Array, where: string): ParquetManifest {
  let manifest: Partial<ParquetManifest> | null;
  try {
    manifest = JSON.parse(Buffer.from(bytes).toString('utf8')) as Partial<ParquetManifest> | null;
  } catch (error) {
    throw new ExternalError('STORAGE', `manifest ${where}: not JSON`, { cause: error, retryable: false });
  }
  if (manifest?.tidemark?.format !== 1 || !Array.isArray(manifest.tidemark.files)) {
    throw new ExternalError(
      'STORAGE',
      `manifest ${where}: expected format 1, found ${JSON.stringify(manifest).slice(0, 200)}`,
      {
        retryable: false,
      },
    );
  }
  return manifest as ParquetManifest;
}

export interface ReadManifestsOptions {
  /** Default: of all sinks that write to the lake. */
  readonly sinkUid?: string | undefined;
  /** Only checkpoints after this one: for readers that follow a sink. */
  readonly afterCheckpointId?: number | undefined;
}

/**
 * What has been committed to a lake, by sink uid, then checkpoint: the only way to find its data, since files without a
 * manifest may be of an attempt that failed.
 *
 * @param lake the sink's `path`, or a storage opened there.
 */
export async function readManifests(
  lake: string | ObjectStorage,
  options: ReadManifestsOptions = {},
): Promise<StoredManifest[]> {
  const storage = typeof lake === 'string' ? await openStorage(createNodeEnvironment(), lake) : lake;
  const { sinkUid, afterCheckpointId = -Infinity } = options;
  const prefix = sinkUid === undefined ? `${MANIFEST_FOLDER}/` : manifestPrefix(sinkUid);
  const manifests: StoredManifest[] = [];
  for (const { key } of await storage.list(prefix)) {
    if (!(checkpointIdOf(key) > afterCheckpointId)) continue;
    const stored = await storage.get(key);
    // Removed since it was listed.
    if (stored === undefined) continue;
    manifests.push({ key, ...parseManifest(stored.bytes, storage.url(key)) });
  }
  return manifests;
}
