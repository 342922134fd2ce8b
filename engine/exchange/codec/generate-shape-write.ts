import { Code } from '../../../state/schema/code.ts';
import type { ObjectShape, ShapeWrite } from './object-shape.ts';
import * as tags from './value-tags.ts';
import type { ValueWriter } from './value-writer.ts';

const OBJECT_PROTOTYPE: object = Object.prototype;
/** A number or the head of a string, at most. */
const VALUE_BYTES_MAX = 9;

/** `generateShapeWrite` without generated code; the bytes are the same. */
export function interpretShapeWrite(
  shape: ObjectShape,
  writer: ValueWriter,
  value: object,
  isChecked: boolean,
): boolean {
  const { id, keys, sites } = shape;
  if (!isChecked && !isOfShape(shape, value)) return false;
  writer.ensure(3);
  if (id < tags.TAGGED_SHAPES) {
    writer.buffer[writer.at++] = tags.FIRST_SHAPE + id;
  } else {
    writer.buffer[writer.at] = tags.OBJECT;
    writer.view.setUint16(writer.at + 1, id, true);
    writer.at += 3;
  }
  for (let i = 0; i < keys.length; i++) {
    writer.value((value as Readonly<Record<string, unknown>>)[keys[i]!], sites[i]!);
  }
  return true;
}

function isOfShape({ keys, hasPrototype }: ObjectShape, value: object): boolean {
  if (Object.getPrototypeOf(value) !== (hasPrototype ? OBJECT_PROTOTYPE : null)) return false;
  let i = 0;
  for (const key in value) if (key !== keys[i++]) return false;
  return i === keys.length;
}

/**
 * Compiles the writing of a shape's objects; undefined where code generation is forbidden.
 *
 * Numbers, short strings, booleans, undefined and null are written in line, on local copies of the writer's fields; all else
 * by the writer. Walking through the keys of an object costs a pointer comparison a key: V8 keeps them with its hidden class.
 */
export function generateShapeWrite(shape: ObjectShape): ShapeWrite | undefined {
  const { id, keys, sites, hasPrototype } = shape;
  const code = new Code();
  code.line('if (!isChecked) {');
  code.line(`if (getPrototypeOf(value) !== ${hasPrototype ? 'OBJECT_PROTOTYPE' : 'null'}) return false;`);
  code.line('let i = 0; for (const key in value) if (key !== KEYS[i++]) return false;');
  code.line(`if (i !== ${keys.length}) return false; }`);
  code.line(`writer.ensure(${3 + keys.length * VALUE_BYTES_MAX});`);
  code.line('let B = writer.buffer, V = writer.view, p = writer.at, x;');
  if (id < tags.TAGGED_SHAPES) code.line(`B[p++] = ${tags.FIRST_SHAPE + id};`);
  else code.line(`B[p] = ${tags.OBJECT}; V.setUint16(p + 1, ${id}, true); p += 3;`);
  for (let i = 0; i < keys.length; i++) {
    const rest = (keys.length - i - 1) * VALUE_BYTES_MAX;
    code.line(`x = value[${JSON.stringify(keys[i])}];`);
    code.line(`if (typeof x === 'number') {`);
    code.line(`if ((x | 0) === x && (x !== 0 || 1 / x > 0)) {`);
    code.line(`B[p] = ${tags.INT32}; V.setInt32(p + 1, x, true); p += 5; }`);
    code.line(`else { B[p] = ${tags.DOUBLE}; V.setFloat64(p + 1, x, true); p += 9; } }`);
    code.line(`else if (typeof x === 'string' && x.length < 256 && !(writer.isLooking && NOT_LATIN1.test(x))) {`);
    code.line(`B[p] = ${tags.SHORT_STRING}; B[p + 1] = x.length; p += 2; writer.text += x; }`);
    code.line(`else if (x === true) B[p++] = ${tags.TRUE};`);
    code.line(`else if (x === false) B[p++] = ${tags.FALSE};`);
    code.line(`else if (x === undefined) B[p++] = ${tags.UNDEFINED};`);
    code.line(`else if (x === null) B[p++] = ${tags.NULL};`);
    code.line(`else { writer.at = p; writer.value(x, ${code.constant(sites[i])});`);
    code.line(`writer.ensure(${rest}); B = writer.buffer; V = writer.view; p = writer.at; }`);
  }
  code.line('writer.at = p; return true;');
  return code.compile<ShapeWrite>('writeShape', 'writer, value, isChecked', {
    KEYS: keys,
    OBJECT_PROTOTYPE,
    NOT_LATIN1: tags.NOT_LATIN1,
    getPrototypeOf: Object.getPrototypeOf,
  });
}
