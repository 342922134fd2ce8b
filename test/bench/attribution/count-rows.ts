import type { Environment } from '../../../engine/base/environment.ts';
import { readManifests } from '../../../operators/sink/parquet/manifest.ts';
import { openStorage } from '../../../state/storage/storage-url.ts';

/** Committed rows of a lake table. */
export async function countRows(environment: Environment, path: string, sinkUid: string): Promise<number> {
  const manifests = await readManifests(await openStorage(environment, path), { sinkUid });
  return manifests.reduce((sum, manifest) => sum + manifest.tidemark.rows, 0);
}
