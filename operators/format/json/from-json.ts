import { fitsPrecision } from '../../../state/schema/mismatch.ts';
import { parseDecimal } from '../../../state/schema/decimal.ts';
import {
  describeShape,
  shortName,
  type FieldShape,
  type RecordShape,
  type Shape,
} from '../../../state/schema/shape.ts';
import { setEntry } from '../../../state/schema/interpret-read.ts';
import { DecodeError, fieldError } from '../decode-error.ts';
import { timestampOfNumber, timestampOfText, type ZoneOffset } from '../timestamp-text.ts';

/** How JSON is read as a schema says. */
export interface JsonRules {
  /** Name in JSON by field name, of the outermost record. */
  readonly names: Readonly<Record<string, string>>;
  /** For times without offset; undefined: they are errors. */
  readonly zone: ZoneOffset | undefined;
}

export const PLAIN_JSON: JsonRules = { names: {}, zone: undefined };

/**
 * A parsed JSON value as a value of a shape, checked. Names that the shape does not know are ignored; what is missing takes
 * its default or is undefined. Integers and decimals may stand in strings (as 64-bit ones often do); timestamps are read by
 * `timestamp-text.ts`; bytes are base64; a union's tag is a property.
 *
 * The twin of the generated converter: where that is not to be had, and to say what is wrong.
 *
 * @throws DecodeError naming the field.
 */
export function fromJson(shape: Shape, value: unknown, rules: JsonRules, path: string = rootPath(shape)): unknown {
  switch (shape.kind) {
    case 'optional':
      return value === undefined || value === null ? undefined : fromJson(shape.value, value, rules, path);
    case 'record':
      if (!isObject(value)) break;
      return recordFromJson(shape, value, rules, path, {});
    case 'union': {
      if (!isObject(value)) break;
      const label = value[shape.tag];
      const branch = shape.branches.find((candidate) => candidate.label === label);
      if (branch === undefined) {
        const labels = shape.branches.map((candidate) => candidate.label).join(', ');
        throw fieldError(
          label === undefined ? 'REQUIRED_MISSING' : 'SCHEMA',
          join(path, shape.tag),
          `one of ${labels}`,
          label,
        );
      }
      return recordFromJson(branch.record, value, rules, path || shortName(branch.record.name), {
        [shape.tag]: branch.label,
      });
    }
    case 'array':
      if (!Array.isArray(value)) break;
      return value.map((item, i) => fromJson(shape.items, item, rules, `${path}[${i}]`));
    case 'map': {
      if (!isObject(value)) break;
      const entries: Record<string, unknown> = {};
      for (const key of Object.keys(value))
        setEntry(entries, key, fromJson(shape.values, value[key], rules, `${path}[${JSON.stringify(key)}]`));
      return entries;
    }
    case 'variant':
      for (const branch of shape.branches) {
        try {
          return fromJson(branch, value, rules, path);
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error;
        }
      }
      break;
    case 'custom': {
      const problem = shape.schema.validate(value);
      if (problem === undefined) return value;
      throw new DecodeError(`${path}: ${problem}`, { reason: 'SCHEMA', field: path });
    }
    default:
      return leafFromJson(shape, value, rules, path);
  }
  throw misfit(shape, value, path);
}

function recordFromJson(
  shape: RecordShape,
  value: Record<string, unknown>,
  rules: JsonRules,
  path: string,
  record: Record<string, unknown>,
): Record<string, unknown> {
  for (const field of shape.fields) {
    const name = jsonName(rules, field.name);
    record[field.name] = fieldFromJson(field, value[name], rules, join(path, field.name));
  }
  return record;
}

function fieldFromJson(field: FieldShape, value: unknown, rules: JsonRules, path: string): unknown {
  if (value === undefined && field.default !== undefined) return structuredClone(field.default.value);
  const inner = rules.names === PLAIN_JSON.names ? rules : { ...rules, names: PLAIN_JSON.names };
  return fromJson(field.shape, value, inner, path);
}

export function leafFromJson(shape: Shape, value: unknown, rules: JsonRules, path: string): unknown {
  switch (shape.kind) {
    case 'null':
      if (value === null || value === undefined) return null;
      break;
    case 'boolean':
      if (typeof value === 'boolean') return value;
      break;
    case 'string':
      if (typeof value === 'string') return value;
      break;
    case 'int':
    case 'long': {
      const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value;
      if (typeof number !== 'number') break;
      if (shape.kind === 'int' ? (number | 0) === number : Number.isSafeInteger(number)) return number + 0;
      throw fieldError(Number.isInteger(number) ? 'RANGE' : 'SCHEMA', path, describeShape(shape), value);
    }
    case 'float':
    case 'double':
      if (typeof value === 'number') return shape.kind === 'float' ? Math.fround(value) : value;
      if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
      break;
    case 'timestamp': {
      if (typeof value !== 'number' && typeof value !== 'string') break;
      const ms = typeof value === 'number' ? timestampOfNumber(value) : timestampOfText(value, rules.zone);
      if (!Number.isNaN(ms)) return ms;
      throw fieldError('TS_UNPARSEABLE', path, 'a time as epoch number or ISO-8601 with offset', value);
    }
    case 'bytes':
    case 'fixed': {
      if (typeof value !== 'string' || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) break;
      const bytes = Buffer.from(value, 'base64');
      if (shape.kind !== 'fixed' || bytes.length === shape.size) return bytes;
      break;
    }
    case 'decimal': {
      const units =
        typeof value === 'string' || typeof value === 'number' ? parseDecimal(String(value), shape.scale) : undefined;
      if (units === undefined) break;
      if (fitsPrecision(units, shape.precision)) return units;
      throw fieldError('RANGE', path, describeShape(shape), value);
    }
    case 'enumeration':
      if (typeof value === 'string' && shape.symbols.includes(value)) return value;
      break;
    default:
  }
  throw misfit(shape, value, path);
}

export function jsonName(rules: JsonRules, fieldName: string): string {
  return Object.hasOwn(rules.names, fieldName) ? rules.names[fieldName]! : fieldName;
}

function misfit(shape: Shape, value: unknown, path: string): DecodeError {
  return fieldError(
    value === undefined || value === null ? 'REQUIRED_MISSING' : 'SCHEMA',
    path,
    describeShape(shape),
    value,
  );
}

export function rootPath(shape: Shape): string {
  return shape.kind === 'record' ? shortName(shape.name) : '';
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
