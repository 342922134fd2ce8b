import type { ByteReader } from '../../engine/base/bytes.ts';
import { bytesToDecimal, readBytes, readLong, readString } from './avro-binary.ts';
import { Code } from './code.ts';
import { BLOCK_COUNT_FREE, interpretRead, setEntry } from './interpret-read.ts';
import type { ReadPlan, RecordPlan, RecordStep, ScalarPlan } from './read-plan.ts';
import { branchesOf, type Shape } from './shape.ts';
import { skipValue } from './skip-value.ts';
import { cutString } from './text.ts';

/**
 * Compiles a plan to a decoder. Undefined where code generation is forbidden.
 *
 * The generated code handles what well-formed bytes look like, on local variables: `p` is the offset. At anything else it
 * gives up and calls the interpreted twin from the value's start, which then reads it or says what is wrong.
 */
export function generateRead<T>(plan: ReadPlan): ((reader: ByteReader) => T) | undefined {
  const generator = new ReadGenerator();
  return generator.generate<T>(plan);
}

const GIVE_UP = 'return slow(reader, start);';

class ReadGenerator {
  readonly #code = new Code();
  /** Records being generated: one that contains itself is interpreted. */
  readonly #open: RecordPlan[] = [];
  readonly #openSkips: Shape[] = [];

  generate<T>(plan: ReadPlan): ((reader: ByteReader) => T) | undefined {
    const code = this.#code;
    code.line('const B = reader.buffer, V = reader.view, end = reader.end, start = reader.offset;');
    code.line('let p = start, n = 0, h = 0;');
    code.line('try {');
    const value = this.#read(plan);
    code.line(`if (p > end) ${GIVE_UP}`);
    code.line('reader.offset = p;');
    code.line(`return ${value};`);
    code.line(`} catch { ${GIVE_UP} }`);
    return code.compile('decode', 'reader', {
      slow: (reader: ByteReader, start: number) => {
        reader.offset = start;
        return interpretRead(reader, plan);
      },
      readLong,
      wide,
      readString,
      readBytes,
      bytesToDecimal,
      setEntry,
      cutString,
      skipValue,
      interpretRead,
    });
  }

  /** Adds the code that reads a value, and returns the expression that it has then. */
  #read(plan: ReadPlan): string {
    const code = this.#code;
    switch (plan.op) {
      case 'scalar':
        return this.#scalar(plan);
      case 'null':
        return Code.literal(plan.value);
      case 'refuse':
        code.line(GIVE_UP);
        return 'undefined';
      case 'fixed':
        return this.#call(`readBytes(reader, ${plan.size})`);
      case 'decimal':
        if (plan.size !== undefined) return this.#call(`bytesToDecimal(readBytes(reader, ${plan.size}))`);
        this.#length();
        return this.#call('bytesToDecimal(readBytes(reader, n))');
      case 'enumeration': {
        const value = code.name('v');
        this.#shortLong();
        code.line(`const ${value} = ${code.constant(plan.symbols)}[n]; if (${value} === undefined) ${GIVE_UP}`);
        return value;
      }
      case 'array': {
        const value = code.name('a');
        code.line(`const ${value} = [];`);
        this.#blocks(() => code.line(`${value}.push(${this.#read(plan.items)});`), false);
        return value;
      }
      case 'map': {
        const value = code.name('m');
        code.line(`const ${value} = {};`);
        this.#blocks(() => {
          const key = this.#string();
          code.line(`setEntry(${value}, ${key}, ${this.#read(plan.values)});`);
        }, false);
        return value;
      }
      case 'branch':
        return this.#branch(plan.branches);
      case 'record':
        return this.#record(plan);
      case 'custom':
        return this.#call(`${code.constant(plan.schema)}.decode(reader)`);
    }
  }

  #scalar(plan: ScalarPlan): string {
    const code = this.#code;
    const value = code.name('v');
    switch (plan.wire) {
      case 'boolean':
        code.line(`n = B[p++]; if (n > 1) ${GIVE_UP} const ${value} = n === 1;`);
        return value;
      case 'int':
      case 'long':
      case 'timestamp':
        this.#long();
        if (plan.wire === 'int') code.line(`if ((n | 0) !== n) ${GIVE_UP}`);
        code.line(`const ${value} = ${convertNumber('n', plan)};`);
        return value;
      case 'float':
        code.line(`if (p + 4 > end) ${GIVE_UP} const ${value} = V.getFloat32(p, true); p += 4;`);
        return value;
      case 'double':
        code.line(`if (p + 8 > end) ${GIVE_UP} const ${value} = V.getFloat64(p, true); p += 8;`);
        return value;
      case 'string':
        return plan.convert === 'stringToBytes' ? this.#bytes() : this.#string();
      case 'bytes':
        return plan.convert === 'bytesToString' ? this.#string() : this.#bytes();
    }
  }

  #record(plan: RecordPlan): string {
    const code = this.#code;
    if (this.#open.includes(plan)) return this.#call(`interpretRead(reader, ${code.constant(plan)})`);
    this.#open.push(plan);
    const valueByTarget = new Map<string, string>();
    for (const step of plan.steps) this.#step(step, valueByTarget);
    this.#open.pop();
    const properties = plan.properties.map((property) => {
      const name = JSON.stringify(property.name);
      if (property.source === 'step') return `${name}: ${valueByTarget.get(property.name)}`;
      return `${name}: ${property.source === 'constant' ? Code.literal(property.value) : `${code.constant(property.make)}()`}`;
    });
    const value = code.name('r');
    code.line(`const ${value} = {${properties.join(', ')}};`);
    return value;
  }

  #step(step: RecordStep, valueByTarget: Map<string, string>): void {
    if (step.target === undefined) this.#skip(step.skip);
    else valueByTarget.set(step.target, this.#read(step.plan));
  }

  #branch(branches: readonly ReadPlan[]): string {
    const code = this.#code;
    const value = code.name('v');
    code.line(`let ${value}; n = B[p++];`);
    branches.forEach((branch, index) => {
      if (index >= 64) return; // more need two bytes: the twin reads them
      code.line(`${index === 0 ? '' : 'else '}if (n === ${index * 2}) {`);
      code.line(`${value} = ${this.#read(branch)}; }`);
    });
    code.line(`else ${GIVE_UP}`);
    return value;
  }

  #skip(shape: Shape): void {
    const code = this.#code;
    switch (shape.kind) {
      case 'null':
        return;
      case 'boolean':
        code.line('p++;');
        return;
      case 'int':
      case 'long':
      case 'timestamp':
      case 'enumeration':
        code.line('while (B[p++] > 127);');
        return;
      case 'float':
        code.line('p += 4;');
        return;
      case 'double':
        code.line('p += 8;');
        return;
      case 'fixed':
        code.line(`p += ${shape.size};`);
        return;
      case 'string':
      case 'bytes':
        this.#length();
        code.line('p += n;');
        return;
      case 'decimal':
        if (shape.fixed === undefined) this.#length();
        code.line(`p += ${shape.fixed?.size ?? 'n'};`);
        return;
      case 'array':
        this.#blocks(() => this.#skip(shape.items), true);
        return;
      case 'map':
        this.#blocks(() => {
          this.#skip({ kind: 'string' });
          this.#skip(shape.values);
        }, true);
        return;
      case 'optional':
      case 'union':
      case 'variant':
        this.#skipBranch(branchesOf(shape)!);
        return;
      case 'record':
        if (this.#openSkips.includes(shape)) {
          code.line(`reader.offset = p; skipValue(reader, ${code.constant(shape)}); p = reader.offset;`);
          return;
        }
        this.#openSkips.push(shape);
        for (const field of shape.fields) this.#skip(field.shape);
        this.#openSkips.pop();
        return;
      case 'custom':
        this.#call(`${code.constant(shape.schema)}.decode(reader)`);
    }
  }

  #skipBranch(branches: readonly Shape[]): void {
    const code = this.#code;
    code.line('n = B[p++];');
    branches.forEach((branch, index) => {
      if (index >= 64) return;
      code.line(`${index === 0 ? '' : 'else '}if (n === ${index * 2}) {`);
      this.#skip(branch);
      code.line('}');
    });
    code.line(`else ${GIVE_UP}`);
  }

  /** A loop over the entries of the blocks of an array or map. */
  #blocks(entry: () => void, canSkip: boolean): void {
    const code = this.#code;
    const count = code.name('c');
    code.line('for (;;) {');
    this.#shortLong();
    code.line(`let ${count} = n; if (${count} === 0) break; if (${count} < 0) {`);
    this.#length();
    if (canSkip) code.line('p += n; continue; }');
    else code.line(`${count} = -${count}; }`);
    code.line(`if (${count} > ${BLOCK_COUNT_FREE} && ${count} > end - p) ${GIVE_UP}`);
    code.line(`for (; ${count} > 0; ${count}--) {`);
    entry();
    code.line('} }');
  }

  /** Leaves a number in `n`. */
  #long(): void {
    const zigzag = 'n = (n >>> 1) ^ -(n & 1);';
    const slow = (byteCount: number): string =>
      `{ reader.offset = p - ${byteCount}; n = readLong(reader); p = reader.offset; }`;
    // Hot: up to four bytes fit 31 bits. What a site has never seen costs nothing there, so each has its own copy.
    this.#code.line(`n = B[p++]; if (n < 128) ${zigzag} else {`);
    this.#code.line(`n = n & 127 | (B[p] & 127) << 7; if (B[p++] < 128) ${zigzag} else {`);
    this.#code.line(`n |= (B[p] & 127) << 14; if (B[p++] < 128) ${zigzag} else {`);
    this.#code.line(`n |= (B[p] & 127) << 21; if (B[p++] < 128) ${zigzag} else {`);
    // Up to seven: no more than 49 bits, so the number is safe.
    this.#code.line('h = B[p] & 127; if (B[p++] < 128) n = wide(h, n); else {');
    this.#code.line('h |= (B[p] & 127) << 7; if (B[p++] < 128) n = wide(h, n); else {');
    this.#code.line(`h |= (B[p] & 127) << 14; if (B[p++] < 128) n = wide(h, n); else ${slow(7)}`);
    this.#code.line('} } } } } }');
  }

  /** Leaves a length in `n`, which is nearly always short. */
  #shortLong(): void {
    this.#code.line('n = B[p++]; if (n < 128) n = (n >>> 1) ^ -(n & 1);');
    this.#code.line('else if (B[p] < 128) { n = n & 127 | B[p++] << 7; n = (n >>> 1) ^ -(n & 1); }');
    this.#code.line('else { reader.offset = p - 1; n = readLong(reader); p = reader.offset; }');
  }

  /** Leaves a length in `n` that lies inside of the bytes. */
  #length(): void {
    this.#shortLong();
    this.#code.line(`if (n < 0 || n > end - p) ${GIVE_UP}`);
  }

  #string(): string {
    const value = this.#code.name('s');
    this.#length();
    this.#code.line(`const ${value} = n === 0 ? '' : cutString(reader, p, n); p += n;`);
    return value;
  }

  #bytes(): string {
    this.#length();
    return this.#call('readBytes(reader, n)');
  }

  /** A call of a function that works on the reader. */
  #call(expression: string): string {
    const value = this.#code.name('v');
    this.#code.line(`reader.offset = p; const ${value} = ${expression}; p = reader.offset;`);
    return value;
  }
}

/** The zigzag number of `high` and 28 bits below. */
function wide(high: number, low: number): number {
  const magnitude = high * 0x800_0000 + (low >>> 1);
  return (low & 1) === 0 ? magnitude : -1 - magnitude;
}

function convertNumber(expression: string, plan: ScalarPlan): string {
  if (plan.convert === 'microsToMillis') return `Math.floor(${expression} / 1000)`;
  return plan.convert === 'toFloat' ? `Math.fround(${expression})` : expression;
}
