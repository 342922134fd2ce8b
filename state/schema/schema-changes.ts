import { parseAvroSchema } from './parse-avro-schema.ts';
import type { AvroSchema, Schema } from './schema.ts';
import { describeShape, type FieldShape, type RecordShape, type Shape } from './shape.ts';
import { shapeOf } from './shape-schema.ts';

/**
 * What differs between two schemas that resolve, for people: `+country`, `-age`, `visits: int → long`, `name (was title)`.
 * Empty when only the order, the documentation or what is not looked at differs.
 */
export function schemaChanges(writerAvro: AvroSchema, reader: Schema<unknown>): string[] {
  const changes: string[] = [];
  compare(shapeOf(parseAvroSchema(writerAvro)), shapeOf(reader), '', changes, new Set());
  return changes;
}

function compare(writer: Shape, reader: Shape, path: string, changes: string[], seen: Set<Shape>): void {
  if (seen.has(reader)) return;
  seen.add(reader);
  if (writer.kind === 'record' && reader.kind === 'record') compareRecords(writer, reader, path, changes, seen);
  else if (writer.kind === 'optional' && reader.kind === 'optional')
    compare(writer.value, reader.value, path, changes, seen);
  else if (writer.kind === 'array' && reader.kind === 'array')
    compare(writer.items, reader.items, `${path}[]`, changes, seen);
  else if (writer.kind === 'map' && reader.kind === 'map')
    compare(writer.values, reader.values, `${path}{}`, changes, seen);
  else if (describeShape(writer) !== describeShape(reader))
    changes.push(`${path || 'value'}: ${describeShape(writer)} → ${describeShape(reader)}`);
}

function compareRecords(
  writer: RecordShape,
  reader: RecordShape,
  path: string,
  changes: string[],
  seen: Set<Shape>,
): void {
  const used = new Set<FieldShape>();
  for (const field of reader.fields) {
    const place = path === '' ? field.name : `${path}.${field.name}`;
    const same = writer.fields.find((candidate) => candidate.name === field.name);
    const source = same ?? writer.fields.find((candidate) => field.aliases.includes(candidate.name));
    if (source === undefined) {
      changes.push(`+${place}`);
      continue;
    }
    used.add(source);
    if (same === undefined) changes.push(`${place} (was ${source.name})`);
    compare(source.shape, field.shape, place, changes, seen);
  }
  for (const field of writer.fields)
    if (!used.has(field)) changes.push(`-${path === '' ? field.name : `${path}.${field.name}`}`);
}
