import { UserError } from '../../engine/base/errors.ts';
import type { Schema } from './schema.ts';
import { checkFullName, checkName } from './shape.ts';
import { ShapeSchema } from './shape-schema.ts';

export interface EnumerationOptions {
  /** Name of the Avro type. Default: record and field that hold it, as `Click_kind`. */
  readonly name?: string | undefined;
}

/** One of a few strings, stored as its number: `enumeration(['click', 'view'])`. Symbols may be appended later, never reordered in meaning. */
export function enumeration<const S extends string>(
  symbols: readonly S[],
  options: EnumerationOptions = {},
): Schema<S> {
  if (symbols.length === 0) throw new UserError('SCHEMA', 'enumeration: expected at least one symbol, found none');
  for (const symbol of symbols) checkName(symbol, 'enumeration symbol');
  if (new Set(symbols).size !== symbols.length)
    throw new UserError('SCHEMA', `enumeration: expected different symbols, found ${symbols.join(', ')}`);
  if (options.name !== undefined) checkFullName(options.name, 'enumeration name');
  return new ShapeSchema<S>({ kind: 'enumeration', name: options.name, symbols, aliases: [] });
}
