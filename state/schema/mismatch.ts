import { describeShape, shortName, type RecordShape, type Shape } from './shape.ts';

/**
 * Why a value does not fit a shape, in one line (`Click.costMicros: expected long, found string "1"`), or undefined when
 * it fits. Properties that the shape does not know are ignored, as the encoder does.
 */
export function describeMismatch(shape: Shape, value: unknown, path: string = rootPath(shape)): string | undefined {
  switch (shape.kind) {
    case 'array':
      if (!Array.isArray(value)) break;
      for (let i = 0; i < value.length; i++) {
        const problem = describeMismatch(shape.items, value[i], `${path}[${i}]`);
        if (problem !== undefined) return problem;
      }
      return undefined;
    case 'map':
      if (!isObject(value)) break;
      for (const key of Object.keys(value)) {
        const problem = describeMismatch(shape.values, value[key], `${path}[${JSON.stringify(key)}]`);
        if (problem !== undefined) return problem;
      }
      return undefined;
    case 'optional':
      if (value === undefined || value === null) return undefined;
      return describeMismatch(shape.value, value, path);
    case 'record':
      if (!isObject(value)) break;
      return recordMismatch(shape, value, path);
    case 'union': {
      if (!isObject(value)) break;
      const label = value[shape.tag];
      const branch = shape.branches.find((candidate) => candidate.label === label);
      if (branch !== undefined) return recordMismatch(branch.record, value, path);
      const labels = shape.branches.map((candidate) => candidate.label).join(', ');
      return `${join(path, shape.tag)}: expected one of ${labels}, found ${describeValue(label)}`;
    }
    case 'variant':
      if (shape.branches.some((branch) => describeMismatch(branch, value, path) === undefined)) return undefined;
      break;
    case 'custom': {
      const problem = shape.schema.validate(value);
      return problem === undefined ? undefined : path === '' ? problem : `${path}: ${problem}`;
    }
    default:
      if (fitsLeaf(shape, value)) return undefined;
  }
  return `${path === '' ? '' : `${path}: `}expected ${describeShape(shape)}, found ${describeValue(value)}`;
}

function recordMismatch(shape: RecordShape, value: Record<string, unknown>, path: string): string | undefined {
  for (const field of shape.fields) {
    const problem = describeMismatch(field.shape, value[field.name], join(path, field.name));
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Whether a value fits a shape that holds no other shapes. */
export function fitsLeaf(shape: Shape, value: unknown): boolean {
  switch (shape.kind) {
    case 'null':
      return value === null || value === undefined;
    case 'boolean':
      return typeof value === 'boolean';
    case 'int':
      return typeof value === 'number' && (value | 0) === value;
    case 'long':
    case 'timestamp':
      return Number.isSafeInteger(value);
    case 'float':
    case 'double':
      return typeof value === 'number';
    case 'string':
      return typeof value === 'string';
    case 'bytes':
      return value instanceof Uint8Array;
    case 'fixed':
      return value instanceof Uint8Array && value.length === shape.size;
    case 'decimal':
      return typeof value === 'bigint' && fitsPrecision(value, shape.precision);
    case 'enumeration':
      return typeof value === 'string' && shape.symbols.includes(value);
    default:
      return false;
  }
}

/** Whether the digits of `units` fit into `precision` decimal places. */
export function fitsPrecision(units: bigint, precision: number): boolean {
  const bound = 10n ** BigInt(precision);
  return units < bound && units > -bound;
}

/** For messages: type and a short form of the value. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return 'nothing';
    case 'string':
      return `string ${JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value)}`;
    case 'number':
      return `number ${value}`;
    case 'bigint':
      return `bigint ${value}`;
    case 'boolean':
      return `${value}`;
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return `an array of ${value.length}`;
      if (value instanceof Uint8Array) return `${value.length} bytes`;
      return 'an object';
    default:
      return `a ${typeof value}`;
  }
}

function rootPath(shape: Shape): string {
  return shape.kind === 'record' ? shortName(shape.name) : '';
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
