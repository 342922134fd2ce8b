import type { SchemaElement } from 'hyparquet';
import { UserError } from '../../../engine/base/errors.ts';
import type { Schema } from '../../../state/schema/schema.ts';
import { shapeOf } from '../../../state/schema/shape-schema.ts';
import { describeShape, type Shape } from '../../../state/schema/shape.ts';
import type { ColumnBuffer } from './column-buffer.ts';
import type { ParquetCompression } from './compression.ts';
import { decimalBytes, DecimalColumn } from './decimal-column.ts';
import { JsonColumn } from './json-column.ts';
import {
  BooleanColumn,
  DoubleColumn,
  FloatColumn,
  Int32Column,
  Int64Column,
  TimestampColumn,
} from './number-columns.ts';
import { BytesColumn, TextColumn } from './text-columns.ts';

/** A column as the file's schema has it, and how to make its buffer. */
export interface ParquetColumn {
  readonly name: string;
  readonly element: SchemaElement;
  /** The last column: it has the row's kind instead of a field. */
  readonly isRowKind?: true | undefined;
  readonly createBuffer: (compression: ParquetCompression) => ColumnBuffer;
}

/**
 * Columns of a record schema, in the order of its fields: warehouses load by position, so the order is part of the format.
 * Arrays, maps, records and unions become JSON text: nothing nested, which not every reader takes.
 *
 * @param rowKindColumn name of a column for the row's kind, behind the others.
 * @throws UserError SCHEMA when the schema is no record, or a field cannot be a column.
 */
export function parquetColumns(schema: Schema<never>, rowKindColumn?: string): ParquetColumn[] {
  const shape = shapeOf(schema as Schema<unknown>);
  if (shape.kind !== 'record') {
    throw new UserError('SCHEMA', `parquet: expected a record schema, found ${describeShape(shape)}`, {
      hint: 'Declare the rows with record(name, { … }); its fields become the columns.',
    });
  }
  if (shape.fields.length === 0) throw new UserError('SCHEMA', `parquet: record ${shape.name} has no fields`);
  const columns = shape.fields.map((field) => columnOf(shape.name, field.name, field.shape));
  if (rowKindColumn === undefined) return columns;
  if (columns.some((column) => column.name === rowKindColumn)) {
    throw new UserError(
      'SCHEMA',
      `parquet: record ${shape.name} has a field ${rowKindColumn} already; call rowKindColumn something else`,
    );
  }
  const rowKind = column({ name: rowKindColumn, repetition_type: 'REQUIRED', ...TEXT }, TextColumn);
  return [...columns, { ...rowKind, isRowKind: true }];
}

function columnOf(recordName: string, name: string, shape: Shape): ParquetColumn {
  const isOptional = shape.kind === 'optional';
  const value = isOptional ? shape.value : shape;
  const repetition = { name, repetition_type: isOptional ? 'OPTIONAL' : 'REQUIRED' } as const;
  switch (value.kind) {
    case 'boolean':
      return column({ ...repetition, type: 'BOOLEAN' }, BooleanColumn);
    case 'int':
      return column({ ...repetition, type: 'INT32' }, Int32Column);
    case 'long':
      return column({ ...repetition, type: 'INT64' }, Int64Column);
    case 'timestamp':
      return column(
        {
          ...repetition,
          type: 'INT64',
          converted_type: 'TIMESTAMP_MICROS',
          logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
        },
        TimestampColumn,
      );
    case 'float':
      return column({ ...repetition, type: 'FLOAT' }, FloatColumn);
    case 'double':
      return column({ ...repetition, type: 'DOUBLE' }, DoubleColumn);
    case 'string':
    case 'enumeration':
      return column({ ...repetition, ...TEXT }, TextColumn);
    case 'bytes':
    case 'fixed':
      return column({ ...repetition, type: 'BYTE_ARRAY' }, BytesColumn);
    case 'decimal':
      return column({ ...repetition, ...decimalElement(value.precision, value.scale) }, DecimalColumn);
    case 'array':
    case 'map':
    case 'record':
    case 'union':
    case 'variant': {
      const element: SchemaElement = { ...repetition, ...TEXT };
      return { name, element, createBuffer: (compression) => new JsonColumn(element, compression, value) };
    }
    default:
      throw new UserError(
        'SCHEMA',
        `parquet: field ${name} of record ${recordName} cannot be a column: ${describeShape(value)}`,
      );
  }
}

const TEXT = { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } } as const;

function decimalElement(precision: number, scale: number): Pick<SchemaElement, 'type'> & Partial<SchemaElement> {
  const common = {
    precision,
    scale,
    converted_type: 'DECIMAL',
    logical_type: { type: 'DECIMAL', precision, scale },
  } as const;
  if (precision <= 9) return { type: 'INT32', ...common };
  if (precision <= 18) return { type: 'INT64', ...common };
  return { type: 'FIXED_LEN_BYTE_ARRAY', type_length: decimalBytes(precision), ...common };
}

function column(
  element: SchemaElement,
  Buffer: new (element: SchemaElement, compression: ParquetCompression) => ColumnBuffer,
): ParquetColumn {
  return { name: element.name, element, createBuffer: (compression) => new Buffer(element, compression) };
}
