import { UserError } from '../../engine/base/errors.ts';
import type { Schema } from './schema.ts';

/**
 * What a schema is made of, as plain data: the codecs, the validator, the format readers and the edges (Parquet, SQL) are
 * all derived from it. Shapes of named types may be cyclic when they come from a foreign Avro schema.
 */
export type Shape =
  | ScalarShape
  | DecimalShape
  | EnumerationShape
  | FixedShape
  | ArrayShape
  | MapShape
  | OptionalShape
  | RecordShape
  | UnionShape
  | VariantShape
  | CustomShape;

export type ScalarKind = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'string' | 'bytes' | 'timestamp';

export interface ScalarShape {
  readonly kind: ScalarKind;
  /** A logical type of a foreign schema that we carry along without giving it a meaning. */
  readonly logicalType?: string | undefined;
}

/** Unscaled units as a bigint; bytes in Avro, or a fixed type of `fixed.size` bytes in a foreign schema. */
export interface DecimalShape {
  readonly kind: 'decimal';
  readonly precision: number;
  readonly scale: number;
  readonly fixed?: FixedShape | undefined;
}

export interface EnumerationShape {
  readonly kind: 'enumeration';
  /** Undefined: named after the field that holds it. */
  readonly name: string | undefined;
  readonly symbols: readonly string[];
  readonly aliases: readonly string[];
  /** What a symbol that the reader does not know is read as. */
  readonly defaultSymbol?: string | undefined;
}

export interface FixedShape {
  readonly kind: 'fixed';
  readonly name: string;
  readonly size: number;
  readonly aliases: readonly string[];
}

export interface ArrayShape {
  readonly kind: 'array';
  readonly items: Shape;
}

export interface MapShape {
  readonly kind: 'map';
  readonly values: Shape;
}

/** Null or a value. Its value is never optional itself, and never a variant. */
export interface OptionalShape {
  readonly kind: 'optional';
  readonly value: Shape;
  /** Where null stands in the Avro union: 0 in ours, 1 in a foreign one that puts it last. */
  readonly nullBranch: 0 | 1;
}

export interface RecordShape {
  readonly kind: 'record';
  /** Full name: namespace, dot, name. */
  readonly name: string;
  readonly fields: readonly FieldShape[];
  readonly aliases: readonly string[];
  readonly doc?: string | undefined;
}

export interface FieldShape {
  readonly name: string;
  readonly shape: Shape;
  readonly aliases: readonly string[];
  /** The value of a field that the writer did not have. Undefined: there is no default. */
  readonly default?: { readonly value: unknown } | undefined;
  readonly doc?: string | undefined;
}

/** Records told apart by the property `tag`, whose value is the branch's label. The tag is not stored: the branch number is. */
export interface UnionShape {
  readonly kind: 'union';
  readonly tag: string;
  readonly branches: readonly { readonly label: string; readonly record: RecordShape }[];
}

/** Any other union of a foreign schema: values are bare, and the branch is found by looking at the value. */
export interface VariantShape {
  readonly kind: 'variant';
  readonly branches: readonly Shape[];
}

/** A schema that is not made of shapes: it brings its own codec. */
export interface CustomShape {
  readonly kind: 'custom';
  readonly schema: Schema<unknown>;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Names go into generated code and into Avro, so they are checked once, here. @throws UserError SCHEMA. */
export function checkName(name: string, what: string): void {
  if (NAME.test(name) && name !== '__proto__') return;
  throw new UserError(
    'SCHEMA',
    `${what}: expected a name of letters, digits and _, not starting with a digit, found ${JSON.stringify(name)}`,
    {
      hint: 'Avro allows no other names. Rename it here and map the outer name in the format (CSV columns, JSON names).',
    },
  );
}

/** A name with an optional dotted namespace. */
export function checkFullName(name: string, what: string): void {
  for (const part of name.split('.')) checkName(part, what);
}

/** The last part of a dotted name. */
export function shortName(fullName: string): string {
  return fullName.slice(fullName.lastIndexOf('.') + 1);
}

/** For messages: `long`, `optional string`, `record Click`. */
export function describeShape(shape: Shape): string {
  switch (shape.kind) {
    case 'decimal':
      return `decimal(${shape.precision}, ${shape.scale})`;
    case 'enumeration':
      return shape.symbols.length <= 12
        ? `one of ${shape.symbols.join(', ')}`
        : `enumeration ${shape.name ?? ''}`.trimEnd();
    case 'fixed':
      return `${shape.size} bytes`;
    case 'array':
      return `array of ${describeShape(shape.items)}`;
    case 'map':
      return `map of ${describeShape(shape.values)}`;
    case 'optional':
      return `optional ${describeShape(shape.value)}`;
    case 'record':
      return `record ${shortName(shape.name)}`;
    case 'union':
      return `union of ${shape.branches.map((branch) => branch.label).join(', ')}`;
    case 'variant':
      return `union of ${shape.branches.map(describeShape).join(', ')}`;
    case 'custom':
      return 'custom schema';
    default:
      return shape.kind;
  }
}

/** The branches of a union by number, or undefined when the shape is none. */
export function branchesOf(shape: Shape): Shape[] | undefined {
  switch (shape.kind) {
    case 'optional': {
      const values = branchesOf(shape.value) ?? [shape.value];
      return shape.nullBranch === 0 ? [{ kind: 'null' }, ...values] : [...values, { kind: 'null' }];
    }
    case 'union':
      return shape.branches.map((branch) => branch.record);
    case 'variant':
      return [...shape.branches];
    default:
      return undefined;
  }
}
