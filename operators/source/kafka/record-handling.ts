import type { Counter } from '../../../engine/base/metrics.ts';
import type { DecodeFormat } from '../../format/decode-format.ts';
import type { LookUps } from './look-ups.ts';
import type { UndecodableRecord } from './kafka-source-options.ts';
import type { KafkaRecordView } from './kafka-record-view.ts';

/** What becomes of a record: how it is decoded, and what happens when it cannot be. */
export interface RecordHandling<T> {
  /** One of the two is set, or both: then the format's value is given to `createRecord`. */
  readonly format: DecodeFormat<unknown> | undefined;
  readonly createRecord: ((record: KafkaRecordView, value: unknown) => T) | undefined;
  /** For formats that need something from outside. */
  readonly lookUps: LookUps;
  /** Undefined: fail. */
  readonly onError: ((record: UndecodableRecord) => T) | undefined;
  readonly isTombstoneSkipped: boolean;
  /** Records passed over because their value is null. */
  readonly tombstones: Counter;
  /** Records handed to `onError`. */
  readonly undecodable: Counter;
}
