import type { SchemaElement } from 'hyparquet';
import type { Shape } from '../../../state/schema/shape.ts';
import { nestedToJson } from '../nested-json.ts';
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
    super.appendValue(JSON.stringify(nestedToJson(this.#shape, value)));
  }
}
