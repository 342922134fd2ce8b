/*
 * A value between two threads of the same process: a tag, then (little-endian, unaligned)
 *   0 undefined   1 null   2 false   3 true   15 a hole of an array
 *   4 int32           i32; never -0
 *   5 double          f64
 *   6 short string    u8 length;  7 string  u32 length; the characters are the next of the message's Latin-1 text
 *   8 wide string     u32 length; the characters are the next of the message's UTF-16 text
 *   9 bigint          i64;  10 other bigint  a string: hexadecimal digits, after - for negative ones
 *  11 date            f64, NaN for an invalid one
 *  12 array           u32 length, values
 *  13 map             u32 count, then key and value of each
 *  14 set             u32 count, values
 *  16 bytes           u8 kind (index in BINARY_KINDS), u32 byte count, bytes
 *  17 new shape       u8 flags (1: no prototype), u16 key count, the keys as strings; an object of that shape follows. Shapes
 *                     are numbered as they come
 *  18 object          u16 shape, the values of its keys
 *  19 other object    u8 flags, u32 key count, then key (a string) and value of each
 *  32 and above       object of shape tag - 32, the values of its keys
 */
export const UNDEFINED = 0;
export const NULL = 1;
export const FALSE = 2;
export const TRUE = 3;
export const INT32 = 4;
export const DOUBLE = 5;
export const SHORT_STRING = 6;
export const STRING = 7;
export const WIDE_STRING = 8;
export const BIGINT64 = 9;
export const BIGINT = 10;
export const DATE = 11;
export const ARRAY = 12;
export const MAP = 13;
export const SET = 14;
export const HOLE = 15;
export const BINARY = 16;
export const NEW_SHAPE = 17;
export const OBJECT = 18;
export const OTHER_OBJECT = 19;
export const FIRST_SHAPE = 32;

/** Shapes below this have a tag of their own. */
export const TAGGED_SHAPES = 256 - FIRST_SHAPE;

export const NO_PROTOTYPE = 1;

/** Characters that a Latin-1 text cannot hold. */
// oxlint-disable-next-line no-control-regex -- the class is all of Latin-1, control characters too
export const NOT_LATIN1 = /[^\x00-\xff]/;

type BinaryConstructor = new (buffer: ArrayBuffer, byteOffset?: number, length?: number) => ArrayBufferView;

/** Kinds of bytes, by the number that stands for them. 0 is Buffer, 1 ArrayBuffer, 2 DataView. */
export const BINARY_KINDS: readonly (BinaryConstructor | undefined)[] = [
  undefined,
  undefined,
  DataView,
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
];
export const BUFFER_KIND = 0;
export const ARRAY_BUFFER_KIND = 1;

/** The kind of what has this prototype. */
export const BINARY_KIND_BY_PROTOTYPE: ReadonlyMap<object, number> = new Map<object, number>([
  [Buffer.prototype, BUFFER_KIND],
  [ArrayBuffer.prototype, ARRAY_BUFFER_KIND],
  ...BINARY_KINDS.flatMap((type, kind) => (type === undefined ? [] : [[type.prototype as object, kind] as const])),
]);

/** Node's own calls: what `write` and `toString` call after they have looked at the encoding's name. */
export interface RawBuffer extends Buffer {
  latin1Write(text: string, offset: number, length: number): number;
  ucs2Write(text: string, offset: number, length: number): number;
  latin1Slice(start: number, end: number): string;
  ucs2Slice(start: number, end: number): string;
}
