import { generateShapeWrite, interpretShapeWrite } from './generate-shape-write.ts';
import {
  GENERATED_SHAPES_MAX,
  ObjectShape,
  SHAPE_KEYS_MAX,
  SHAPES_MAX,
  ShapeTree,
  type ValueSite,
} from './object-shape.ts';
import { DEPTH_MAX, Unsendable } from './unsendable.ts';
import * as tags from './value-tags.ts';

const INITIAL_BYTES = 65_536;
const OBJECT_PROTOTYPE: object = Object.prototype;

/**
 * Writes values, into memory that is lent to it as far as that goes, and into its own otherwise. What is written is at
 * `buffer[start, at)`. Code generated for shapes works on the fields directly.
 */
export class ValueWriter {
  buffer: Buffer;
  view: DataView;
  start = 0;
  at = 0;
  /** There is room up to here. */
  end: number;
  /** Characters of the strings written. Concatenated first, and written in one go: one native call for many. */
  text = '';
  wideText = '';
  /** Strings are looked at before they are added to `text`: there have been some that are not Latin-1. */
  isLooking = false;
  isLent = false;
  depth = 0;
  readonly #shapes = new ShapeTree();
  readonly #usesBeforeCode: number;
  #generatedCount = 0;
  #own: Buffer;
  #ownView: DataView;

  /** @param usesBeforeCode see `USES_BEFORE_CODE`; Infinity: no code is generated. */
  constructor(usesBeforeCode: number) {
    this.#usesBeforeCode = usesBeforeCode;
    this.#own = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    this.#ownView = new DataView(this.#own.buffer);
    this.buffer = this.#own;
    this.view = this.#ownView;
    this.end = this.#own.length;
  }

  /** Starts anew, in the writer's own memory. */
  begin(): void {
    this.buffer = this.#own;
    this.view = this.#ownView;
    this.start = this.at = 0;
    this.end = this.#own.length;
    this.isLent = false;
    this.depth = 0;
    this.text = '';
    this.wideText = '';
  }

  /** Starts anew, in `buffer[start, end)`. */
  beginIn(buffer: Buffer, view: DataView, start: number, end: number): void {
    this.begin();
    this.buffer = buffer;
    this.view = view;
    this.start = this.at = start;
    this.end = end;
    this.isLent = true;
  }

  /** Makes room for `byteCount` bytes behind `at`: `buffer`, `view`, `start` and `at` may change. */
  ensure(byteCount: number): void {
    if (this.at + byteCount <= this.end) return;
    const length = this.at - this.start;
    let own = this.#own;
    if (length + byteCount > own.length) {
      own = Buffer.allocUnsafeSlow(Math.max(length + byteCount, own.length * 2));
    }
    if (own !== this.buffer) this.buffer.copy(own, 0, this.start, this.at);
    if (own !== this.#own) {
      this.#own = own;
      this.#ownView = new DataView(own.buffer);
    }
    this.buffer = own;
    this.view = this.#ownView;
    this.start = 0;
    this.at = length;
    this.end = own.length;
    this.isLent = false;
  }

  /** @throws Unsendable */
  value(value: unknown, site: ValueSite): void {
    switch (typeof value) {
      case 'number':
        this.#number(value);
        return;
      case 'string':
        this.string(value);
        return;
      case 'boolean':
        this.#tag(value ? tags.TRUE : tags.FALSE);
        return;
      case 'undefined':
        this.#tag(tags.UNDEFINED);
        return;
      case 'bigint':
        this.#bigint(value);
        return;
      case 'object':
        if (value === null) this.#tag(tags.NULL);
        else this.object(value, site);
        return;
      default:
        throw new Unsendable();
    }
  }

  object(value: object, site: ValueSite): void {
    if (++this.depth > DEPTH_MAX) throw new Unsendable();
    if (site.shape.write(this, value, false)) {
      this.depth--;
      return;
    }
    const { other } = site;
    if (other.write(this, value, false)) site.note(other);
    else this.#object(value, site);
    this.depth--;
  }

  string(value: string): void {
    const { length } = value;
    this.ensure(5);
    const at = this.at;
    if (this.isLooking && tags.NOT_LATIN1.test(value)) {
      this.buffer[at] = tags.WIDE_STRING;
      this.view.setUint32(at + 1, length, true);
      this.at = at + 5;
      this.wideText += value;
      return;
    }
    if (length < 256) {
      this.buffer[at] = tags.SHORT_STRING;
      this.buffer[at + 1] = length;
      this.at = at + 2;
    } else {
      this.buffer[at] = tags.STRING;
      this.view.setUint32(at + 1, length, true);
      this.at = at + 5;
    }
    this.text += value;
  }

  #number(value: number): void {
    this.ensure(9);
    const at = this.at;
    if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
      this.buffer[at] = tags.INT32;
      this.view.setInt32(at + 1, value, true);
      this.at = at + 5;
    } else {
      this.buffer[at] = tags.DOUBLE;
      this.view.setFloat64(at + 1, value, true);
      this.at = at + 9;
    }
  }

  #bigint(value: bigint): void {
    if (BigInt.asIntN(64, value) === value) {
      this.ensure(9);
      this.buffer[this.at] = tags.BIGINT64;
      this.view.setBigInt64(this.at + 1, value, true);
      this.at += 9;
    } else {
      this.#tag(tags.BIGINT);
      this.string(value.toString(16));
    }
  }

  #tag(tag: number): void {
    this.ensure(1);
    this.buffer[this.at++] = tag;
  }

  #count(tag: number, count: number): void {
    this.ensure(5);
    this.buffer[this.at] = tag;
    this.view.setUint32(this.at + 1, count, true);
    this.at += 5;
  }

  #object(value: object, site: ValueSite): void {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === OBJECT_PROTOTYPE || prototype === null) {
      this.#plain(value, prototype !== null, site);
    } else if (prototype === Array.prototype) {
      this.#array(value as unknown[], site);
    } else if (prototype === Date.prototype) {
      this.ensure(9);
      this.buffer[this.at] = tags.DATE;
      this.view.setFloat64(this.at + 1, (value as Date).getTime(), true);
      this.at += 9;
    } else if (prototype === Map.prototype) {
      this.#count(tags.MAP, (value as Map<unknown, unknown>).size);
      for (const [key, item] of value as Map<unknown, unknown>) {
        this.value(key, site);
        this.value(item, site);
      }
    } else if (prototype === Set.prototype) {
      this.#count(tags.SET, (value as Set<unknown>).size);
      for (const item of value as Set<unknown>) this.value(item, site);
    } else {
      const kind = tags.BINARY_KIND_BY_PROTOTYPE.get(prototype as object);
      if (kind === undefined) throw new Unsendable();
      this.#binary(kind, value as ArrayBuffer | ArrayBufferView);
    }
  }

  #array(value: readonly unknown[], site: ValueSite): void {
    const { length } = value;
    this.#count(tags.ARRAY, length);
    for (let i = 0; i < length; i++) {
      const item = value[i];
      if (item === undefined && !(i in value)) this.#tag(tags.HOLE);
      else this.value(item, site);
    }
  }

  #binary(kind: number, value: ArrayBuffer | ArrayBufferView): void {
    const { byteLength } = value;
    const bytes = ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, byteLength)
      : new Uint8Array(value);
    this.ensure(6 + byteLength);
    this.buffer[this.at] = tags.BINARY;
    this.buffer[this.at + 1] = kind;
    this.view.setUint32(this.at + 2, byteLength, true);
    this.buffer.set(bytes, this.at + 6);
    this.at += 6 + byteLength;
  }

  #plain(value: object, hasPrototype: boolean, site: ValueSite): void {
    const keys = Object.keys(value);
    let shape = this.#shapes.find(keys, hasPrototype);
    if (shape === undefined) {
      if (keys.length > SHAPE_KEYS_MAX || this.#shapes.count === SHAPES_MAX) {
        this.#other(value as Readonly<Record<string, unknown>>, keys, hasPrototype, site);
        return;
      }
      shape = this.#newShape(keys, hasPrototype);
    }
    site.note(shape);
    shape.write(this, value, true);
  }

  #newShape(keys: readonly string[], hasPrototype: boolean): ObjectShape {
    const shape = new ObjectShape(this.#shapes.count, keys, hasPrototype, (writer, value, isChecked) => {
      if (++shape.uses === this.#usesBeforeCode) this.#specialize(shape);
      return interpretShapeWrite(shape, writer, value, isChecked);
    });
    this.#shapes.add(shape);
    this.ensure(4);
    this.buffer[this.at] = tags.NEW_SHAPE;
    this.buffer[this.at + 1] = hasPrototype ? 0 : tags.NO_PROTOTYPE;
    this.view.setUint16(this.at + 2, keys.length, true);
    this.at += 4;
    for (const key of keys) this.string(key);
    return shape;
  }

  #specialize(shape: ObjectShape): void {
    if (this.#generatedCount === GENERATED_SHAPES_MAX) return;
    this.#generatedCount++;
    shape.write = generateShapeWrite(shape) ?? shape.write;
  }

  #other(
    value: Readonly<Record<string, unknown>>,
    keys: readonly string[],
    hasPrototype: boolean,
    site: ValueSite,
  ): void {
    this.ensure(6);
    this.buffer[this.at] = tags.OTHER_OBJECT;
    this.buffer[this.at + 1] = hasPrototype ? 0 : tags.NO_PROTOTYPE;
    this.view.setUint32(this.at + 2, keys.length, true);
    this.at += 6;
    for (const key of keys) {
      this.string(key);
      this.value(value[key], site);
    }
  }
}
