import type { Namespace } from '../../state/keyed/key.ts';
import type { StateDescriptor } from '../../state/keyed/state.ts';
import type { Schema } from '../../state/schema/schema.ts';
import { shapeOf } from '../../state/schema/shape-schema.ts';
import { toJson } from '../../state/schema/to-json.ts';
import type { Json } from '../task/source.ts';

/**
 * Contents of a state (see `ContentsOf`) as JSON, values as the JSON format writes them: bytes as base64, decimals as text,
 * timestamps as epoch milliseconds. Maps with string keys are objects, others lists of `{ key, value }`; what is kept per
 * namespace is a list of `{ namespace, value }`. Null when there is nothing.
 */
export function contentsToJson(descriptor: StateDescriptor, contents: unknown): Json {
  if (contents === undefined) return null;
  if (descriptor.isNamespaced !== true) return contentToJson(descriptor, contents);
  return [...(contents as ReadonlyMap<Namespace, unknown>)].map(([namespace, content]) => ({
    namespace,
    value: contentToJson(descriptor, content),
  }));
}

/** The same of one namespace. */
export function contentToJson(descriptor: StateDescriptor, content: unknown): Json {
  if (content === undefined) return null;
  const { schema } = descriptor;
  switch (descriptor.kind) {
    case 'list':
      return (content as readonly unknown[]).map((element) => valueToJson(schema, element));
    case 'map': {
      const entries = [...(content as ReadonlyMap<unknown, unknown>)].map(([key, value]) => ({
        key: valueToJson(descriptor.keySchema, key),
        value: valueToJson(schema, value),
      }));
      const isObject = entries.every(({ key }) => typeof key === 'string');
      return isObject ? Object.fromEntries(entries.map(({ key, value }) => [key as string, value])) : entries;
    }
    default:
      return valueToJson(schema, content);
  }
}

export function valueToJson(schema: Schema<unknown>, value: unknown): Json {
  return (toJson(shapeOf(schema), value, false, {}) ?? null) as Json;
}
