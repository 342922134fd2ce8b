import type { DecodeFormat } from '../../../../operators/format/decode-format.ts';
import { lengthPrefixedAvro } from '../../../../operators/format/avro/length-prefixed-avro.ts';
import { NexmarkEvent } from '../../../../jobs/nexmark/schemas.ts';
import {
  type AuctionField,
  type BidField,
  type BidOf,
  type EventFields,
  type EventOf,
  eventSchema,
  type PersonField,
  pickFields,
} from '../../../../jobs/nexmark/source/event-schemas.ts';
import { Bid } from '../../../../jobs/nexmark/schemas.ts';
import type { Schema } from '../../../../state/schema/schema.ts';

/** A query as one hand-written loop would have it: plain `Map`s, events in order, no checkpoints. */
export interface QueryLoop {
  readonly format: DecodeFormat<unknown>;
  readonly start: () => RunningLoop<never>;
}

export interface RunningLoop<E> {
  event(event: E): void;
  /** The rows that stand at the end. */
  end(): number;
}

/** A loop over bids. */
export function bidLoop<K extends BidField>(fields: readonly K[], start: () => RunningLoop<BidOf<K>>): QueryLoop {
  return { format: formatOf(pickFields(Bid, fields) as unknown as Schema<unknown>), start };
}

/** A loop over several kinds of events. */
export function eventLoop<P extends PersonField = never, A extends AuctionField = never, B extends BidField = never>(
  fields: EventFields<P, A, B>,
  start: () => RunningLoop<EventOf<P, A, B>>,
): QueryLoop {
  return { format: formatOf(eventSchema(fields) as Schema<unknown>), start };
}

function formatOf(schema: Schema<unknown>): DecodeFormat<unknown> {
  return lengthPrefixedAvro(schema, { writer: NexmarkEvent.avro, otherBranches: 'skip' });
}

/** What a loop does with its rows: as the sink does, nothing. They are kept in a field so that they are made. */
export class Discard {
  row: unknown;
  count = 0;

  emit(row: unknown): void {
    this.row = row;
    this.count++;
  }
}
