import { Code } from '../../../state/schema/code.ts';
import { setEntry } from '../../../state/schema/interpret-read.ts';
import type { FieldShape, RecordShape, Shape } from '../../../state/schema/shape.ts';
import { timestampOfNumber } from '../timestamp-text.ts';
import { fromJson, jsonName, leafFromJson, PLAIN_JSON, type JsonRules } from './from-json.ts';

/**
 * Compiles `fromJson` for a shape: the usual value of each type is checked in line, everything else goes to the twin, which
 * converts it or says what is wrong.
 */
export function createFromJson<T>(shape: Shape, rules: JsonRules): (value: unknown) => T {
  const twin = (value: unknown): T => fromJson(shape, value, rules) as T;
  return new Generator(rules).generate<T>(shape, twin) ?? twin;
}

const GIVE_UP = 'return twin(value);';

class Generator {
  readonly #code = new Code();
  readonly #open: RecordShape[] = [];
  readonly #inner: JsonRules;
  readonly #rules: JsonRules;

  constructor(rules: JsonRules) {
    this.#rules = rules;
    this.#inner = { ...rules, names: PLAIN_JSON.names };
  }

  generate<T>(shape: Shape, twin: (value: unknown) => T): ((value: unknown) => T) | undefined {
    const result = this.#convert(shape, 'value', this.#rules);
    this.#code.line(`return ${result};`);
    return this.#code.compile('convert', 'value', { twin, fromJson, leafFromJson, setEntry, timestampOfNumber });
  }

  /** Adds the code that converts an expression, and returns the expression of the result. */
  #convert(shape: Shape, value: string, rules: JsonRules): string {
    const code = this.#code;
    switch (shape.kind) {
      case 'string':
        code.line(`if (typeof ${value} !== 'string') ${GIVE_UP}`);
        return value;
      case 'boolean':
        code.line(`if (${value} !== true && ${value} !== false) ${GIVE_UP}`);
        return value;
      case 'int':
        code.line(`if (typeof ${value} !== 'number' || (${value} | 0) !== ${value}) ${GIVE_UP}`);
        return `(${value} + 0)`;
      case 'long':
        code.line(`if (!Number.isSafeInteger(${value})) ${GIVE_UP}`);
        return `(${value} + 0)`;
      case 'double':
        code.line(`if (typeof ${value} !== 'number') ${GIVE_UP}`);
        return value;
      case 'timestamp': {
        const result = code.name('v');
        const text = `leafFromJson(${code.constant(shape)}, ${value}, ${code.constant(rules)}, '')`;
        // A text that is no time throws without the path; the twin says it again with it.
        code.line(
          `let ${result}; if (typeof ${value} === 'number') { ${result} = timestampOfNumber(${value}); if (${result} !== ${result}) ${GIVE_UP} }`,
        );
        code.line(`else try { ${result} = ${text}; } catch { ${GIVE_UP} }`);
        return result;
      }
      case 'optional': {
        const result = code.name('v');
        code.line(`let ${result}; if (${value} !== undefined && ${value} !== null) {`);
        code.line(`${result} = ${this.#convert(shape.value, value, rules)}; }`);
        return result;
      }
      case 'array': {
        const result = code.name('a');
        const index = code.name('i');
        const item = code.name('x');
        code.line(`if (!Array.isArray(${value})) ${GIVE_UP}`);
        code.line(
          `const ${result} = []; for (let ${index} = 0; ${index} < ${value}.length; ${index}++) { const ${item} = ${value}[${index}];`,
        );
        code.line(`${result}.push(${this.#convert(shape.items, item, this.#inner)}); }`);
        return result;
      }
      case 'map': {
        const result = code.name('m');
        const key = code.name('k');
        const item = code.name('x');
        this.#checkObject(value);
        code.line(
          `const ${result} = {}; for (const ${key} of Object.keys(${value})) { const ${item} = ${value}[${key}];`,
        );
        code.line(`setEntry(${result}, ${key}, ${this.#convert(shape.values, item, this.#inner)}); }`);
        return result;
      }
      case 'record':
        if (this.#open.includes(shape)) return this.#call(shape, value);
        this.#checkObject(value);
        return this.#record(shape, value, rules, '');
      case 'union': {
        const result = code.name('v');
        this.#checkObject(value);
        code.line(`let ${result}; switch (${value}[${JSON.stringify(shape.tag)}]) {`);
        for (const branch of shape.branches) {
          const label = Code.literal(branch.label);
          code.line(`case ${label}: {`);
          code.line(
            `${result} = ${this.#record(branch.record, value, rules, `${JSON.stringify(shape.tag)}: ${label}, `)}; break; }`,
          );
        }
        code.line(`default: ${GIVE_UP} }`);
        return result;
      }
      default:
        return this.#call(shape, value);
    }
  }

  #record(shape: RecordShape, value: string, rules: JsonRules, tag: string): string {
    this.#open.push(shape);
    const properties = shape.fields.map(
      (field) => `${JSON.stringify(field.name)}: ${this.#field(field, value, rules)}`,
    );
    this.#open.pop();
    const result = this.#code.name('r');
    this.#code.line(`const ${result} = {${tag}${properties.join(', ')}};`);
    return result;
  }

  #field(field: FieldShape, record: string, rules: JsonRules): string {
    const code = this.#code;
    const value = code.name('x');
    code.line(`const ${value} = ${record}[${JSON.stringify(jsonName(rules, field.name))}];`);
    if (field.default === undefined) return this.#convert(field.shape, value, this.#inner);
    const result = code.name('v');
    const fallback = code.constant(field.default);
    code.line(`let ${result}; if (${value} === undefined) ${result} = structuredClone(${fallback}.value); else {`);
    code.line(`${result} = ${this.#convert(field.shape, value, this.#inner)}; }`);
    return result;
  }

  #call(shape: Shape, value: string): string {
    const result = this.#code.name('v');
    const call = `fromJson(${this.#code.constant(shape)}, ${value}, ${this.#code.constant(this.#inner)}, '')`;
    this.#code.line(`let ${result}; try { ${result} = ${call}; } catch { ${GIVE_UP} }`);
    return result;
  }

  #checkObject(value: string): void {
    this.#code.line(`if (typeof ${value} !== 'object' || ${value} === null || Array.isArray(${value})) ${GIVE_UP}`);
  }
}
