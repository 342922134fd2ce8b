import type { SchemaElement } from 'hyparquet';
import { formatDecimal } from '../../../state/schema/decimal.ts';
import type { Shape } from '../../../state/schema/shape.ts';
import type { ParquetCompression } from './compression.ts';
import { TextColumn } from './text-columns.ts';

/** Nested values as JSON text: decimals and bytes as text (base64), a missing optional field left out. */
export class JsonColumn extends TextColumn {
  readonly #shape: Shape;

  constructor(element: SchemaElement, compression: ParquetCompression, shape: Shape) {
    super(element, compression);
    this.#shape = shape;
  }

  protected override appendValue(value: unknown): void {
    if (typeof value !== 'object') throw this.misfit(value, this.#shape.kind);
    super.appendValue(JSON.stringify(toJson(this.#shape, value)));
  }
}

function toJson(shape: Shape, value: unknown): unknown {
  switch (shape.kind) {
    case 'optional':
      return value === undefined || value === null ? undefined : toJson(shape.value, value);
    case 'decimal':
      return formatDecimal(value as bigint, shape.scale);
    case 'bytes':
    case 'fixed':
      return Buffer.from(value as Uint8Array).toString('base64');
    case 'array':
      return (value as readonly unknown[]).map((item) => toJson(shape.items, item) ?? null);
    case 'map':
      return Object.fromEntries(
        Object.entries(value as Record<string, unknown>).map(([key, item]) => [
          key,
          toJson(shape.values, item) ?? null,
        ]),
      );
    case 'record':
      return Object.fromEntries(
        shape.fields.map(({ name, shape: field }) => [name, toJson(field, (value as Record<string, unknown>)[name])]),
      );
    case 'union': {
      const label = (value as Record<string, unknown>)[shape.tag];
      const branch = shape.branches.find((candidate) => candidate.label === label);
      return branch === undefined ? undefined : { [shape.tag]: label, ...(toJson(branch.record, value) as object) };
    }
    default:
      return value;
  }
}
