import type { ByteReader } from '../../engine/base/bytes.ts';
import { RecordError } from '../../engine/base/errors.ts';
import { readLength, readLong, skipLong, take } from './avro-binary.ts';
import { branchesOf, type Shape } from './shape.ts';

/** Moves past one value without making it. */
export function skipValue(reader: ByteReader, shape: Shape): void {
  switch (shape.kind) {
    case 'null':
      return;
    case 'boolean':
      take(reader, 1, 'a boolean');
      return;
    case 'int':
    case 'long':
    case 'timestamp':
    case 'enumeration':
      skipLong(reader);
      return;
    case 'float':
      take(reader, 4, 'a float');
      return;
    case 'double':
      take(reader, 8, 'a double');
      return;
    case 'string':
    case 'bytes':
      take(reader, readLength(reader), 'bytes');
      return;
    case 'fixed':
      take(reader, shape.size, 'bytes');
      return;
    case 'decimal':
      take(reader, shape.fixed?.size ?? readLength(reader), 'bytes');
      return;
    case 'array':
      skipBlocks(reader, shape.items, false);
      return;
    case 'map':
      skipBlocks(reader, shape.values, true);
      return;
    case 'optional':
    case 'union':
    case 'variant': {
      const index = readLong(reader);
      const branch = branchesOf(shape)![index];
      if (branch === undefined) throw new RecordError(`offset ${reader.offset}: there is no union branch ${index}`);
      skipValue(reader, branch);
      return;
    }
    case 'record':
      for (const field of shape.fields) skipValue(reader, field.shape);
      return;
    case 'custom':
      shape.schema.decode(reader);
  }
}

function skipBlocks(reader: ByteReader, items: Shape, hasKeys: boolean): void {
  for (;;) {
    let count = readLong(reader);
    if (count === 0) return;
    if (count < 0) {
      take(reader, readLength(reader), 'a block');
      continue;
    }
    for (; count > 0; count--) {
      if (hasKeys) take(reader, readLength(reader), 'a key');
      skipValue(reader, items);
    }
  }
}
