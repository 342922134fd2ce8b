import { parseDecimal } from '../../../state/schema/decimal.ts';
import { describeShape, type Shape } from '../../../state/schema/shape.ts';
import { DecodeError, fieldError } from '../decode-error.ts';
import { fromJson, leafFromJson, PLAIN_JSON, type JsonRules } from '../json/from-json.ts';

const TRUE = /^(true|t|yes|y|1)$/i;
const FALSE = /^(false|f|no|n|0)$/i;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/;

/**
 * The text of a CSV field as a value of a shape, checked. Numbers may have spaces around them. What JSON nests (arrays, maps,
 * records, unions) stands as JSON text.
 *
 * @throws DecodeError naming the field.
 */
export function fromText(shape: Shape, text: string, rules: JsonRules, path: string): unknown {
  switch (shape.kind) {
    case 'optional':
      return fromText(shape.value, text, rules, path);
    case 'string':
    case 'enumeration':
    case 'bytes':
    case 'fixed':
      return leafFromJson(shape, text, rules, path);
    case 'boolean':
      if (TRUE.test(text)) return true;
      if (FALSE.test(text)) return false;
      break;
    case 'int':
    case 'long':
    case 'float':
    case 'double': {
      const trimmed = text.trim();
      return leafFromJson(shape, NUMBER.test(trimmed) ? Number(trimmed) : trimmed, rules, path);
    }
    case 'timestamp':
      return leafFromJson(shape, text.trim(), rules, path);
    case 'decimal': {
      const trimmed = text.trim();
      if (parseDecimal(trimmed, shape.scale) === undefined) break;
      return leafFromJson(shape, trimmed, rules, path);
    }
    case 'null':
      if (text === '') return null;
      break;
    default: {
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch (cause) {
        throw new DecodeError(`${path}: expected ${describeShape(shape)} as JSON, found ${JSON.stringify(text)}`, {
          reason: 'SCHEMA',
          field: path,
          cause,
        });
      }
      return fromJson(shape, value, { ...rules, names: PLAIN_JSON.names }, path);
    }
  }
  throw fieldError('SCHEMA', path, describeShape(shape), text);
}
