import type { ByteReader, ByteWriter } from '../../engine/base/bytes.ts';
import { assert } from '../../engine/base/assert.ts';
import { CheckpointCorruptError, RecordError, UserError } from '../../engine/base/errors.ts';
import { createSlotCodec } from './create-slot-codec.ts';
import { LargeContext, LargeFactory } from './large-factory.ts';
import { PageTimers } from './page-timers.ts';
import { type Page, PageCursor, PENDING_KEY } from './page.ts';
import type { SlotCodec } from './slot-codec.ts';
import { formatOf, formatText, type PageFormat } from './state-format.ts';
import type { StateDescriptor } from './state.ts';
import { readVarint, writeVarint } from './varint.ts';

/*
 * Page, version 1.
 *   u8      number of the page's format
 *   u8      flags
 *   timers  event time          when FLAG_EVENT_TIMERS
 *   timers  processing time     when FLAG_PROCESSING_TIMERS
 *   f64     eventExpiryAtMs     when FLAG_EVENT_EXPIRY
 *   f64     processingExpiryAtMs when FLAG_PROCESSING_EXPIRY
 *   varint  slots that are not empty; per slot
 *     varint  state index in the format
 *     u32     byte length, but for the last slot, which ends with the page
 *     bytes   the slot
 */
const FLAG_EVENT_TIMERS = 1;
const FLAG_PROCESSING_TIMERS = 2;
const FLAG_EVENT_EXPIRY = 4;
const FLAG_PROCESSING_EXPIRY = 8;

/** Formats per backend at most; each restored job version brings one. */
export const PAGE_FORMATS_MAX = 255;

interface SlotReader {
  /** Slot of the page; -1: the state is no longer declared, its bytes are skipped. */
  readonly index: number;
  readonly codec: SlotCodec | undefined;
}

/** Writes pages in the current format, reads them in all formats known. States are declared before the first page. */
export class PageCodec {
  readonly #operatorUid: string;
  readonly #descriptors: StateDescriptor[] = [];
  readonly #codecs: SlotCodec[] = [];
  readonly #formats: PageFormat[] = [];
  readonly #readers: (readonly SlotReader[] | undefined)[] = [];
  readonly #large: LargeFactory[] = [];
  readonly #largeContext: LargeContext;
  #currentFormat = -1;

  constructor(operatorUid: string, largeContext: LargeContext = new LargeContext(new PageCursor())) {
    this.#operatorUid = operatorUid;
    this.#largeContext = largeContext;
  }

  get codecs(): readonly SlotCodec[] {
    return this.#codecs;
  }

  get formats(): readonly PageFormat[] {
    return this.#formats;
  }

  /** Number of the format with which pages are written now. */
  get currentFormat(): number {
    if (this.#currentFormat < 0) this.#currentFormat = this.addFormat(this.#descriptors.map(formatOf));
    return this.#currentFormat;
  }

  get descriptors(): readonly StateDescriptor[] {
    return this.#descriptors;
  }

  /** States of the formats known that are not declared. */
  get droppedStates(): readonly string[] {
    const names = this.#formats.flatMap((format) => format.flatMap(({ name, isDropped }) => (isDropped ? [] : [name])));
    return [...new Set(names)].filter((name) => this.#indexOf(name) < 0);
  }

  /** Adds a state and returns its index. */
  declare(descriptor: StateDescriptor): number {
    const subject = `operator ${this.#operatorUid}`;
    if (this.#currentFormat >= 0) {
      throw new UserError('JOB_DEFINITION', `${subject}: state ${descriptor.name} is declared after the first record`, {
        hint: 'Declare every state in open(), or in the states of the process function.',
      });
    }
    if (this.#indexOf(descriptor.name) >= 0) {
      throw new UserError('JOB_DEFINITION', `${subject}: two states are named ${descriptor.name}`);
    }
    const format = formatOf(descriptor);
    const context = {
      operatorUid: this.#operatorUid,
      large: new LargeFactory(this.#largeContext, this.#descriptors.length),
    };
    const codec = createSlotCodec(descriptor, format, context);
    // Stored state that does not fit is refused now, not at the first page that has it.
    for (const stored of this.#formats) {
      const same = stored.find((state) => state.name === descriptor.name && state.isDropped !== true);
      if (same !== undefined) createSlotCodec(descriptor, same, context);
    }
    this.#descriptors.push(descriptor);
    this.#codecs.push(codec);
    this.#large.push(context.large);
    return this.#descriptors.length - 1;
  }

  /** How large contents of a state are split off. */
  largeOf(index: number): LargeFactory {
    return this.#large[index]!;
  }

  /** The number of a format, known or new. */
  addFormat(format: PageFormat): number {
    const text = formatText(format);
    const known = this.#formats.findIndex((other) => formatText(other) === text);
    if (known >= 0) return known;
    assert(this.#formats.length < PAGE_FORMATS_MAX, () => `more than ${PAGE_FORMATS_MAX} page formats`);
    return this.#formats.push(format) - 1;
  }

  write(writer: ByteWriter, page: Page): void {
    const { slots, eventTimers, processingTimers } = page;
    let flags = 0;
    if (eventTimers.count > 0) flags |= FLAG_EVENT_TIMERS;
    if (processingTimers.count > 0) flags |= FLAG_PROCESSING_TIMERS;
    if (page.eventExpiryAtMs !== Infinity) flags |= FLAG_EVENT_EXPIRY;
    if (page.processingExpiryAtMs !== Infinity) flags |= FLAG_PROCESSING_EXPIRY;
    const at = writer.reserve(2);
    writer.buffer[at] = this.#currentFormat;
    writer.buffer[at + 1] = flags;
    if ((flags & FLAG_EVENT_TIMERS) !== 0) eventTimers.write(writer);
    if ((flags & FLAG_PROCESSING_TIMERS) !== 0) processingTimers.write(writer);
    if ((flags & FLAG_EVENT_EXPIRY) !== 0) writer.f64(page.eventExpiryAtMs);
    if ((flags & FLAG_PROCESSING_EXPIRY) !== 0) writer.f64(page.processingExpiryAtMs);
    let present = 0;
    let last = -1;
    for (let i = 0; i < slots.length; i++) {
      if (slots[i] === undefined) continue;
      present++;
      last = i;
    }
    writeVarint(writer, present);
    let i = 0;
    try {
      for (; i <= last; i++) {
        const slot = slots[i];
        if (slot === undefined) continue;
        writeVarint(writer, i);
        if (i === last) {
          this.#codecs[i]!.write(writer, slot);
        } else {
          const lengthAt = writer.reserve(4);
          this.#codecs[i]!.write(writer, slot);
          writer.view.setUint32(lengthAt, writer.length - lengthAt - 4, true);
        }
      }
    } catch (error) {
      throw error instanceof RecordError ? this.#placed(error, page, i) : error;
    }
  }

  /** Says where the value is that does not fit its schema. */
  #placed(error: RecordError, { key }: Page, index: number): RecordError {
    const atKey = key === PENDING_KEY ? '' : `, key ${typeof key === 'string' ? JSON.stringify(key) : String(key)}`;
    return new RecordError(
      `state '${this.#descriptors[index]!.name}' of '${this.#operatorUid}'${atKey}: ${error.message}`,
      { cause: error, hint: "What a function puts into state must fit the state's schema." },
    );
  }

  /** Fills a new page from the bytes at the reader's offset. */
  read(reader: ByteReader, page: Page): void {
    const format = reader.u8();
    const flags = reader.u8();
    this.#largeContext.page = page;
    if ((flags & FLAG_EVENT_TIMERS) !== 0) page.ownTimers(true).read(reader);
    if ((flags & FLAG_PROCESSING_TIMERS) !== 0) page.ownTimers(false).read(reader);
    if ((flags & FLAG_EVENT_EXPIRY) !== 0) page.eventExpiryAtMs = reader.f64();
    if ((flags & FLAG_PROCESSING_EXPIRY) !== 0) page.processingExpiryAtMs = reader.f64();
    const present = readVarint(reader);
    if (format === this.#currentFormat) {
      for (let i = 1; i <= present; i++) {
        const index = readVarint(reader);
        if (i < present) reader.offset += 4;
        page.slots[index] = this.#codecs[index]!.read(reader);
      }
      return;
    }
    const readers = this.#readersOf(format);
    for (let i = 1; i <= present; i++) {
      const { index, codec } = readers[readVarint(reader)]!;
      const byteCount = i < present ? reader.u32() : 0;
      if (codec !== undefined) page.slots[index] = codec.read(reader);
      else reader.offset += byteCount;
    }
  }

  #indexOf(name: string): number {
    return this.#descriptors.findIndex((descriptor) => descriptor.name === name);
  }

  #readersOf(format: number): readonly SlotReader[] {
    const known = this.#readers[format];
    if (known !== undefined) return known;
    const states = this.#formats[format];
    if (states === undefined)
      throw new CheckpointCorruptError(`a page names format ${format}, of ${this.#formats.length} known`);
    const readers = states.map((state): SlotReader => {
      const index = state.isDropped === true ? -1 : this.#indexOf(state.name);
      if (index < 0) return { index, codec: undefined };
      const context = { operatorUid: this.#operatorUid, large: this.#large[index]! };
      return { index, codec: createSlotCodec(this.#descriptors[index]!, state, context) };
    });
    this.#readers[format] = readers;
    return readers;
  }
}

/** What of a page a restore needs to know without decoding it. */
export interface PageHead {
  eventTimerCount: number;
  processingTimerCount: number;
  /** Where the time indexes must hold the page; Infinity: not at all. */
  eventIndexedAtMs: number;
  processingIndexedAtMs: number;
  eventExpiryAtMs: number;
  processingExpiryAtMs: number;
}

/** Whether the page that starts at `offset` has timers. */
export function hasTimers(buffer: Buffer, offset: number): boolean {
  return (buffer[offset + 1]! & (FLAG_EVENT_TIMERS | FLAG_PROCESSING_TIMERS)) !== 0;
}

/** Reads the head of the page at the reader's offset. */
export function readPageHead(reader: ByteReader, head: PageHead): void {
  reader.u8();
  const flags = reader.u8();
  SCRATCH_TIMERS.clear();
  if ((flags & FLAG_EVENT_TIMERS) !== 0) SCRATCH_TIMERS.read(reader);
  head.eventTimerCount = SCRATCH_TIMERS.count;
  head.eventIndexedAtMs = SCRATCH_TIMERS.indexedAtMs;
  SCRATCH_TIMERS.clear();
  if ((flags & FLAG_PROCESSING_TIMERS) !== 0) SCRATCH_TIMERS.read(reader);
  head.processingTimerCount = SCRATCH_TIMERS.count;
  head.processingIndexedAtMs = SCRATCH_TIMERS.indexedAtMs;
  head.eventExpiryAtMs = (flags & FLAG_EVENT_EXPIRY) === 0 ? Infinity : reader.f64();
  head.processingExpiryAtMs = (flags & FLAG_PROCESSING_EXPIRY) === 0 ? Infinity : reader.f64();
}

const SCRATCH_TIMERS: PageTimers = new PageTimers();
