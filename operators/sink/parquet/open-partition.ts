import type { RowKind } from '../../../engine/task/row-kind.ts';
import { rowKindName } from '../../../engine/task/row-kind.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { StagedRowsWriter } from '../staged/staged-rows.ts';
import type { StagedPart } from '../staged/staging-area.ts';
import { ParquetFile, type ParquetFileOptions } from './parquet-file.ts';
import type { RollLimits } from './roll-policy.ts';

/** Writer state of a partition whose file is held open over a checkpoint; plain JSON. */
export interface HeldPartition {
  readonly partition: string;
  readonly openedAtMs: number;
  /** Its rows, oldest first. */
  readonly parts: readonly StagedPart[];
}

/** The file of a partition that is being filled, and what of it is staged in checkpoint storage. */
export class OpenPartition<T> {
  readonly partition: string;
  readonly openedAtMs: number;
  readonly file: ParquetFile;
  /** Rows since the last checkpoint; undefined when files are closed at every checkpoint. */
  readonly unstaged: StagedRowsWriter<T> | undefined;
  readonly #parts: StagedPart[] = [];
  /** Parts of an earlier attempt, whose rows are not in `file` yet. */
  #restoredParts: StagedPart[] = [];

  constructor(options: {
    readonly partition: string;
    readonly openedAtMs: number;
    readonly file: ParquetFileOptions;
    readonly schema: Schema<T>;
    readonly isHeld: boolean;
  }) {
    this.partition = options.partition;
    this.openedAtMs = options.openedAtMs;
    this.file = new ParquetFile(options.file);
    this.unstaged = options.isHeld ? new StagedRowsWriter(options.schema) : undefined;
  }

  get parts(): readonly StagedPart[] {
    return this.#parts;
  }

  get restoredParts(): readonly StagedPart[] {
    return this.#restoredParts;
  }

  get rowCount(): number {
    return this.#restoredParts.reduce((sum, part) => sum + part.rowCount, this.file.rowCount);
  }

  append(row: T, kind: RowKind): void {
    this.file.append(row as Record<string, unknown>, rowKindName(kind));
    this.unstaged?.append(row, kind);
  }

  restore(parts: readonly StagedPart[]): void {
    this.#parts.push(...parts);
    this.#restoredParts.push(...parts);
  }

  addPart(part: StagedPart): void {
    this.#parts.push(part);
  }

  /** Called when the rows of the restored parts are in `file`. */
  restoredPartsLoaded(): void {
    this.#restoredParts = [];
  }

  hasReached(limits: RollLimits, nowMs: number): boolean {
    const restoredBytes = this.#restoredParts.reduce((sum, part) => sum + part.bytes, 0);
    return (
      this.rowCount >= limits.rows ||
      this.file.byteCount + restoredBytes >= limits.bytes ||
      nowMs - this.openedAtMs >= limits.ageMs
    );
  }
}
