import { UserError } from '../../engine/base/errors.ts';
import type { RecordFields, RecordOf, RecordSchema } from './record.ts';
import type { Schema } from './schema.ts';
import { checkName, shortName, type RecordShape } from './shape.ts';
import { ShapeSchema, shapeOf } from './shape-schema.ts';

export type UnionBranches = Readonly<Record<string, RecordSchema<RecordFields>>>;

/** `{ kind: 'click', …Click } | { kind: 'view', …View }` */
export type UnionOf<K extends string, B> = {
  [L in keyof B]: B[L] extends RecordSchema<infer F>
    ? { [P in K]: L } & RecordOf<F> extends infer O
      ? { [P in keyof O]: O[P] }
      : never
    : never;
}[keyof B];

/**
 * One of several records, told apart by a property as TypeScript's discriminated unions are:
 * `union('kind', { click: Click, view: View })` has values `{ kind: 'click', clickId: … }`. The tag is not a field of the
 * records and takes no room: in Avro it is the branch.
 *
 * @throws UserError SCHEMA when a record has a field called like the tag, or two records have one name.
 */
export function union<K extends string, B extends UnionBranches>(tag: K, branches: B): Schema<UnionOf<K, B>> {
  checkName(tag, 'tag of a union');
  const names = new Set<string>();
  const parts = Object.entries(branches).map(([label, schema]) => {
    const shape = shapeOf(schema);
    if (shape.kind !== 'record')
      throw new UserError('SCHEMA', `union branch ${label}: expected a record, found ${shape.kind}`);
    if (shape.fields.some((field) => field.name === tag)) {
      throw new UserError(
        'SCHEMA',
        `union branch ${label}: record ${shape.name} has a field ${tag}, which is the tag of the union`,
      );
    }
    const name = shortName(shape.name);
    if (names.has(name)) throw new UserError('SCHEMA', `union branch ${label}: two records are called ${name}`);
    names.add(name);
    return { label, record: shape satisfies RecordShape };
  });
  if (parts.length === 0) throw new UserError('SCHEMA', 'union: expected at least one branch, found none');
  return new ShapeSchema<UnionOf<K, B>>({ kind: 'union', tag, branches: parts });
}
