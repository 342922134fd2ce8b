import { groupFiles } from '../../state/snapshot/fold-plan.ts';
import { StateFileReader } from '../../state/snapshot/state-file-reader.ts';
import type { StateFile } from '../../state/snapshot/state-file.ts';
import type { ObjectStorage } from '../../state/storage/object-storage.ts';
import type { StateFormat } from '../../state/keyed/state-format.ts';
import type { CheckpointManifest, KeyedStateDescription, OperatorSnapshot } from './manifest.ts';

/** Files whose headers are read at a time. */
const PARALLEL_READS = 16;

/**
 * In which formats the keyed states of each operator are stored, by uid: pages keep the format of the job that wrote them,
 * so one state may be there in several. Reads the headers of the state files.
 *
 * @throws CheckpointCorruptError for a missing or torn file.
 */
export async function storedKeyedStates(
  manifest: CheckpointManifest,
  storage: ObjectStorage,
): Promise<ReadonlyMap<string, readonly StateFormat[]>> {
  const formatsByUid = new Map<string, readonly StateFormat[]>();
  for (const operator of Object.values(manifest.operators)) {
    const formats = await readFormats(operator, storage);
    if (formats.length > 0) formatsByUid.set(operator.uid, formats);
  }
  return formatsByUid;
}

/**
 * Formats in which the pages of one operator are stored; that in which the last job declared a state comes after others.
 * The files alone do not tell: a job may have gone back to a format of before.
 */
export async function readFormats(operator: OperatorSnapshot, storage: ObjectStorage): Promise<StateFormat[]> {
  const found = new Map<string, StateFormat>();
  const note = (format: StateFormat): void => void found.set(JSON.stringify(format), format);
  const files = headedFiles(operator);
  for (let at = 0; at < files.length; at += PARALLEL_READS) {
    const readers = await Promise.all(
      files.slice(at, at + PARALLEL_READS).map((file) => StateFileReader.open(storage, file)),
    );
    for (const { header } of readers)
      for (const format of header.formats) for (const state of format) if (state.isDropped !== true) note(state);
  }
  const declared = new Set(operator.keyedStates.map(descriptionText));
  const formats = [...found.values()];
  return [
    ...formats.filter((format) => !declared.has(descriptionText(format))),
    ...formats.filter((format) => declared.has(descriptionText(format))),
  ];
}

function descriptionText({ name, kind, keySchema, schema }: KeyedStateDescription | StateFormat): string {
  return JSON.stringify([name, kind, keySchema, schema]);
}

/** One file of each group written together: the others have the same header. */
function headedFiles(operator: OperatorSnapshot): StateFile[] {
  const files = new Map<string, StateFile>();
  for (const { keyedFiles } of operator.subtasks)
    for (const group of groupFiles(keyedFiles)) files.set(group.files[0]!.key, group.files[0]!);
  return [...files.values()];
}
