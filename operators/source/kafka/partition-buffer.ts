import type { SourceOutput } from '../../../engine/task/source.ts';
import { RecordColumns } from '../../kafka/record-columns.ts';
import { type RecordSet, RecordSetCursor } from '../../kafka/record-set-cursor.ts';
import type { KafkaSplit } from './kafka-split.ts';
import { RecordEmitter } from './record-emitter.ts';
import type { RecordHandling } from './record-handling.ts';

/**
 * What is fetched of one partition and not yet handed out: record sets as the broker sent them, decoded batch by batch
 * when the job takes the records.
 *
 * Law: `position` is the offset behind the last record handed out or passed over, so that a restore at it neither loses
 * nor repeats a record.
 */
export class PartitionBuffer<T> {
  readonly split: KafkaSplit;
  /** Where the next fetch starts. */
  fetchOffset: number;
  /** Node that leads the partition, or -1 when it has to be looked up. */
  leaderId = -1;
  /** End of what this reader may see, as of the last fetch. */
  endOffset: number;
  /** Whether `endOffset` is the broker's answer. */
  isEndKnown = false;
  isPaused = false;
  /** Bytes fetched and not yet handed out; those of the set being read count until its end. */
  bufferedBytes = 0;
  #position: number;
  readonly #stoppingOffset: number;
  readonly #columns = new RecordColumns();
  readonly #emitter: RecordEmitter<T>;
  readonly #sets: RecordSet[] = [];
  #cursor: RecordSetCursor | undefined;
  #next = 0;
  #end = 0;

  constructor(split: KafkaSplit, handling: RecordHandling<T>) {
    this.split = split;
    this.fetchOffset = split.offset;
    this.endOffset = split.offset;
    this.#position = split.offset;
    this.#stoppingOffset = split.stoppingOffset ?? Number.POSITIVE_INFINITY;
    this.#emitter = new RecordEmitter(split, this.#columns, handling);
  }

  get position(): number {
    return this.#position;
  }

  /** Whether everything up to the stopping offset has been handed out. */
  get isFinished(): boolean {
    return this.#position >= this.#stoppingOffset;
  }

  /** Whether everything up to the stopping offset has been fetched. */
  get isFetched(): boolean {
    return this.fetchOffset >= this.#stoppingOffset;
  }

  /** Whether `emit` has something to do. */
  get hasData(): boolean {
    return this.#cursor !== undefined || this.#sets.length > 0;
  }

  /** Set when the next record waits for something from outside (a schema): resolves when `emit` can go on. */
  get waitingFor(): Promise<void> | undefined {
    return this.#emitter.waitingFor;
  }

  /** Makes the split known to the task before its first record: until then its watermark holds back all others. */
  open(output: SourceOutput<T>): void {
    this.#emitter.output ??= output.forSplit(this.split.splitId);
  }

  add(set: RecordSet): void {
    this.#sets.push(set);
    this.bufferedBytes += set.bytes.length;
  }

  /**
   * Hands out up to `countMax` records; `open` has been called.
   *
   * @returns how many were handed out or passed over.
   * @throws UserError RECORD when a record cannot be decoded and the source is to fail then.
   */
  emit(countMax: number): number {
    let emitted = 0;
    while (emitted < countMax && !this.isFinished && this.#hasRecord()) {
      const { offsets } = this.#columns;
      const end = Math.min(this.#end, this.#next + countMax - emitted);
      const start = this.#next;
      while (this.#next < end && this.#emitter.emit(this.#next)) {
        this.#position = offsets[this.#next]! + 1;
        this.#next++;
      }
      emitted += this.#next - start;
      if (this.#emitter.waitingFor !== undefined) break;
    }
    return emitted;
  }

  /** Makes a batch with a record at `#next` current; moves the position past what is not to be seen. */
  #hasRecord(): boolean {
    for (;;) {
      if (this.#next < this.#end) return true;
      // A batch may reach over the stopping offset.
      if (this.#end < this.#columns.count) this.#position = this.#stoppingOffset;
      if (this.isFinished) return false;
      if (this.#cursor === undefined) {
        const set = this.#sets[0];
        if (set === undefined) return false;
        this.#cursor = new RecordSetCursor(set);
      }
      this.#next = this.#cursor.next(this.#columns);
      if (this.#next >= 0) {
        this.#end = this.#columns.countBefore(this.#stoppingOffset);
        continue;
      }
      this.#position = Math.min(Math.max(this.#position, this.#cursor.nextOffset), this.#stoppingOffset);
      this.#next = 0;
      this.#end = 0;
      this.#columns.count = 0;
      this.#cursor = undefined;
      this.bufferedBytes -= this.#sets.shift()!.bytes.length;
    }
  }
}
