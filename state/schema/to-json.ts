import { formatDecimal } from './decimal.ts';
import type { FieldShape, Shape } from './shape.ts';

/**
 * A value that fits its shape, as `JSON.stringify` wants it: bytes as base64, decimals and infinite numbers as text, timestamps as epoch
 * milliseconds or ISO-8601, absent fields left out.
 */
export function toJson(shape: Shape, value: unknown, isIso: boolean, names: Readonly<Record<string, string>>): unknown {
  switch (shape.kind) {
    case 'optional':
      return value === undefined || value === null ? null : toJson(shape.value, value, isIso, names);
    case 'float':
    case 'double':
      return Number.isFinite(value) ? value : String(value);
    case 'timestamp':
      return isIso && hasCalendarTime(value as number) ? new Date(value as number).toISOString() : value;
    case 'bytes':
    case 'fixed':
      return Buffer.from(value as Uint8Array).toString('base64');
    case 'decimal':
      return formatDecimal(value as bigint, shape.scale);
    case 'array':
      return (value as unknown[]).map((item) => toJson(shape.items, item, isIso, {}));
    case 'map':
      return Object.fromEntries(
        Object.entries(value as object).map(([key, item]) => [key, toJson(shape.values, item, isIso, {})]),
      );
    case 'record':
      return recordToJson(shape.fields, value as Record<string, unknown>, isIso, names, {});
    case 'union': {
      const label = (value as Record<string, unknown>)[shape.tag];
      const branch = shape.branches.find((candidate) => candidate.label === label)!;
      return recordToJson(branch.record.fields, value as Record<string, unknown>, isIso, names, { [shape.tag]: label });
    }
    default:
      return value;
  }
}

function recordToJson(
  fields: readonly FieldShape[],
  value: Record<string, unknown>,
  isIso: boolean,
  names: Readonly<Record<string, string>>,
  json: Record<string, unknown>,
): Record<string, unknown> {
  for (const field of fields) {
    const item = value[field.name];
    if (item === undefined || item === null) continue;
    json[Object.hasOwn(names, field.name) ? names[field.name]! : field.name] = toJson(field.shape, item, isIso, {});
  }
  return json;
}

/** Whether a JavaScript date can be made of a time: within 100 million days of the epoch. */
export function hasCalendarTime(ms: number): boolean {
  return ms <= 8.64e15 && ms >= -8.64e15;
}
