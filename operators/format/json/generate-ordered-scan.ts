import { Code } from '../../../state/schema/code.ts';
import type { FieldShape, RecordShape, Shape } from '../../../state/schema/shape.ts';
import { timestampOfNumber } from '../timestamp-text.ts';
import { jsonName, PLAIN_JSON, type JsonRules } from './from-json.ts';
import { matchCode, type JsonScanner } from './generate-scan.ts';
import type { KeyOrder } from './key-order.ts';
import {
  FAILED,
  FALS_WORD,
  NULL_WORD,
  scanNumber,
  scanString,
  scanTimestamp,
  skipString,
  skipValue,
  TRUE_WORD,
} from './scan-json.ts';

/**
 * Compiles a scanner of objects that are all written with the same keys in the same order: it compares the bytes between
 * values and looks nothing up. FAILED at everything else, also where the scanner for any order would go on.
 *
 * Undefined where the shape has parts that this scanner does not read, or code generation is forbidden.
 */
export function createOrderedScanner<T>(
  shape: RecordShape,
  rules: JsonRules,
  order: KeyOrder,
): JsonScanner<T> | undefined {
  return new OrderedScan().compile<T>(shape, rules, order);
}

const GIVE_UP = 'return FAILED;';
/** Functions with many more keys would be too long for V8 to optimise. */
const KEYS_MAX = 128;

/** Thrown inside of this file only: there is a part that is not read here. */
class NotReadable extends Error {}

class OrderedScan {
  readonly #code = new Code();
  #keyCount = 0;

  compile<T>(shape: RecordShape, rules: JsonRules, order: KeyOrder): JsonScanner<T> | undefined {
    const code = this.#code;
    code.line('const B = reader.buffer, V = reader.view, lastWord = B.length - 4;');
    code.line('let p = reader.offset, q = 0, n = 0, w = 0, b = 0;');
    code.line('try {');
    let value: string;
    try {
      value = this.#record(shape, rules, order);
    } catch (error) {
      if (error instanceof NotReadable) return undefined;
      throw error;
    }
    code.line('reader.offset = p;');
    code.line(`return ${value};`);
    code.line(`} catch (error) { if (error instanceof RangeError) ${GIVE_UP} throw error; }`);
    return code.compile('scanOrdered', 'reader', {
      FAILED,
      scanNumber,
      scanString,
      scanTimestamp,
      skipString,
      skipValue,
      timestampOfNumber,
    });
  }

  /** Reads the object at `p`, and returns the expression that it has then. */
  #record(shape: RecordShape, rules: JsonRules, order: KeyOrder): string {
    const code = this.#code;
    const valueByField = new Map<FieldShape, string>();
    const inner = { ...rules, names: PLAIN_JSON.names };
    const fieldByKey = new Map(shape.fields.map((field) => [jsonName(rules, field.name), field]));
    if (!this.#hasRoom(order)) throw new NotReadable();
    order.keys.forEach((key, i) => {
      const field = fieldByKey.get(key);
      const read = (): string | undefined => {
        if (field !== undefined) return this.#value(field, inner, order.inner.get(key));
        this.#skip(order.inner.get(key), GIVE_UP);
        return undefined;
      };
      if (!order.optional.has(key)) {
        this.#literal(keyText(order, i), GIVE_UP);
        const value = read();
        if (field !== undefined) valueByField.set(field, value!);
        return;
      }
      const isRequired = field !== undefined && field.default === undefined && field.shape.kind !== 'optional';
      const value = code.name('v');
      if (field !== undefined) code.line(`let ${value};`);
      code.line(
        `if (B[p] === 44 && ${matchCode(Buffer.from(keyText(order, i)))}) { p += ${Buffer.byteLength(keyText(order, i))};`,
      );
      const present = read();
      if (field !== undefined) {
        code.line(`${value} = ${present};`);
        valueByField.set(field, value);
      }
      if (isRequired) code.line(`} else ${GIVE_UP}`);
      else if (field?.default !== undefined) code.line(`} else ${value} = ${this.#absent(field)};`);
      else code.line('}');
    });
    code.line(`if (B[p++] !== 125) ${GIVE_UP}`);
    const properties = shape.fields.map(
      (field) => `${JSON.stringify(field.name)}: ${valueByField.get(field) ?? this.#absent(field)}`,
    );
    const value = code.name('r');
    code.line(`const ${value} = {${properties.join(', ')}};`);
    return value;
  }

  #absent(field: FieldShape): string {
    if (field.default !== undefined) return `structuredClone(${this.#code.constant(field.default)}.value)`;
    if (field.shape.kind === 'optional') return 'undefined';
    throw new NotReadable();
  }

  #value(field: FieldShape, rules: JsonRules, order: KeyOrder | undefined): string {
    const code = this.#code;
    const { shape } = field;
    if (shape.kind !== 'optional') return this.#present(shape, rules, order);
    const value = code.name('v');
    code.line(`let ${value};`);
    // Of an object that was null in all samples nothing is known: not null is given up.
    if (shape.value.kind === 'record' && order === undefined) {
      this.#literal('null', GIVE_UP);
      return value;
    }
    code.line(`if (B[p] === 110 && V.getInt32(p, true) === ${NULL_WORD}) p += 4; else {`);
    code.line(`${value} = ${this.#present(shape.value, rules, order)}; }`);
    return value;
  }

  #present(shape: Shape, rules: JsonRules, order: KeyOrder | undefined): string {
    const code = this.#code;
    const value = code.name('v');
    switch (shape.kind) {
      case 'string':
        this.#string(value);
        return value;
      case 'enumeration': {
        const text = code.name('s');
        this.#string(text);
        const symbols = code.constant(new Map(shape.symbols.map((symbol) => [symbol, symbol])));
        code.line(`const ${value} = ${symbols}.get(${text}); if (${value} === undefined) ${GIVE_UP}`);
        return value;
      }
      case 'int':
      case 'long':
        this.#integer(GIVE_UP);
        if (shape.kind === 'int') code.line(`if ((n | 0) !== n) ${GIVE_UP}`);
        code.line(`const ${value} = n;`);
        return value;
      case 'timestamp':
        this.#integer(`{ n = scanTimestamp(reader, q); p = reader.offset; } else n = timestampOfNumber(n);`);
        code.line(`if (n !== n) ${GIVE_UP} const ${value} = n;`);
        return value;
      case 'double':
        code.line(`const ${value} = scanNumber(reader, p); if (${value} !== ${value}) ${GIVE_UP} p = reader.offset;`);
        return value;
      case 'boolean':
        code.line(`let ${value} = true; n = V.getInt32(p, true); if (n === ${TRUE_WORD}) p += 4;`);
        code.line(`else if (n === ${FALS_WORD} && B[p + 4] === 101) { ${value} = false; p += 5; } else ${GIVE_UP}`);
        return value;
      case 'record':
        if (order === undefined) throw new NotReadable();
        return this.#record(shape, rules, order);
      default:
        throw new NotReadable();
    }
  }

  #string(value: string): void {
    this.#code.line(`if (B[p] !== 34) ${GIVE_UP} const ${value} = scanString(reader, p + 1);`);
    this.#code.line(`if (${value} === FAILED) ${GIVE_UP} p = reader.offset;`);
  }

  /** Reads an integer to `n`, leaving its start in `q`. @param otherwise what to do when it is none of up to 15 digits. */
  #integer(otherwise: string): void {
    const code = this.#code;
    const first = code.name('f');
    code.line('q = p; n = 0; if (B[p] === 45) p++;');
    code.line(`const ${first} = p;`);
    // Hot: four digits at a time, pairs first.
    code.line('while (p <= lastWord) {');
    code.line('w = V.getInt32(p, true);');
    code.line(`if ((w & ${UPPER_HALVES}) !== ${ZEROS} || ((w + ${SIXES}) & ${UPPER_HALVES}) !== ${ZEROS}) break;`);
    code.line(`w &= ${LOWER_HALVES}; w = (Math.imul(w, 10) + (w >>> 8)) & ${PAIRS};`);
    code.line('n = n * 10000 + (w & 255) * 100 + (w >>> 16); p += 4; }');
    code.line('for (b = B[p]; b >= 48 && b <= 57; b = B[++p]) n = n * 10 + (b - 48);');
    code.line(`w = p - ${first};`);
    code.line('if (B[q] === 45) n = 0 - n;');
    code.line(`if (w === 0 || w > 15 || (w > 1 && B[${first}] === 48) || b === 46 || (b | 32) === 101) ${otherwise}`);
  }

  /** Moves behind any value. @param order of the keys of the object that it usually is. */
  #skip(order: KeyOrder | undefined, giveUp: string): void {
    const code = this.#code;
    code.line('if (B[p] === 34) {');
    // The words of a string are looked through here; what is rare is left to the function.
    code.line('q = ++p; w = 0; while (p <= lastWord) {');
    code.line('w = V.getInt32(p, true);');
    code.line(`w = (((w ^ ${TWOS}) - ${BELOW}) | ((w ^ ${BACKSLASHES}) - ${ONES})) & ~w & ${HIGHS};`);
    code.line('if (w !== 0) break; p += 4; }');
    code.line('if (w !== 0) p += (31 - Math.clz32(w & -w)) >> 3;');
    code.line(`if (B[p] === 34) p++; else { p = skipString(reader, q); if (p < 0) ${giveUp} }`);
    code.line(`} else if (B[p] === 110 && V.getInt32(p, true) === ${NULL_WORD}) p += 4;`);
    if (order !== undefined && this.#hasRoom(order)) this.#skipObject(order, giveUp);
    code.line(`else { p = skipValue(reader, p); if (p < 0) ${giveUp} }`);
  }

  /** The branch of `skip` for an object. One in another order is passed over by the function. */
  #skipObject(order: KeyOrder, giveUp: string): void {
    const code = this.#code;
    const [known, other, start] = [code.name('known'), code.name('other'), code.name('o')];
    code.line(`else if (B[p] === 123) { const ${start} = p; ${known}: { ${other}: {`);
    order.keys.forEach((key, i) => {
      const isOptional = order.optional.has(key);
      if (isOptional)
        code.line(
          `if (B[p] === 44 && ${matchCode(Buffer.from(keyText(order, i)))}) { p += ${Buffer.byteLength(keyText(order, i))};`,
        );
      else this.#literal(keyText(order, i), `break ${other};`);
      this.#skip(order.inner.get(key), `break ${other};`);
      if (isOptional) code.line('}');
    });
    code.line(`if (B[p++] !== 125) break ${other};`);
    code.line(`break ${known}; }`);
    code.line(`p = skipValue(reader, ${start}); if (p < 0) ${giveUp} } }`);
  }

  /** Whether the code stays small enough with this object, and can say where the object begins. */
  #hasRoom({ keys, optional }: KeyOrder): boolean {
    if (keys.length === 0 || optional.has(keys[0]!)) return false;
    if (this.#keyCount + keys.length > KEYS_MAX) return false;
    this.#keyCount += keys.length;
    return true;
  }

  /** Compares the bytes at `p` with a text, and moves behind it. */
  #literal(text: string, giveUp: string): void {
    this.#code.line(`if (!(${matchCode(Buffer.from(text))})) ${giveUp} p += ${Buffer.byteLength(text)};`);
  }
}

/** What stands before the value of a key: the key, and what separates it from the one before. */
function keyText({ keys, space }: KeyOrder, index: number): string {
  return `${index === 0 ? '{' : `,${space}`}${JSON.stringify(keys[index])}:${space}`;
}

// See scan-json.ts.
const UPPER_HALVES = 0xf0f0_f0f0 | 0;
const LOWER_HALVES = 0x0f0f_0f0f;
const PAIRS = 0x00ff_00ff;
const ZEROS = 0x3030_3030;
const SIXES = 0x0606_0606;
const ONES = 0x0101_0101;
const HIGHS = 0x8080_8080 | 0;
const TWOS = 0x0202_0202;
const BELOW = 0x2121_2121;
const BACKSLASHES = 0x5c5c_5c5c;
