/** A piece of generated JavaScript: lines of code, names for temporaries, and the objects it refers to. */
export class Code {
  readonly #lines: string[] = [];
  readonly #constants: unknown[] = [];
  #names = 0;

  line(text: string): void {
    this.#lines.push(text);
  }

  /** A name that is not used yet. */
  name(prefix: string): string {
    return `${prefix}${this.#names++}`;
  }

  /** The name under which the code finds an object. */
  constant(value: unknown): string {
    const index = this.#constants.indexOf(value);
    return `K${index >= 0 ? index : this.#constants.push(value) - 1}`;
  }

  /** Code for a primitive. */
  static literal(value: string | number | boolean | bigint | null | undefined): string {
    if (typeof value === 'bigint') return `${value}n`;
    if (Object.is(value, -0)) return '-0';
    return typeof value === 'string' ? JSON.stringify(value) : String(value);
  }

  /**
   * Makes the function whose parameters and body this is.
   *
   * @param scope what the code may use, by name.
   * @returns undefined where the runtime forbids code generation.
   */
  compile<F>(name: string, parameters: string, scope: Readonly<Record<string, unknown>>): F | undefined {
    const names = [...Object.keys(scope), ...this.#constants.map((_, index) => `K${index}`)];
    const body = `'use strict';\nreturn function ${name}(${parameters}) {\n${this.#lines.join('\n')}\n};`;
    let factory: (...values: unknown[]) => F;
    try {
      // oxlint-disable-next-line typescript/no-implied-eval -- generated from checked names and plan data only
      factory = new Function(...names, body) as (...values: unknown[]) => F;
    } catch (error) {
      if (error instanceof EvalError) return undefined;
      throw error;
    }
    return factory(...Object.values(scope), ...this.#constants);
  }
}
