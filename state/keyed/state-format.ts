import type { AvroSchema } from '../schema/schema.ts';
import type { StateDescriptor } from './state.ts';

/** How a state's slots are written. As it stands in the header of state files and in the manifest. */
export interface StateFormat {
  readonly name: string;
  readonly kind: StateDescriptor['kind'];
  readonly isNamespaced: boolean;
  /** Whether every value carries a timestamp for time-to-live. */
  readonly hasTtl: boolean;
  /** Map states only. */
  readonly keySchema?: AvroSchema | undefined;
  readonly schema: AvroSchema;
}

/** How pages are written: a slot's index is its place in this list. Every page names its format by a number. */
export type PageFormat = readonly StateFormat[];

export function formatOf(descriptor: StateDescriptor): StateFormat {
  return {
    name: descriptor.name,
    kind: descriptor.kind,
    isNamespaced: descriptor.isNamespaced === true,
    hasTtl: descriptor.ttl !== undefined,
    keySchema: descriptor.kind === 'map' ? descriptor.keySchema.avro : undefined,
    schema: descriptor.schema.avro,
  };
}

/** Equal text means equal format. */
export function formatText(format: PageFormat): string {
  return JSON.stringify(format);
}
