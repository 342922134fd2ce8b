import type { AvroSchema } from '../schema/schema.ts';
import type { StateDescriptor, StateTtl } from './state.ts';

/** How a state's slots are written. As it stands in the header of state files and in the manifest. */
export interface StateFormat {
  readonly name: string;
  readonly kind: StateDescriptor['kind'];
  readonly isNamespaced: boolean;
  /** Whether every value carries a timestamp for time-to-live. */
  readonly hasTtl: boolean;
  /** The clock of those timestamps. Undefined: that of whoever reads them. */
  readonly ttlTimeDomain?: StateTtl['timeDomain'] | undefined;
  /** Map states only. */
  readonly keySchema?: AvroSchema | undefined;
  readonly schema: AvroSchema;
  /** A job since no longer had the state: its slots are passed over for good. */
  readonly isDropped?: true | undefined;
}

/** How pages are written: a slot's index is its place in this list. Every page names its format by a number. */
export type PageFormat = readonly StateFormat[];

export function formatOf(descriptor: StateDescriptor): StateFormat {
  return {
    name: descriptor.name,
    kind: descriptor.kind,
    isNamespaced: descriptor.isNamespaced === true,
    hasTtl: descriptor.ttl !== undefined,
    ttlTimeDomain: descriptor.ttl?.timeDomain,
    keySchema: descriptor.kind === 'map' ? descriptor.keySchema.avro : undefined,
    schema: descriptor.schema.avro,
  };
}

/** A format in which some states are dropped. */
export function withoutStates(format: PageFormat, names: readonly string[]): PageFormat {
  return format.map((state) => (names.includes(state.name) ? { ...state, isDropped: true } : state));
}

/** Equal text means equal format. */
export function formatText(format: PageFormat): string {
  return JSON.stringify(format);
}
