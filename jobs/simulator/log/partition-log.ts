import { RawRecord } from '../../attribution/raw-record.ts';
import { ArrivalOrder } from './arrival-order.ts';
import type { LogEntry, LogModel } from './log-model.ts';

/** One partition of a stream as it is read: records by offset, in the order in which they were logged. */
export class PartitionLog {
  readonly partition: number;
  readonly #model: LogModel;
  readonly #order: ArrivalOrder;
  readonly #encode: (entry: LogEntry) => Uint8Array;

  constructor(partition: number, model: LogModel, encode: (entry: LogEntry) => Uint8Array) {
    this.partition = partition;
    this.#model = model;
    this.#encode = encode;
    this.#order = new ArrivalOrder({
      arrivalMs: (slot) => model.arrivalMs(slot),
      displacementSlotsMax: Math.ceil((2 * model.displacementMsMax) / model.slotSpacingMs) + model.lookBackSlotsMax + 4,
    });
  }

  recordAt(offset: number): RawRecord {
    const entry = this.#model.entryOf(this.#order.slotAt(offset));
    return new RawRecord(this.#encode(entry), entry.receivedAtMs, this.partition, offset);
  }

  /** The record with all that the world knows about it. */
  entryAt(offset: number): LogEntry {
    return this.#model.entryOf(this.#order.slotAt(offset));
  }

  receivedAtMs(offset: number): number {
    return this.#order.arrivalAt(offset);
  }

  /** Number of records logged before `timeMs`: the offset of the first one that was not. */
  countBefore(timeMs: number): number {
    // Slots are evenly spread in time, so the place is nearly known: every look far away costs the sorting of a block.
    const { startMs, slotSpacingMs, displacementMsMax } = this.#model;
    const guess = (timeMs - startMs) / slotSpacingMs;
    const margin = displacementMsMax / slotSpacingMs + this.#model.lookBackSlotsMax + 1;
    let low = Math.max(0, Math.floor(guess - margin));
    while (low > 0 && this.receivedAtMs(low - 1) >= timeMs) low = Math.max(0, low - Math.ceil(margin));
    let high = Math.max(1, Math.ceil(guess + margin));
    while (this.receivedAtMs(high) < timeMs) high += Math.ceil(margin);
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.receivedAtMs(middle) < timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
