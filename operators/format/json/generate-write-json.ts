import type { ByteWriter } from '../../../engine/base/bytes.ts';
import { Code } from '../../../state/schema/code.ts';
import { describeMismatch, fitsPrecision } from '../../../state/schema/mismatch.ts';
import type { FieldShape, RecordShape, Shape } from '../../../state/schema/shape.ts';
import { writeError } from '../../../state/schema/write-error.ts';
import { toJson } from '../../../state/schema/to-json.ts';
import {
  NUMBER_BYTES_MAX,
  putDecimal,
  putDouble,
  putInteger,
  putIsoTime,
  putJsonString,
  STRING_BYTES_PER_CHAR,
} from './write-json.ts';

export interface JsonWriteRules {
  /** Name in JSON by field name, of the outermost record. */
  readonly names: Readonly<Record<string, string>>;
  /** Timestamps as ISO-8601, else as epoch milliseconds. */
  readonly isIso: boolean;
}

/**
 * Compiles a shape to a JSON encoder, which checks what it writes. Undefined where code generation is forbidden.
 *
 * Hot: faster than JSON.stringify, although it checks every field (test/bench/json.bench.ts).
 */
export function generateWriteJson<T>(
  shape: Shape,
  rules: JsonWriteRules,
): ((writer: ByteWriter, value: T) => void) | undefined {
  return new Generator(rules).generate<T>(shape);
}

/** The same step by step. */
export function writeJson(writer: ByteWriter, shape: Shape, value: unknown, rules: JsonWriteRules): void {
  const problem = describeMismatch(shape, value);
  if (problem !== undefined) throw new TypeError(problem);
  const text = JSON.stringify(toJson(shape, value, rules.isIso, rules.names));
  writer.ensure(text.length * 3);
  writer.length += writer.buffer.write(text, writer.length, 'utf8');
}

const FAIL = "throw new TypeError('value does not fit');";
/** The bytes of a key may be followed by some that are overwritten. */
const SLACK_BYTES = 8;

class Generator {
  readonly #code = new Code();
  readonly #rules: JsonWriteRules;
  readonly #open: RecordShape[] = [];

  constructor(rules: JsonWriteRules) {
    this.#rules = rules;
  }

  generate<T>(shape: Shape): ((writer: ByteWriter, value: T) => void) | undefined {
    const code = this.#code;
    code.line('const start = writer.length;');
    code.line('let B = writer.buffer, V = writer.view, p = start;');
    code.line('try {');
    this.#write(shape, 'value', this.#rules.names);
    code.line('writer.length = p;');
    code.line(`} catch (error) { writer.length = start; throw writeError(${code.constant(shape)}, value, error); }`);
    return code.compile('encode', 'writer, value', {
      writeError,
      writeJson,
      putJsonString,
      putInteger,
      putDouble,
      putDecimal,
      putIsoTime,
      fitsPrecision,
    });
  }

  #write(shape: Shape, value: string, names: Readonly<Record<string, string>>): void {
    const code = this.#code;
    switch (shape.kind) {
      case 'string':
        code.line(`if (typeof ${value} !== 'string') ${FAIL}`);
        this.#room(`${value}.length * ${STRING_BYTES_PER_CHAR}`);
        code.line(`p = putJsonString(B, V, p, ${value});`);
        return;
      case 'enumeration':
        code.line(`if (!${code.constant(new Set(shape.symbols))}.has(${value})) ${FAIL}`);
        this.#room(`${value}.length * ${STRING_BYTES_PER_CHAR}`);
        code.line(`p = putJsonString(B, V, p, ${value});`);
        return;
      case 'boolean':
        code.line(`if (typeof ${value} !== 'boolean') ${FAIL}`);
        this.#room('8');
        code.line(`if (${value}) { ${this.#bytes('true')} } else { ${this.#bytes('false')} }`);
        return;
      case 'int':
        code.line(`if (typeof ${value} !== 'number' || (${value} | 0) !== ${value}) ${FAIL}`);
        this.#number(`p = putInteger(B, p, ${value});`);
        return;
      case 'long':
      case 'timestamp':
        code.line(`if (!Number.isSafeInteger(${value})) ${FAIL}`);
        this.#number(
          `p = ${shape.kind === 'timestamp' && this.#rules.isIso ? 'putIsoTime' : 'putInteger'}(B, p, ${value});`,
        );
        return;
      case 'float':
      case 'double':
        code.line(`if (typeof ${value} !== 'number') ${FAIL}`);
        this.#number(`p = putDouble(B, p, ${value});`);
        return;
      case 'decimal':
        code.line(`if (typeof ${value} !== 'bigint' || !fitsPrecision(${value}, ${shape.precision})) ${FAIL}`);
        this.#room(String(shape.precision + 4));
        code.line(`p = putDecimal(B, p, ${value}, ${shape.scale});`);
        return;
      case 'optional':
        this.#room('4');
        code.line(`if (${value} === undefined || ${value} === null) { ${this.#bytes('null')} } else {`);
        this.#write(shape.value, value, names);
        code.line('}');
        return;
      case 'array': {
        const item = code.name('x');
        code.line(`if (!Array.isArray(${value})) ${FAIL}`);
        this.#open1('[');
        code.line(`for (const ${item} of ${value}) {`);
        this.#write(shape.items, item, {});
        this.#comma();
        code.line('}');
        this.#close(']');
        return;
      }
      case 'map': {
        const key = code.name('k');
        const item = code.name('x');
        this.#checkObject(value);
        this.#open1('{');
        code.line(`for (const ${key} of Object.keys(${value})) { const ${item} = ${value}[${key}];`);
        this.#room(`${key}.length * ${STRING_BYTES_PER_CHAR}`);
        code.line(`p = putJsonString(B, V, p, ${key}); B[p++] = 58;`);
        this.#write(shape.values, item, {});
        this.#comma();
        code.line('}');
        this.#close('}');
        return;
      }
      case 'record':
        if (this.#open.includes(shape)) {
          this.#interpret(shape, value);
          return;
        }
        this.#checkObject(value);
        this.#open1('{');
        this.#fields(shape, value, names);
        this.#close('}');
        return;
      case 'union':
        this.#checkObject(value);
        code.line(`switch (${value}.${shape.tag}) {`);
        for (const branch of shape.branches) {
          const head = `{${JSON.stringify(shape.tag)}:${JSON.stringify(branch.label)},`;
          code.line(`case ${Code.literal(branch.label)}: {`);
          this.#room(String(Buffer.byteLength(head)));
          code.line(this.#bytes(head));
          this.#fields(branch.record, value, names);
          this.#close('}');
          code.line('break; }');
        }
        code.line(`default: ${FAIL} }`);
        return;
      default:
        this.#interpret(shape, value);
    }
  }

  #fields(shape: RecordShape, record: string, names: Readonly<Record<string, string>>): void {
    this.#open.push(shape);
    for (const field of shape.fields) this.#field(field, record, names);
    this.#open.pop();
  }

  #field(field: FieldShape, record: string, names: Readonly<Record<string, string>>): void {
    const code = this.#code;
    const value = code.name('x');
    const name = Object.hasOwn(names, field.name) ? names[field.name]! : field.name;
    const key = `${JSON.stringify(name)}:`;
    const isOptional = field.shape.kind === 'optional';
    code.line(`const ${value} = ${record}.${field.name};`);
    code.line(isOptional ? `if (${value} !== undefined && ${value} !== null) {` : '{');
    this.#room(String(Buffer.byteLength(key)));
    code.line(this.#bytes(key));
    this.#write(field.shape.kind === 'optional' ? field.shape.value : field.shape, value, {});
    this.#comma();
    code.line('}');
  }

  /** Statements that write fixed bytes in words; the last word may write beyond. */
  #bytes(text: string): string {
    const bytes = Buffer.concat([Buffer.from(text), Buffer.alloc(4)]);
    const length = bytes.length - 4;
    const words: string[] = [];
    for (let at = 0; at < length; at += 4) words.push(`V.setInt32(p + ${at}, ${bytes.readInt32LE(at)}, true);`);
    return `${words.join(' ')} p += ${length};`;
  }

  #number(put: string): void {
    this.#room(String(NUMBER_BYTES_MAX + 5));
    this.#code.line(put);
  }

  /** Room for so many bytes, and for a quote pair, a bracket and a comma. */
  #room(byteCount: string): void {
    const need = this.#code.name('n');
    this.#code.line(`const ${need} = ${byteCount} + ${SLACK_BYTES};`);
    this.#code.line(
      `if (p + ${need} > B.length) { writer.length = p; writer.ensure(${need}); B = writer.buffer; V = writer.view; }`,
    );
  }

  #open1(bracket: string): void {
    this.#room('1');
    this.#code.line(`B[p++] = ${bracket.charCodeAt(0)};`);
  }

  #comma(): void {
    this.#room('1');
    this.#code.line('B[p++] = 44;');
  }

  /** In place of the last comma, if there is one. */
  #close(bracket: string): void {
    this.#room('1');
    this.#code.line(
      `if (B[p - 1] === 44) B[p - 1] = ${bracket.charCodeAt(0)}; else B[p++] = ${bracket.charCodeAt(0)};`,
    );
  }

  #checkObject(value: string): void {
    this.#code.line(`if (typeof ${value} !== 'object' || ${value} === null || Array.isArray(${value})) ${FAIL}`);
  }

  #interpret(shape: Shape, value: string): void {
    const code = this.#code;
    const rules = code.constant({ ...this.#rules, names: {} });
    code.line(
      `writer.length = p; writeJson(writer, ${code.constant(shape)}, ${value}, ${rules}); B = writer.buffer; V = writer.view; p = writer.length;`,
    );
  }
}
