import type { TestBackendKind } from '../harness/operators/backends.ts';
import type { Step, Vector } from './vector.ts';

/** What came out of an operator: an expectation's fields without `by`, and the step it came out in. */
export interface Emitted {
  readonly step: number;
  readonly entry: Readonly<Record<string, unknown>>;
}

/** Collects outputs (per stream) and what was asserted after every step. */
export class Observed {
  step = 0;
  /** False: watermarks are observed, for invariants, but not compared. */
  listsWatermarks = true;
  readonly main: Emitted[] = [];
  readonly sides = new Map<string, Emitted[]>();
  /** Assertable values per step, filled by the type's runner. */
  readonly assertions = new Map<number, readonly Readonly<Record<string, unknown>>[]>();
  /** Buffered state per step. */
  readonly states = new Map<number, Readonly<Record<string, unknown>>>();

  emit(entry: Readonly<Record<string, unknown>>): void {
    this.main.push({ step: this.step, entry });
  }

  emitSide(tag: string, entry: Readonly<Record<string, unknown>>): void {
    const side = this.sides.get(tag);
    const emitted = { step: this.step, entry };
    if (side === undefined) this.sides.set(tag, [emitted]);
    else side.push(emitted);
  }

  assert(...values: readonly Readonly<Record<string, unknown>>[]): void {
    this.assertions.set(this.step, values);
  }
}

/**
 * Replays a vector step by step. `beforeStep` of the file's format: steps count from 1. The functions may be
 * asynchronous.
 */
export interface VectorRun {
  step(step: Step): void | Promise<void>;
  end?(): void | Promise<void>;
  close?(): void | Promise<void>;
}

/** Builds what a vector's `operator` describes. Throws `NotCovered` for a kind or function it does not know. */
export type VectorType = (
  vector: Vector,
  observed: Observed,
  backend: TestBackendKind,
) => VectorRun | Promise<VectorRun>;

/** The engine does not have this type, kind or function. */
export class NotCovered extends Error {}
