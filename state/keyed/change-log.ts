import type { PageRun } from '../snapshot/page-run.ts';
import type { StateFile } from '../snapshot/state-file.ts';
import { EntriesRun } from './changes-run.ts';
import { Changes } from './changes.ts';
import { refOf, Segment, SEGMENT_BYTES_MAX } from './segment.ts';

const SEGMENT_BYTES_MIN = 1 << 16;
/** Parts that wait to be written, at most: then records wait for them. */
const UNWRITTEN_PARTS_MAX = 2;

export interface ChangeLogOptions {
  readonly keyGroupStart: number;
  readonly keyGroupEnd: number;
  /** Bytes after which a part is written. */
  readonly partBytesMax: number;
  /** Writes state files in checkpoint storage. */
  readonly write: (run: PageRun) => Promise<readonly StateFile[]>;
}

interface LogPart {
  /** Undefined when it is written. */
  changes: Changes | undefined;
  readonly segments: (Segment | undefined)[];
  bytes: number;
  files: readonly StateFile[];
}

/**
 * Changes that leave memory before a checkpoint takes them. They are written to checkpoint storage at once, in sorted parts,
 * so that the store never sees them a second time and the next checkpoint has less to write. A key may be in several parts:
 * the last one counts.
 */
export class ChangeLog {
  readonly #options: ChangeLogOptions;
  #parts: LogPart[] = [];
  /** The part that is being filled. */
  #open: LogPart | undefined = undefined;
  #writing: Promise<void> | undefined = undefined;
  #unwrittenMax = UNWRITTEN_PARTS_MAX;

  constructor(options: ChangeLogOptions) {
    this.#options = options;
  }

  /** Adds a copy of an entry. */
  add(source: Segment, offset: number): void {
    const total = source.entryBytesAt(offset);
    this.#open ??= { changes: undefined, segments: [undefined], bytes: 0, files: [] };
    const part = this.#open;
    part.changes ??= new Changes(part.segments);
    let segment = part.segments[part.segments.length - 1];
    if (segment === undefined || segment.byteLength - segment.used < total) {
      const wanted = Math.min(SEGMENT_BYTES_MAX, Math.max(SEGMENT_BYTES_MIN, part.bytes));
      segment = new Segment(part.segments.length, Math.max(wanted, total));
      part.segments.push(segment);
    }
    const at = segment.used;
    segment.words.set(source.words.subarray(offset >>> 2, (offset + total) >>> 2), at >>> 2);
    segment.used = at + total;
    part.changes.add(refOf(segment.id, at));
    part.bytes += total;
    if (part.bytes >= this.#options.partBytesMax) this.#seal();
  }

  get isEmpty(): boolean {
    return this.#parts.length === 0 && this.#open === undefined;
  }

  /** Too much waits to be written. */
  get isFull(): boolean {
    return this.#unwrittenCount() > this.#unwrittenMax;
  }

  /** Bytes in memory. */
  get byteLength(): number {
    let bytes = 0;
    for (const part of [...this.#parts, this.#open]) {
      for (const segment of part?.segments ?? []) bytes += segment?.byteLength ?? 0;
    }
    return bytes;
  }

  /** Files that were written so far. */
  get fileCount(): number {
    return this.#parts.reduce((sum, { files }) => sum + files.length, 0);
  }

  /**
   * Resolves when it is no longer full. When writing fails, it takes more memory instead: that storage cannot be reached is for
   * checkpoints to tell, and for the job's settings to judge.
   */
  async room(): Promise<void> {
    while (this.isFull) {
      try {
        await this.#write();
      } catch {
        this.#unwrittenMax = 2 * this.#unwrittenCount();
      }
    }
  }

  /** Everything as files, oldest first. Nothing may be added any more. */
  async files(): Promise<readonly StateFile[]> {
    this.#seal();
    while (this.#unwrittenCount() > 0) await this.#write();
    this.#unwrittenMax = UNWRITTEN_PARTS_MAX;
    return this.#parts.flatMap(({ files }) => files);
  }

  /** Takes all of an older log, which must be idle, before what is in this one. */
  prepend(older: ChangeLog): void {
    const open = older.#open === undefined ? [] : [older.#open];
    this.#parts = [...older.#parts, ...open, ...this.#parts];
    older.#parts = [];
    older.#open = undefined;
  }

  /** Resolves when nothing of it is being written. */
  async idle(): Promise<void> {
    await this.#writing?.catch(() => {});
  }

  #seal(): void {
    if (this.#open === undefined) return;
    this.#parts.push(this.#open);
    this.#open = undefined;
    // Who needs the files hears of a failure: it is tried again then.
    this.#write().catch(() => {});
  }

  #unwrittenCount(): number {
    let count = 0;
    for (const { changes } of this.#parts) if (changes !== undefined) count++;
    return count;
  }

  /** Writes the oldest part that is not written, one at a time. */
  #write(): Promise<void> {
    this.#writing ??= this.#writeParts().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #writeParts(): Promise<void> {
    for (;;) {
      const part = this.#parts.find(({ changes }) => changes !== undefined);
      if (part === undefined) return;
      const { keyGroupStart, keyGroupEnd, write } = this.#options;
      part.files = await write(new EntriesRun(part.changes!, keyGroupStart, keyGroupEnd, true));
      part.changes = undefined;
      part.segments.length = 0;
    }
  }
}
