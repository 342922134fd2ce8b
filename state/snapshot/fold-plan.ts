import type { StateFile } from './state-file.ts';

/** Files written together: parts of one base or delta, of disjoint key ranges. */
export interface FileGroup {
  readonly files: readonly StateFile[];
  readonly bytes: number;
}

/** Half-open range of groups to fold into one. */
export interface FoldPlan {
  readonly start: number;
  readonly end: number;
}

/** Fewer groups are not worth folding. */
const FOLD_GROUPS_MIN = 8;

const PART = /-\d{3,}-[0-9a-f]{8}\.state$/;

/** Cuts a list of files, oldest first, into groups by the names they were written under. */
export function groupFiles(files: readonly StateFile[]): FileGroup[] {
  const groups: { files: StateFile[]; bytes: number; stem: string }[] = [];
  for (const file of files) {
    const stem = file.key.replace(PART, '');
    const last = groups[groups.length - 1];
    if (last !== undefined && last.stem === stem) {
      last.files.push(file);
      last.bytes += file.bytes;
    } else {
      groups.push({ files: [file], bytes: file.bytes, stem });
    }
  }
  return groups;
}

/**
 * Which groups to fold, or undefined: from the first group on that is no larger than all after it together. So every byte
 * is rewritten only when the data it is folded with has doubled: the write amplification is logarithmic, and so is the
 * number of files a restore reads.
 */
export function planFold(groups: readonly FileGroup[]): FoldPlan | undefined {
  let after = groups.reduce((sum, group) => sum + group.bytes, 0);
  for (let start = 0; start + FOLD_GROUPS_MIN <= groups.length; start++) {
    const { bytes } = groups[start]!;
    after -= bytes;
    if (bytes <= after) return { start, end: groups.length };
  }
  return undefined;
}
