import type { Schema } from '../schema/schema.ts';
import { keyTextOf } from './create-slot-codec.ts';
import { PagedAggregatingState, PagedReducingState } from './folding-state.ts';
import type { LargeFactory } from './large-factory.ts';
import { PagedListState, TtlListState } from './list-state.ts';
import { GeneralMapState, PagedMapState } from './map-state.ts';
import type { PageCursor } from './page.ts';
import { NamespacedSlot, PlainSlot, type SlotAccess } from './slot-access.ts';
import type { NamespacedState, State, StateDescriptor } from './state.ts';
import { TtlClock, type ScheduleExpiry } from './ttl-clock.ts';
import { PagedValueState, TtlValueState } from './value-state.ts';

export interface HandleContext {
  readonly cursor: PageCursor;
  /** The state's slot in every page. */
  readonly index: number;
  readonly large: LargeFactory;
  readonly schedule: ScheduleExpiry;
}

/** The handle through which user code reads and writes a declared state. */
export function createStateHandle(descriptor: StateDescriptor, context: HandleContext): State & NamespacedState {
  const { name } = descriptor;
  const { cursor, index, large, schedule } = context;
  const slot: SlotAccess =
    descriptor.isNamespaced === true ? new NamespacedSlot(cursor, index, name) : new PlainSlot(cursor, index, name);
  const ttl = descriptor.ttl === undefined ? undefined : new TtlClock(descriptor.ttl, cursor, schedule);
  switch (descriptor.kind) {
    case 'value':
      return ttl === undefined ? new PagedValueState(slot, name) : new TtlValueState(slot, name, ttl);
    case 'list':
      return ttl === undefined ? new PagedListState(slot, large) : new TtlListState(slot, large, ttl);
    case 'map': {
      const keyText = keyTextOf(descriptor.keySchema as Schema<unknown>);
      if (ttl === undefined && keyText === undefined) return new PagedMapState(slot, large, name);
      return new GeneralMapState(slot, { name, keyText, ttl, large });
    }
    case 'reducing':
      return new PagedReducingState(descriptor, slot, ttl);
    case 'aggregating':
      return new PagedAggregatingState(descriptor, slot, ttl);
  }
}
