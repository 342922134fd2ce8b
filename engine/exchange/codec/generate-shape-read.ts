import { Code } from '../../../state/schema/code.ts';
import { setEntry } from '../../../state/schema/interpret-read.ts';
import * as tags from './value-tags.ts';
import type { ValueReader } from './value-reader.ts';

/** Reads the values of an object's keys and makes the object. */
export type ShapeRead = (reader: ValueReader) => object;

/** `generateShapeRead` without generated code. */
export function interpretShapeRead(keys: readonly string[], hasPrototype: boolean, reader: ValueReader): object {
  const object = (hasPrototype ? {} : Object.create(null)) as Record<string, unknown>;
  for (let i = 0; i < keys.length; i++) setEntry(object, keys[i]!, reader.value());
  return object;
}

/**
 * Compiles the reading of a shape's objects; undefined where code generation is forbidden. All objects come from one
 * literal, with their keys in the sender's order, so they share a hidden class.
 */
export function generateShapeRead(keys: readonly string[], hasPrototype: boolean): ShapeRead | undefined {
  const code = new Code();
  code.line('const B = reader.buffer, V = reader.view; let p = reader.at;');
  for (let i = 0; i < keys.length; i++) {
    code.line(`let x${i}; switch (B[p]) {`);
    code.line(`case ${tags.INT32}: x${i} = V.getInt32(p + 1, true); p += 5; break;`);
    code.line(`case ${tags.DOUBLE}: x${i} = V.getFloat64(p + 1, true); p += 9; break;`);
    code.line(`case ${tags.SHORT_STRING}: x${i} = reader.cut(B[p + 1]); p += 2; break;`);
    code.line(`case ${tags.UNDEFINED}: p++; break;`);
    code.line(`case ${tags.NULL}: x${i} = null; p++; break;`);
    code.line(`case ${tags.TRUE}: x${i} = true; p++; break;`);
    code.line(`case ${tags.FALSE}: x${i} = false; p++; break;`);
    code.line(`default: reader.at = p; x${i} = reader.value(); p = reader.at; }`);
  }
  code.line('reader.at = p;');
  const prototype = hasPrototype ? [] : ['__proto__: null'];
  // In brackets, so that a key __proto__ is a key.
  const properties = keys.map((key, i) => `[${JSON.stringify(key)}]: x${i}`);
  const simple = keys.map((key, i) => `${JSON.stringify(key)}: x${i}`);
  const all = [...prototype, ...(keys.includes('__proto__') ? properties : simple)];
  code.line(`return { ${all.join(', ')} };`);
  return code.compile<ShapeRead>('readShape', 'reader', {});
}
