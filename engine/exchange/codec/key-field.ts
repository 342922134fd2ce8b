import { Code } from '../../../state/schema/code.ts';
import type { Key } from '../../../state/keyed/key.ts';

/** Keys that are the value of one field of their records need not be sent: the field's name does. */
export interface KeyField {
  readonly name: string;
  /** Whether each of `keys[from, to)` is the value of that field of the object in `values` at the same place. */
  readonly isKeyOf: (values: readonly unknown[], keys: readonly Key[], from: number, to: number) => boolean;
  /** Sets `keys[from, to)` from the objects in `values`. */
  readonly read: (values: readonly unknown[], keys: Key[], from: number, to: number) => void;
}

/** The field of a record whose value is its key, if there is one. */
export function findKeyField(record: unknown, key: Key): string | undefined {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return undefined;
  for (const name of Object.keys(record)) {
    if ((record as Readonly<Record<string, unknown>>)[name] === key) return name;
  }
  return undefined;
}

export function createKeyField(name: string, maySpecialize: boolean): KeyField {
  const interpreted: KeyField = {
    name,
    isKeyOf(values, keys, from, to) {
      for (let i = from; i < to; i++) {
        const value = values[i] as Readonly<Record<string, unknown>> | null;
        if (typeof value !== 'object' || value === null || value[name] !== keys[i]) return false;
      }
      return true;
    },
    read(values, keys, from, to) {
      for (let i = from; i < to; i++) keys[i] = (values[i] as Readonly<Record<string, Key>>)[name]!;
    },
  };
  if (!maySpecialize) return interpreted;
  const field = `[${JSON.stringify(name)}]`;
  const check = new Code();
  check.line(`for (let i = from; i < to; i++) { const value = values[i];`);
  check.line(
    `if (typeof value !== 'object' || value === null || value${field} !== keys[i]) return false; } return true;`,
  );
  const read = new Code();
  read.line(`for (let i = from; i < to; i++) keys[i] = values[i]${field};`);
  const parameters = 'values, keys, from, to';
  return {
    name,
    isKeyOf: check.compile<KeyField['isKeyOf']>('isKeyOf', parameters, {}) ?? interpreted.isKeyOf,
    read: read.compile<KeyField['read']>('readKeys', parameters, {}) ?? interpreted.read,
  };
}
