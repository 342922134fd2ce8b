import { RecordError, UserError } from '../../engine/base/errors.ts';
import { bytesToDecimal } from './avro-binary.ts';
import type { AvroSchema, Schema } from './schema.ts';
import { checkFullName, checkName, type FieldShape, type RecordShape, type ScalarKind, type Shape } from './shape.ts';
import { ShapeSchema } from './shape-schema.ts';
import { describeMismatch } from './mismatch.ts';

/**
 * A schema of any Avro schema: what another program has written, or what the registry holds. Nested records become
 * objects, unions of null and one type optional values, other unions bare values; logical types we know are
 * `timestamp-millis` and `decimal`, others are kept as the type below them.
 *
 * @throws UserError SCHEMA naming what is wrong and where.
 */
export function parseAvroSchema(avro: AvroSchema): Schema<unknown> {
  return new ShapeSchema<unknown>(new AvroParser().parse(avro, '', ''));
}

const SCALARS: readonly string[] = ['null', 'boolean', 'int', 'long', 'float', 'double', 'string', 'bytes'];

type AvroObject = Readonly<Record<string, unknown>>;

class AvroParser {
  readonly #shapeByName = new Map<string, Shape>();

  /** @param path where we are, for messages. */
  parse(avro: unknown, namespace: string, path: string): Shape {
    if (typeof avro === 'string') return this.#reference(avro, namespace, path);
    if (Array.isArray(avro)) return this.#union(avro, namespace, path);
    if (typeof avro !== 'object' || avro === null)
      throw invalid(path, `expected a type, found ${JSON.stringify(avro)}`);
    const object = avro as AvroObject;
    switch (object['type']) {
      case 'record':
      case 'error':
        return this.#record(object, namespace, path);
      case 'enum':
        return this.#enumeration(object, namespace, path);
      case 'fixed':
        return this.#fixed(object, namespace, path);
      case 'array':
        return { kind: 'array', items: this.parse(object['items'], namespace, `${path}[]`) };
      case 'map':
        return { kind: 'map', values: this.parse(object['values'], namespace, `${path}{}`) };
      default:
        return this.#logical(this.parse(object['type'], namespace, path), object, path);
    }
  }

  #reference(name: string, namespace: string, path: string): Shape {
    if (SCALARS.includes(name)) return { kind: name as ScalarKind };
    const fullName = name.includes('.') || namespace === '' ? name : `${namespace}.${name}`;
    const shape = this.#shapeByName.get(fullName) ?? this.#shapeByName.get(name);
    if (shape === undefined) throw invalid(path, `there is no type ${name}`);
    return shape;
  }

  #union(types: readonly unknown[], namespace: string, path: string): Shape {
    const branches = types.map((type) => this.parse(type, namespace, path));
    const nullBranch = branches.findIndex((branch) => branch.kind === 'null');
    if (branches.length === 2 && (nullBranch === 0 || nullBranch === 1)) {
      const value = branches[1 - nullBranch]!;
      if (value.kind !== 'null') return { kind: 'optional', value, nullBranch };
    }
    if (branches.some((branch) => branch.kind === 'optional' || branch.kind === 'variant'))
      throw invalid(path, 'a union directly inside of a union');
    return { kind: 'variant', branches };
  }

  #record(object: AvroObject, namespace: string, path: string): Shape {
    const name = fullNameOf(object, namespace, path);
    const fields: FieldShape[] = [];
    const shape: RecordShape = {
      kind: 'record',
      name,
      fields,
      aliases: stringsOf(object['aliases']),
      doc: textOf(object['doc']),
    };
    this.#shapeByName.set(name, shape);
    if (!Array.isArray(object['fields'])) throw invalid(path, `record ${name} has no list of fields`);
    for (const field of object['fields'] as AvroObject[]) {
      const fieldName = String(field['name']);
      checkName(fieldName, `field of record ${name}`);
      const fieldPath = `${name}.${fieldName}`;
      const fieldShape = this.parse(field['type'], namespaceOf(name), fieldPath);
      fields.push({
        name: fieldName,
        shape: fieldShape,
        aliases: stringsOf(field['aliases']),
        default: 'default' in field ? { value: defaultFromAvro(fieldShape, field['default'], fieldPath) } : undefined,
        doc: textOf(field['doc']),
      });
    }
    return shape;
  }

  #enumeration(object: AvroObject, namespace: string, path: string): Shape {
    const name = fullNameOf(object, namespace, path);
    const symbols = stringsOf(object['symbols']);
    const shape: Shape = {
      kind: 'enumeration',
      name,
      symbols,
      aliases: stringsOf(object['aliases']),
      defaultSymbol: textOf(object['default']),
    };
    this.#shapeByName.set(name, shape);
    return shape;
  }

  #fixed(object: AvroObject, namespace: string, path: string): Shape {
    const size = object['size'];
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0)
      throw invalid(path, `expected a size, found ${JSON.stringify(size)}`);
    const name = fullNameOf(object, namespace, path);
    const shape: Shape = { kind: 'fixed', name, size, aliases: stringsOf(object['aliases']) };
    this.#shapeByName.set(name, shape);
    return this.#logical(shape, object, path);
  }

  /** An unknown or misused logical type is ignored, as Avro demands. */
  #logical(shape: Shape, object: AvroObject, path: string): Shape {
    const logicalType = textOf(object['logicalType']);
    if (logicalType === undefined) return shape;
    if (logicalType === 'timestamp-millis' && shape.kind === 'long') return { kind: 'timestamp' };
    if (logicalType === 'decimal' && (shape.kind === 'bytes' || shape.kind === 'fixed')) {
      const precision = object['precision'];
      const scale = object['scale'] ?? 0;
      if (typeof precision !== 'number' || typeof scale !== 'number')
        throw invalid(path, 'a decimal without precision');
      return { kind: 'decimal', precision, scale, fixed: shape.kind === 'fixed' ? shape : undefined };
    }
    const isScalar = SCALARS.includes(shape.kind);
    return isScalar ? { kind: shape.kind as ScalarKind, logicalType } : shape;
  }
}

/** A default as Avro writes it in JSON, as a value of ours. A union's default is one of its branches, by rule the first. */
function defaultFromAvro(shape: Shape, json: unknown, path: string): unknown {
  const value = convertDefault(shape, json);
  const problem = describeMismatch(shape, value, path);
  if (problem !== undefined) throw invalid(path, `the default does not fit: ${problem}`);
  return value;
}

function convertDefault(shape: Shape, json: unknown): unknown {
  switch (shape.kind) {
    case 'null':
      return null;
    case 'bytes':
    case 'fixed':
      return typeof json === 'string' ? Buffer.from(json, 'latin1') : json;
    case 'decimal':
      return typeof json === 'string' ? bytesToDecimal(Buffer.from(json, 'latin1')) : json;
    case 'optional':
      return json === null ? undefined : convertDefault(shape.value, json);
    case 'array':
      return Array.isArray(json) ? json.map((item) => convertDefault(shape.items, item)) : json;
    case 'map':
      return isObject(json)
        ? Object.fromEntries(Object.entries(json).map(([key, item]) => [key, convertDefault(shape.values, item)]))
        : json;
    case 'record':
      if (!isObject(json)) return json;
      return Object.fromEntries(
        shape.fields.map((field) => [
          field.name,
          field.name in json ? convertDefault(field.shape, json[field.name]) : field.default?.value,
        ]),
      );
    case 'variant':
      for (const branch of shape.branches) {
        const value = convertDefault(branch, json);
        if (describeMismatch(branch, value) === undefined && (branch.kind !== 'null' || json === null)) return value;
      }
      throw new RecordError(`no branch of the union takes ${JSON.stringify(json)}`);
    default:
      return json;
  }
}

function isObject(value: unknown): value is AvroObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fullNameOf(object: AvroObject, namespace: string, path: string): string {
  const name = object['name'];
  if (typeof name !== 'string')
    throw invalid(path, `expected a named type, found ${JSON.stringify(object).slice(0, 80)}`);
  const own = typeof object['namespace'] === 'string' ? object['namespace'] : namespace;
  const fullName = name.includes('.') || own === '' ? name : `${own}.${name}`;
  checkFullName(fullName, 'type name');
  return fullName;
}

function namespaceOf(fullName: string): string {
  return fullName.includes('.') ? fullName.slice(0, fullName.lastIndexOf('.')) : '';
}

function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function invalid(path: string, problem: string): UserError {
  return new UserError('SCHEMA', `Avro schema${path === '' ? '' : ` at ${path}`}: ${problem}`);
}
