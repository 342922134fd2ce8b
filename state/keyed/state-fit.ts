import { UserError } from '../../engine/base/errors.ts';
import { schemaChanges } from '../schema/schema-changes.ts';
import { canResolve } from '../schema/resolver.ts';
import type { AvroSchema, Schema } from '../schema/schema.ts';
import type { StateFormat } from './state-format.ts';
import type { StateDescriptor } from './state.ts';

/** How stored state goes with a declaration of today. */
export type StateFit =
  | { readonly kind: 'same' }
  /** Readable by Avro's rules; `changes` says what differs, one short text each. */
  | { readonly kind: 'resolved'; readonly changes: readonly string[] }
  | { readonly kind: 'incompatible'; readonly reason: string; readonly hint: string };

const SAME: StateFit = { kind: 'same' };
const HINT_KIND = 'Give the new state another name, or restore with the kind it was stored as.';
const HINT_SCHEMA =
  'Fields may be added with a default, removed, reordered or widened (int, long, double); anything else needs a new name.';
const HINT_KEY = 'Keys never evolve: give the state with the new keys another name.';

/** Whether stored slots can be read as a declared keyed state. Pure. */
export function fitKeyedState(stored: StateFormat, declared: StateDescriptor): StateFit {
  const isNamespaced = declared.isNamespaced === true;
  if (stored.kind !== declared.kind || stored.isNamespaced !== isNamespaced) {
    const expected = describeKind(declared.kind, isNamespaced);
    const found = describeKind(stored.kind, stored.isNamespaced);
    const reason = `expected ${expected} state, found stored ${found} state`;
    return { kind: 'incompatible', reason, hint: HINT_KIND };
  }
  if (declared.kind === 'map' && stored.keySchema !== undefined) {
    const key = fitKeySchema(stored.keySchema, declared.keySchema as Schema<unknown>);
    if (key !== undefined) return { kind: 'incompatible', reason: key, hint: HINT_KEY };
  }
  const fit = fitSchema(stored.schema, declared.schema);
  const ttlChange = ttlChangeOf(stored, declared);
  if (fit.kind === 'incompatible' || ttlChange === undefined) return fit;
  return { kind: 'resolved', changes: [...(fit.kind === 'resolved' ? fit.changes : []), ttlChange] };
}

function ttlChangeOf(stored: StateFormat, { ttl }: StateDescriptor): string | undefined {
  if (stored.hasTtl !== (ttl !== undefined)) return stored.hasTtl ? 'time-to-live removed' : 'time-to-live added';
  const { ttlTimeDomain } = stored;
  if (ttl === undefined || ttlTimeDomain === undefined || ttlTimeDomain === ttl.timeDomain) return undefined;
  return `time-to-live: ${TIME_TEXTS[ttlTimeDomain]} → ${TIME_TEXTS[ttl.timeDomain]}`;
}

const TIME_TEXTS = { eventTime: 'event time', processingTime: 'processing time' } as const;

/** Whether values written with one schema can be read with another. Pure. */
export function fitSchema(stored: AvroSchema, declared: Schema<unknown>): StateFit {
  if (JSON.stringify(stored) === JSON.stringify(declared.avro)) return SAME;
  const reason = canResolve(stored, declared);
  if (reason !== undefined) return { kind: 'incompatible', reason, hint: HINT_SCHEMA };
  return { kind: 'resolved', changes: schemaChanges(stored, declared) };
}

/**
 * Why the keys of a stored map cannot be those declared, or undefined. Keys must stay what they are, as they are looked up
 * by their value; only integers may widen, which changes no number.
 */
export function fitKeySchema(stored: AvroSchema, declared: Schema<unknown>): string | undefined {
  const from = schemaText(stored);
  const to = schemaText(declared.avro);
  if (from === to) return undefined;
  if (WIDENINGS[from]?.includes(to) === true) return undefined;
  return `the map's keys were written as ${from}, the job reads them as ${to}`;
}

const WIDENINGS: Readonly<Record<string, readonly string[]>> = {
  '"int"': ['"long"', '"double"'],
  '"long"': ['"double"'],
};

/** The schema without what does not change how values are written. */
function schemaText(schema: AvroSchema): string {
  return JSON.stringify(schema, (name, value: unknown) => (name === 'doc' || name === 'aliases' ? undefined : value));
}

/** The error for stored state that does not fit, with both schemas. */
export function incompatibleState(
  subject: string,
  fit: Extract<StateFit, { readonly kind: 'incompatible' }>,
  schemas: { readonly stored: unknown; readonly declared: unknown },
): UserError {
  return new UserError('STATE_INCOMPATIBLE', incompatibleText(subject, fit.reason, schemas), { hint: fit.hint });
}

/** Three lines: what does not fit, the stored schema, the declared one. */
export function incompatibleText(
  subject: string,
  reason: string,
  schemas: { readonly stored: unknown; readonly declared: unknown },
): string {
  return `${subject}: ${reason}\n  stored:   ${JSON.stringify(schemas.stored)}\n  declared: ${JSON.stringify(schemas.declared)}`;
}

function describeKind(kind: string, isNamespaced: boolean): string {
  return `${kind}${isNamespaced ? ' per namespace' : ''}`;
}

/** What is shown of a state's schemas: the value's, and for a map the key's before it. */
export function shownSchema(state: {
  readonly keySchema?: AvroSchema | undefined;
  readonly schema: AvroSchema;
}): unknown {
  return state.keySchema === undefined ? state.schema : { key: state.keySchema, value: state.schema };
}
