import { setEntry } from '../../../state/schema/interpret-read.ts';
import { InternalError } from '../../base/errors.ts';
import { generateShapeRead, interpretShapeRead, type ShapeRead } from './generate-shape-read.ts';
import { GENERATED_SHAPES_MAX } from './object-shape.ts';
import * as tags from './value-tags.ts';

/**
 * Bytes of text that are made into a string at once, from which the values are cut. A string cut from it keeps all of it in
 * memory, so one that is kept for long must not hold much more than itself.
 */
const WINDOW_CHARS = 2048;
/** Longer strings are made on their own. */
const CUT_CHARS_MAX = 512;

/** Reads what `ValueWriter` wrote. Code generated for shapes works on the fields directly. */
export class ValueReader {
  buffer: Buffer = Buffer.alloc(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  at = 0;
  readonly #shapes: ShapeRead[] = [];
  readonly #usesBeforeCode: number;
  #generatedCount = 0;
  /** Characters of the window. */
  #window = '';
  #windowAt = 0;
  /** Of the text behind the window, offsets of bytes in `buffer`. */
  #textAt = 0;
  #textEnd = 0;
  #isTextWide = false;
  #wideAt = 0;

  /** @param usesBeforeCode see `USES_BEFORE_CODE`; Infinity: no code is generated. */
  constructor(usesBeforeCode: number) {
    this.#usesBeforeCode = usesBeforeCode;
  }

  /** Where the characters of the strings to come are: `buffer[start, end)`, and `[end, …)` for wide strings. */
  setText(start: number, end: number, isWide: boolean): void {
    this.#window = '';
    this.#windowAt = 0;
    this.#textAt = start;
    this.#textEnd = end;
    this.#isTextWide = isWide;
    this.#wideAt = end;
  }

  /** Whether all characters have been read. */
  get isTextRead(): boolean {
    return this.#windowAt === this.#window.length && this.#textAt === this.#textEnd;
  }

  /** The next `length` characters. */
  cut(length: number): string {
    const from = this.#windowAt;
    const to = from + length;
    if (to > this.#window.length) return this.#cutBeyond(length);
    this.#windowAt = to;
    return this.#window.substring(from, to);
  }

  value(): unknown {
    const { buffer, view } = this;
    const at = this.at;
    const tag = buffer[at]!;
    if (tag >= tags.FIRST_SHAPE) {
      this.at = at + 1;
      return this.#shapes[tag - tags.FIRST_SHAPE]!(this);
    }
    switch (tag) {
      case tags.UNDEFINED:
        this.at = at + 1;
        return undefined;
      case tags.NULL:
        this.at = at + 1;
        return null;
      case tags.FALSE:
        this.at = at + 1;
        return false;
      case tags.TRUE:
        this.at = at + 1;
        return true;
      case tags.INT32:
        this.at = at + 5;
        return view.getInt32(at + 1, true);
      case tags.DOUBLE:
        this.at = at + 9;
        return view.getFloat64(at + 1, true);
      case tags.SHORT_STRING:
        this.at = at + 2;
        return this.cut(buffer[at + 1]!);
      case tags.STRING:
        this.at = at + 5;
        return this.cut(view.getUint32(at + 1, true));
      case tags.WIDE_STRING:
        this.at = at + 5;
        return this.#cutWide(view.getUint32(at + 1, true));
      case tags.BIGINT64:
        this.at = at + 9;
        return view.getBigInt64(at + 1, true);
      case tags.BIGINT: {
        this.at = at + 1;
        const digits = this.value() as string;
        return digits.startsWith('-') ? -BigInt(`0x${digits.slice(1)}`) : BigInt(`0x${digits}`);
      }
      case tags.DATE:
        this.at = at + 9;
        return new Date(view.getFloat64(at + 1, true));
      case tags.ARRAY:
        this.at = at + 5;
        return this.#array(view.getUint32(at + 1, true));
      case tags.MAP: {
        this.at = at + 5;
        const map = new Map<unknown, unknown>();
        for (let left = view.getUint32(at + 1, true); left > 0; left--) {
          const key = this.value();
          map.set(key, this.value());
        }
        return map;
      }
      case tags.SET: {
        this.at = at + 5;
        const set = new Set<unknown>();
        for (let left = view.getUint32(at + 1, true); left > 0; left--) set.add(this.value());
        return set;
      }
      case tags.BINARY:
        this.at = at + 6;
        return this.#binary(buffer[at + 1]!, view.getUint32(at + 2, true));
      case tags.NEW_SHAPE:
        this.at = at + 4;
        this.#newShape(view.getUint16(at + 2, true), (buffer[at + 1]! & tags.NO_PROTOTYPE) === 0);
        return this.value();
      case tags.OBJECT:
        this.at = at + 3;
        return this.#shapes[view.getUint16(at + 1, true)]!(this);
      case tags.OTHER_OBJECT:
        this.at = at + 6;
        return this.#other(view.getUint32(at + 2, true), (buffer[at + 1]! & tags.NO_PROTOTYPE) === 0);
      default:
        throw new InternalError(`expected a tag of a value, found ${tag} at ${at}`);
    }
  }

  #cutBeyond(length: number): string {
    const { buffer } = this;
    const width = this.#isTextWide ? 2 : 1;
    // Back to the first character that was not cut yet.
    const start = this.#textAt - (this.#window.length - this.#windowAt) * width;
    const isLong = length > CUT_CHARS_MAX;
    const end = isLong ? start + length * width : Math.min(start + WINDOW_CHARS * width, this.#textEnd);
    const text = slice(buffer, start, end, this.#isTextWide);
    this.#textAt = end;
    this.#window = isLong ? '' : text;
    this.#windowAt = isLong ? 0 : length;
    return isLong ? text : text.substring(0, length);
  }

  #cutWide(length: number): string {
    const start = this.#wideAt;
    this.#wideAt = start + 2 * length;
    return slice(this.buffer, start, this.#wideAt, true);
  }

  #array(length: number): unknown[] {
    const array: unknown[] = [];
    for (let i = 0; i < length; i++) {
      if (this.buffer[this.at] === tags.HOLE) {
        this.at++;
        array.length = i + 1;
      } else {
        array.push(this.value());
      }
    }
    return array;
  }

  #binary(kind: number, byteLength: number): unknown {
    const start = this.at;
    this.at = start + byteLength;
    const bytes = this.buffer.subarray(start, start + byteLength);
    if (kind === tags.BUFFER_KIND) return Buffer.from(bytes);
    const copy = new ArrayBuffer(byteLength);
    new Uint8Array(copy).set(bytes);
    return kind === tags.ARRAY_BUFFER_KIND ? copy : new tags.BINARY_KINDS[kind]!(copy);
  }

  #newShape(keyCount: number, hasPrototype: boolean): void {
    const keys: string[] = [];
    for (let i = 0; i < keyCount; i++) keys.push(this.value() as string);
    const id = this.#shapes.length;
    let uses = 0;
    this.#shapes.push((reader) => {
      if (++uses === this.#usesBeforeCode && this.#generatedCount < GENERATED_SHAPES_MAX) {
        this.#generatedCount++;
        this.#shapes[id] = generateShapeRead(keys, hasPrototype) ?? this.#shapes[id]!;
      }
      return interpretShapeRead(keys, hasPrototype, reader);
    });
  }

  #other(keyCount: number, hasPrototype: boolean): object {
    const object = (hasPrototype ? {} : Object.create(null)) as Record<string, unknown>;
    for (let i = 0; i < keyCount; i++) {
      const key = this.value() as string;
      setEntry(object, key, this.value());
    }
    return object;
  }
}

function slice(buffer: Buffer, start: number, end: number, isWide: boolean): string {
  const raw = buffer as tags.RawBuffer;
  return isWide ? raw.ucs2Slice(start, end) : raw.latin1Slice(start, end);
}
