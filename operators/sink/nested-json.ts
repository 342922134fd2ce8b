import { formatDecimal } from '../../state/schema/decimal.ts';
import type { Shape } from '../../state/schema/shape.ts';

/**
 * A value of an array, map, record or union as plain JSON, for columns that hold nested values as text: decimals and bytes
 * as text (base64), a missing optional field left out.
 *
 * @param text applied to every string.
 */
export function nestedToJson(shape: Shape, value: unknown, text: (value: string) => string = same): unknown {
  switch (shape.kind) {
    case 'optional':
      return value === undefined || value === null ? undefined : nestedToJson(shape.value, value, text);
    case 'string':
      return text(value as string);
    case 'decimal':
      return formatDecimal(value as bigint, shape.scale);
    case 'bytes':
    case 'fixed':
      return Buffer.from(value as Uint8Array).toString('base64');
    case 'array':
      return (value as readonly unknown[]).map((item) => nestedToJson(shape.items, item, text) ?? null);
    case 'map':
      return Object.fromEntries(
        Object.entries(value as Record<string, unknown>).map(([key, item]) => [
          text(key),
          nestedToJson(shape.values, item, text) ?? null,
        ]),
      );
    case 'record':
      return Object.fromEntries(
        shape.fields.map(({ name, shape: field }) => [
          name,
          nestedToJson(field, (value as Record<string, unknown>)[name], text),
        ]),
      );
    case 'union': {
      const label = (value as Record<string, unknown>)[shape.tag];
      const branch = shape.branches.find((candidate) => candidate.label === label);
      if (branch === undefined) return undefined;
      return { [shape.tag]: label, ...(nestedToJson(branch.record, value, text) as object) };
    }
    default:
      return value;
  }
}

function same(value: string): string {
  return value;
}
