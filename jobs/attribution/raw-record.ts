import { NO_TIMESTAMP } from '../../engine/time/timestamps.ts';
import type { BidRequestWire } from './bid-request-wire.ts';
import type { RowError } from './parse/row-error.ts';

/** A row as the transport gave it: the bytes, and where and when it was taken in. */
export class RawRecord {
  readonly bytes: Uint8Array;
  /** Append time at the transport, milliseconds; NO_TIMESTAMP when unknown. */
  readonly receivedAtMs: number;
  /** Kafka partition, or number of the file. */
  readonly partition: number;
  /** Position in the partition: Kafka offset, or record number in the file. */
  readonly offset: number;
  /**
   * What the source has decoded already, with a schema from a registry, or why it could not. Undefined: nothing, the gate
   * decodes the bytes.
   */
  readonly decoded: BidRequestWire | RowError | undefined;

  constructor(
    bytes: Uint8Array,
    receivedAtMs: number = NO_TIMESTAMP,
    partition: number = 0,
    offset: number = 0,
    decoded?: BidRequestWire | RowError,
  ) {
    this.bytes = bytes;
    this.receivedAtMs = receivedAtMs;
    this.partition = partition;
    this.offset = offset;
    this.decoded = decoded;
  }
}
