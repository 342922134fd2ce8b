import type { ByteWriter } from '../../engine/base/bytes.ts';
import { decimalToBytes, decimalToFixed, INT_BYTES_MAX, LONG_BYTES_MAX, putLong } from './avro-binary.ts';
import { Code } from './code.ts';
import { interpretWrite, Unwritable } from './interpret-write.ts';
import { fitsPrecision } from './mismatch.ts';
import type { FieldShape, RecordShape, Shape } from './shape.ts';
import { putString } from './text.ts';
import { writeError } from './write-error.ts';

/**
 * Compiles a shape to an encoder. Undefined where code generation is forbidden.
 *
 * On local variables: `B` the buffer, `p` the offset. Room is made once for a run of fields whose size is known or bounded
 * by their length; `p` and the writer's length meet again at calls and at the end.
 */
export function generateWrite<T>(shape: Shape): ((writer: ByteWriter, value: T) => void) | undefined {
  return new WriteGenerator().generate<T>(shape);
}

const FAIL = 'throw new Unwritable();';
/** A length or count: up to 2^31. */
const COUNT_BYTES_MAX = INT_BYTES_MAX;
const UTF8_BYTES_PER_CHAR = 3;
/** Symbols up to this count are compared one after the other, more are looked up in a map. */
const SWITCH_SYMBOLS_MAX = 8;

/** A value of bounded size: how to check it, how much room it takes, how to write it. */
interface Leaf {
  /** Statement, empty when nothing is to be checked. */
  readonly check: string;
  readonly bytesMax: number;
  /** An expression to add to `bytesMax`, or empty. */
  readonly extraBytes: string;
  readonly write: string;
}

class WriteGenerator {
  readonly #code = new Code();
  readonly #open: RecordShape[] = [];
  #run: Leaf[] = [];

  generate<T>(shape: Shape): ((writer: ByteWriter, value: T) => void) | undefined {
    const code = this.#code;
    code.line('const start = writer.length;');
    code.line('let B = writer.buffer, V = writer.view, p = start;');
    code.line('try {');
    this.#write(shape, 'value');
    this.#flush();
    code.line('writer.length = p;');
    code.line(`} catch (error) { writer.length = start; throw writeError(${code.constant(shape)}, value, error); }`);
    return code.compile('encode', 'writer, value', {
      Unwritable,
      writeError,
      putLong,
      putString,
      putBytes,
      putDecimal,
      fitsPrecision,
      interpretWrite,
    });
  }

  /** Adds code that writes the value of an expression, which has no side effects. */
  #write(shape: Shape, value: string): void {
    const leaf = this.#leaf(shape, value);
    if (leaf !== undefined) {
      this.#run.push(leaf);
      return;
    }
    const code = this.#code;
    switch (shape.kind) {
      case 'record':
        this.#record(shape, value);
        return;
      case 'optional':
        this.#optional(shape, value);
        return;
      case 'union':
        this.#flush();
        this.#union(shape, value, 0);
        return;
      case 'array': {
        this.#flush();
        const index = code.name('i');
        const item = code.name('x');
        code.line(`if (!Array.isArray(${value})) ${FAIL}`);
        this.#count(`${value}.length`);
        code.line(
          `for (let ${index} = 0; ${index} < ${value}.length; ${index}++) { const ${item} = ${value}[${index}];`,
        );
        this.#write(shape.items, item);
        this.#flush();
        code.line('}');
        this.#endOfBlocks();
        return;
      }
      case 'map': {
        this.#flush();
        const keys = code.name('k');
        const key = code.name('x');
        const item = code.name('x');
        this.#checkObject(value);
        code.line(`if (Array.isArray(${value}) || ${value} instanceof Uint8Array) ${FAIL}`);
        code.line(`const ${keys} = Object.keys(${value});`);
        this.#count(`${keys}.length`);
        code.line(`for (const ${key} of ${keys}) { const ${item} = ${value}[${key}];`);
        this.#write({ kind: 'string' }, key);
        this.#write(shape.values, item);
        this.#flush();
        code.line('}');
        this.#endOfBlocks();
        return;
      }
      default:
        this.#interpret(shape, value);
    }
  }

  #record(shape: RecordShape, value: string): void {
    if (this.#open.includes(shape)) {
      this.#interpret(shape, value);
      return;
    }
    this.#open.push(shape);
    this.#checkObject(value);
    for (const field of shape.fields) this.#field(field, value);
    this.#open.pop();
  }

  #field(field: FieldShape, record: string): void {
    const value = this.#code.name('x');
    this.#code.line(`const ${value} = ${record}.${field.name};`);
    this.#write(field.shape, value);
  }

  #optional(shape: Shape & { kind: 'optional' }, value: string): void {
    const code = this.#code;
    this.#flush();
    this.#room('1');
    const absent = shape.nullBranch * 2;
    code.line(`if (${value} === undefined || ${value} === null) B[p++] = ${absent}; else {`);
    if (shape.value.kind === 'union') {
      this.#union(shape.value, value, 1);
    } else {
      code.line(`B[p++] = ${2 - absent};`);
      this.#write(shape.value, value);
      this.#flush();
    }
    code.line('}');
  }

  #union(shape: Shape & { kind: 'union' }, value: string, firstBranch: number): void {
    const code = this.#code;
    this.#checkObject(value);
    this.#room(String(COUNT_BYTES_MAX));
    code.line(`switch (${value}.${shape.tag}) {`);
    shape.branches.forEach((branch, index) => {
      code.line(`case ${Code.literal(branch.label)}: { p = putLong(B, p, ${firstBranch + index});`);
      this.#record(branch.record, value);
      this.#flush();
      code.line('break; }');
    });
    code.line(`default: ${FAIL} }`);
  }

  /** What has a size that is known before it is written; undefined for the rest. */
  #leaf(shape: Shape, value: string): Leaf | undefined {
    switch (shape.kind) {
      case 'null':
        return leaf(`${value} !== null && ${value} !== undefined`, 0, '');
      case 'boolean':
        return leaf(`${value} !== true && ${value} !== false`, 1, `B[p++] = ${value} ? 1 : 0;`);
      case 'int':
        return leaf(`typeof ${value} !== 'number' || (${value} | 0) !== ${value}`, INT_BYTES_MAX, putNumber(value));
      case 'long':
      case 'timestamp':
        return leaf(`!Number.isSafeInteger(${value})`, LONG_BYTES_MAX, putNumber(value));
      case 'float':
        return leaf(`typeof ${value} !== 'number'`, 4, `V.setFloat32(p, ${value}, true); p += 4;`);
      case 'double':
        return leaf(`typeof ${value} !== 'number'`, 8, `V.setFloat64(p, ${value}, true); p += 8;`);
      case 'string':
        return {
          ...leaf(`typeof ${value} !== 'string'`, COUNT_BYTES_MAX, `p = putString(B, p, ${value});`),
          extraBytes: `${value}.length * ${UTF8_BYTES_PER_CHAR}`,
        };
      case 'bytes':
        return {
          ...leaf(`!(${value} instanceof Uint8Array)`, COUNT_BYTES_MAX, `p = putBytes(B, p, ${value});`),
          extraBytes: `${value}.length`,
        };
      case 'fixed':
        return leaf(
          `!(${value} instanceof Uint8Array) || ${value}.length !== ${shape.size}`,
          shape.size,
          `B.set(${value}, p); p += ${shape.size};`,
        );
      case 'decimal': {
        const bytesMax = shape.fixed?.size ?? COUNT_BYTES_MAX + Math.ceil((shape.precision * Math.log2(10) + 1) / 8);
        const check = `typeof ${value} !== 'bigint' || !fitsPrecision(${value}, ${shape.precision})`;
        return leaf(check, bytesMax, `p = putDecimal(B, p, ${value}, ${shape.fixed?.size});`);
      }
      case 'enumeration':
        return this.#enumeration(shape, value);
      case 'optional':
        return this.#optionalLeaf(shape, value);
      default:
        return undefined;
    }
  }

  #enumeration(shape: Shape & { kind: 'enumeration' }, value: string): Leaf {
    const index = this.#code.name('e');
    if (shape.symbols.length <= SWITCH_SYMBOLS_MAX) {
      const test = shape.symbols.map((symbol, i) => `${value} === ${Code.literal(symbol)} ? ${i} : `).join('');
      return {
        check: `const ${index} = ${test}-1; if (${index} < 0) ${FAIL}`,
        bytesMax: 1,
        extraBytes: '',
        write: `B[p++] = ${index} * 2;`,
      };
    }
    const indexBySymbol = this.#code.constant(new Map(shape.symbols.map((symbol, i) => [symbol, i])));
    const check = `const ${index} = ${indexBySymbol}.get(${value}); if (${index} === undefined) ${FAIL}`;
    return { check, bytesMax: COUNT_BYTES_MAX, extraBytes: '', write: `p = putLong(B, p, ${index});` };
  }

  /** An optional value of bounded size stays in the run: its check and its extra room are conditional. */
  #optionalLeaf(shape: Shape & { kind: 'optional' }, value: string): Leaf | undefined {
    if (shape.value.kind === 'enumeration') return undefined; // its check declares a name
    const inner = this.#leaf(shape.value, value);
    if (inner === undefined) return undefined;
    const isAbsent = `${value} === undefined || ${value} === null`;
    const absent = shape.nullBranch * 2;
    return {
      check: `if (!(${isAbsent})) { ${inner.check} }`,
      bytesMax: inner.bytesMax + 1,
      extraBytes: inner.extraBytes === '' ? '' : `(${isAbsent} ? 0 : ${inner.extraBytes})`,
      write: `if (${isAbsent}) B[p++] = ${absent}; else { B[p++] = ${2 - absent}; ${inner.write} }`,
    };
  }

  /** Checks the run, makes room for all of it, writes it. */
  #flush(): void {
    const run = this.#run;
    if (run.length === 0) return;
    this.#run = [];
    for (const { check } of run) if (check !== '') this.#code.line(check);
    const bytesMax = run.reduce((sum, { bytesMax }) => sum + bytesMax, 0);
    this.#room([bytesMax, ...run.flatMap(({ extraBytes }) => (extraBytes === '' ? [] : [extraBytes]))].join(' + '));
    for (const { write } of run) this.#code.line(write);
  }

  #room(byteCount: string): void {
    const need = this.#code.name('n');
    this.#code.line(`const ${need} = ${byteCount};`);
    this.#code.line(
      `if (p + ${need} > B.length) { writer.length = p; writer.ensure(${need}); B = writer.buffer; V = writer.view; }`,
    );
  }

  /** The number of entries, when there are any: all of them in one block. */
  #count(expression: string): void {
    this.#room(String(COUNT_BYTES_MAX));
    this.#code.line(`if (${expression} > 0) p = putLong(B, p, ${expression});`);
  }

  #endOfBlocks(): void {
    this.#room('1');
    this.#code.line('B[p++] = 0;');
  }

  #checkObject(value: string): void {
    this.#code.line(`if (typeof ${value} !== 'object' || ${value} === null) ${FAIL}`);
  }

  #interpret(shape: Shape, value: string): void {
    this.#flush();
    this.#code.line(
      `writer.length = p; interpretWrite(writer, ${this.#code.constant(shape)}, ${value}); B = writer.buffer; V = writer.view; p = writer.length;`,
    );
  }
}

function leaf(isWrong: string, bytesMax: number, write: string): Leaf {
  return { check: `if (${isWrong}) ${FAIL}`, bytesMax, extraBytes: '', write };
}

function putNumber(value: string): string {
  return `if (${value} >= 0 && ${value} < 64) B[p++] = ${value} << 1; else p = putLong(B, p, ${value});`;
}

function putBytes(buffer: Buffer, at: number, value: Uint8Array): number {
  const from = putLong(buffer, at, value.length);
  buffer.set(value, from);
  return from + value.length;
}

function putDecimal(buffer: Buffer, at: number, units: bigint, fixedBytes: number | undefined): number {
  if (fixedBytes === undefined) return putBytes(buffer, at, decimalToBytes(units));
  buffer.set(decimalToFixed(units, fixedBytes), at);
  return at + fixedBytes;
}
