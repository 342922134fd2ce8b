import type { Schema } from './schema.ts';
import type { EnumerationShape, ScalarKind, Shape } from './shape.ts';

/**
 * How to read values written by one shape as values of another, as data: made by `planRead`, executed by the interpreted
 * decoder or compiled by the generated one. A plain decoder is the plan of a shape read as itself. Plans of recursive
 * records are cyclic.
 */
export type ReadPlan =
  | ScalarPlan
  | { readonly op: 'fixed'; readonly size: number }
  /** `size` undefined: length-prefixed bytes. */
  | { readonly op: 'decimal'; readonly size: number | undefined }
  | EnumerationPlan
  | { readonly op: 'array'; readonly items: ReadPlan }
  | { readonly op: 'map'; readonly values: ReadPlan }
  /** The writer's shape is a union: one plan per branch, in the order of its numbers. */
  | { readonly op: 'branch'; readonly branches: readonly ReadPlan[] }
  | RecordPlan
  | { readonly op: 'custom'; readonly schema: Schema<unknown> }
  /** Null, read as undefined (or as null where the reader's shape is the bare null). */
  | { readonly op: 'null'; readonly value: null | undefined }
  /** A branch that the reader has no place for: an error when such a value comes. */
  | { readonly op: 'refuse'; readonly reason: string };

export interface ScalarPlan {
  readonly op: 'scalar';
  /** As written. */
  readonly wire: Exclude<ScalarKind, 'null'>;
  readonly convert: Conversion | undefined;
}

/** The numeric promotions need none: all are JavaScript numbers. */
export type Conversion = 'bytesToString' | 'stringToBytes' | 'microsToMillis' | 'toFloat';

export interface EnumerationPlan {
  readonly op: 'enumeration';
  /** The reader's symbol by the writer's index; undefined: the reader does not know it. */
  readonly symbols: readonly (string | undefined)[];
  readonly writer: EnumerationShape;
}

export interface RecordPlan {
  readonly op: 'record';
  readonly name: string;
  /** In the writer's order. `target` undefined: the field is not wanted. */
  readonly steps: RecordStep[];
  /** The properties of the result in the reader's order; all are always set. */
  readonly properties: RecordProperty[];
}

export type RecordStep =
  | { readonly target: string; readonly plan: ReadPlan }
  | { readonly target: undefined; readonly skip: Shape };

export type RecordProperty =
  | { readonly name: string; readonly source: 'step' }
  /** A constant: the tag of a union, or the default of a field that the writer does not have (primitive or undefined). */
  | {
      readonly name: string;
      readonly source: 'constant';
      readonly value: string | number | boolean | bigint | null | undefined;
    }
  /** The default of a field that the writer does not have, made anew for each record. */
  | { readonly name: string; readonly source: 'default'; readonly make: () => unknown };
