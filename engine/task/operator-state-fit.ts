import { fitKeySchema, fitSchema, type StateFit } from '../../state/keyed/state-fit.ts';
import type { AvroSchema, Schema } from '../../state/schema/schema.ts';
import type { OperatorStateSnapshot } from '../checkpoint/manifest.ts';

/** An operator state as the job declares it. */
export interface DeclaredOperatorState {
  readonly name: string;
  readonly mode: OperatorStateSnapshot['mode'];
  /** Broadcast state only. */
  readonly keySchema?: Schema<unknown> | undefined;
  readonly schema: Schema<unknown>;
}

/** Schemas of a stored operator state. */
export function storedSchemas(state: Pick<OperatorStateSnapshot, 'mode' | 'schema'>): {
  readonly keySchema?: AvroSchema | undefined;
  readonly schema: AvroSchema;
} {
  if (state.mode !== 'broadcast') return { schema: state.schema as AvroSchema };
  const [keySchema, schema] = state.schema as readonly [AvroSchema, AvroSchema];
  return { keySchema, schema };
}

/** Whether stored operator state can be read as declared. Pure. */
export function fitOperatorState(
  stored: Pick<OperatorStateSnapshot, 'mode' | 'schema'>,
  declared: DeclaredOperatorState,
): StateFit {
  if (stored.mode !== declared.mode) {
    const reason = `it was written as ${stored.mode}, the job reads it as ${declared.mode}`;
    return { kind: 'incompatible', reason, hint: 'Give the new state another name.' };
  }
  const { keySchema, schema } = storedSchemas(stored);
  if (keySchema !== undefined && declared.keySchema !== undefined) {
    const key = fitKeySchema(keySchema, declared.keySchema);
    if (key !== undefined)
      return { kind: 'incompatible', reason: key, hint: 'Keys never evolve: give the new state another name.' };
  }
  return fitSchema(schema, declared.schema);
}
