import { UserError } from '../../engine/base/errors.ts';
import { decimalToBytes, decimalToFixed } from './avro-binary.ts';
import type { AvroSchema } from './schema.ts';
import { shortName, type FieldShape, type RecordShape, type Shape } from './shape.ts';

/**
 * The Avro schema of a shape. A named type is written out where it first occurs and named after that; an enumeration
 * without a name is called after the record and field that hold it.
 *
 * @throws UserError SCHEMA when two different types have the same name.
 */
export function avroOf(shape: Shape): AvroSchema {
  return new AvroRenderer().render(shape, 'Value', '');
}

class AvroRenderer {
  readonly #shapeByName = new Map<string, Shape>();

  /** @param namespace of the type around; a name without one belongs to it, as in Avro. */
  render(shape: Shape, path: string, namespace: string): AvroSchema {
    switch (shape.kind) {
      case 'timestamp':
        return { type: 'long', logicalType: 'timestamp-millis' };
      case 'decimal':
        return {
          ...(shape.fixed === undefined
            ? { type: 'bytes' }
            : (this.render(shape.fixed, path, namespace) as { type: unknown })),
          logicalType: 'decimal',
          precision: shape.precision,
          scale: shape.scale,
        };
      case 'enumeration': {
        const name = shape.name ?? path.replaceAll('.', '_');
        const fullName = qualify(name, namespace);
        if (this.#isKnown(fullName, shape)) return fullName;
        return {
          type: 'enum',
          name,
          symbols: shape.symbols,
          ...(shape.aliases.length > 0 && { aliases: shape.aliases }),
          ...(shape.defaultSymbol !== undefined && { default: shape.defaultSymbol }),
        };
      }
      case 'fixed':
        if (this.#isKnown(qualify(shape.name, namespace), shape)) return qualify(shape.name, namespace);
        return {
          type: 'fixed',
          name: shape.name,
          size: shape.size,
          ...(shape.aliases.length > 0 && { aliases: shape.aliases }),
        };
      case 'array':
        return { type: 'array', items: this.render(shape.items, path, namespace) };
      case 'map':
        return { type: 'map', values: this.render(shape.values, path, namespace) };
      case 'optional': {
        const value = this.render(shape.value, path, namespace);
        const values = Array.isArray(value) ? (value as AvroSchema[]) : [value];
        return shape.nullBranch === 0 ? ['null', ...values] : [...values, 'null'];
      }
      case 'record':
        return this.#record(shape, namespace);
      case 'union':
        return shape.branches.map((branch) => this.#record(branch.record, namespace));
      case 'variant':
        return shape.branches.map((branch) => this.render(branch, path, namespace));
      case 'custom':
        return shape.schema.avro;
      default:
        return shape.logicalType === undefined ? shape.kind : { type: shape.kind, logicalType: shape.logicalType };
    }
  }

  #record(shape: RecordShape, namespace: string): AvroSchema {
    const fullName = qualify(shape.name, namespace);
    if (this.#isKnown(fullName, shape)) return fullName;
    const inner = fullName.includes('.') ? fullName.slice(0, fullName.lastIndexOf('.')) : '';
    return {
      type: 'record',
      name: shape.name,
      ...(shape.doc !== undefined && { doc: shape.doc }),
      ...(shape.aliases.length > 0 && { aliases: shape.aliases }),
      fields: shape.fields.map((field) => ({
        name: field.name,
        ...(field.doc !== undefined && { doc: field.doc }),
        type: this.render(field.shape, `${shortName(shape.name)}.${field.name}`, inner),
        ...defaultAttribute(field),
        ...(field.aliases.length > 0 && { aliases: field.aliases }),
      })),
    };
  }

  #isKnown(name: string, shape: Shape): boolean {
    const known = this.#shapeByName.get(name);
    if (known === undefined) this.#shapeByName.set(name, shape);
    else if (known !== shape && JSON.stringify(avroOf(known)) !== JSON.stringify(avroOf(shape))) {
      throw new UserError('SCHEMA', `two different types are called ${name}`, {
        hint: 'Give one of them another name or namespace.',
      });
    }
    return known !== undefined;
  }
}

function qualify(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`;
}

function defaultAttribute(field: FieldShape): { default?: unknown } {
  if (field.default !== undefined) return { default: defaultToAvro(field.shape, field.default.value) };
  return field.shape.kind === 'optional' && field.shape.nullBranch === 0 ? { default: null } : {};
}

/** A default as Avro writes it in JSON: bytes as a string of one character per byte. */
function defaultToAvro(shape: Shape, value: unknown): unknown {
  switch (shape.kind) {
    case 'bytes':
    case 'fixed':
      return Buffer.from(value as Uint8Array).toString('latin1');
    case 'decimal': {
      const units = value as bigint;
      return (shape.fixed === undefined ? decimalToBytes(units) : decimalToFixed(units, shape.fixed.size)).toString(
        'latin1',
      );
    }
    case 'optional':
      return value === undefined || value === null ? null : defaultToAvro(shape.value, value);
    case 'array':
      return (value as unknown[]).map((item) => defaultToAvro(shape.items, item));
    case 'map':
      return Object.fromEntries(
        Object.entries(value as object).map(([key, item]) => [key, defaultToAvro(shape.values, item)]),
      );
    case 'record':
      return recordDefault(shape, value as Record<string, unknown>);
    case 'union':
      return recordDefault(shape.branches[0]!.record, value as Record<string, unknown>);
    case 'variant':
      return defaultToAvro(shape.branches[0]!, value);
    default:
      return value;
  }
}

function recordDefault(shape: RecordShape, value: Record<string, unknown>): unknown {
  return Object.fromEntries(shape.fields.map((field) => [field.name, defaultToAvro(field.shape, value[field.name])]));
}
