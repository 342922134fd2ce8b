import type { Condition, ConditionContext, PatternCondition } from './condition.ts';

/** A condition ready to be asked about the record in `judged`. */
export type CompiledCondition = (judged: JudgedEvent) => boolean;

/** The record that is judged, with what is known about it: one object per operator, filled per record and partial match. */
export interface JudgedEvent {
  event: unknown;
  readonly context: ConditionContext<unknown>;
  /** By number of the condition: 0 not asked yet, 1 false, 2 true. Cleared per record. */
  readonly answers: Uint8Array;
}

/** Compiles the conditions of one pattern; each of the user's functions gets a number. */
export class ConditionCompiler {
  readonly #numbers = new Map<PatternCondition<never, never>, number>();

  /** Conditions that are asked once per record, so far. */
  get answerCount(): number {
    return this.#numbers.size;
  }

  /** Whether the answer is the same for all partial matches. */
  static isPlain(condition: Condition): boolean {
    switch (condition.kind) {
      case 'always':
        return true;
      case 'test':
        // Anything but a single plain parameter may look at the context.
        return condition.test.length === 1;
      case 'not':
        return ConditionCompiler.isPlain(condition.of);
      case 'and':
      case 'or':
        return ConditionCompiler.isPlain(condition.left) && ConditionCompiler.isPlain(condition.right);
    }
  }

  compile(condition: Condition): CompiledCondition {
    switch (condition.kind) {
      case 'always':
        return () => true;
      case 'test':
        return this.#compileTest(condition.test);
      case 'not': {
        const of = this.compile(condition.of);
        return (judged) => !of(judged);
      }
      case 'and': {
        const left = this.compile(condition.left);
        const right = this.compile(condition.right);
        return (judged) => left(judged) && right(judged);
      }
      case 'or': {
        const left = this.compile(condition.left);
        const right = this.compile(condition.right);
        return (judged) => left(judged) || right(judged);
      }
    }
  }

  #compileTest(test: PatternCondition<never, never>): CompiledCondition {
    if (test.length !== 1) return (judged) => test(judged.event as never, judged.context as never);
    let known = this.#numbers.get(test);
    if (known === undefined) {
      known = this.#numbers.size;
      this.#numbers.set(test, known);
    }
    const number = known;
    return (judged) => {
      const answer = judged.answers[number]!;
      if (answer !== 0) return answer === 2;
      const fits = test(judged.event as never, judged.context as never);
      judged.answers[number] = fits ? 2 : 1;
      return fits;
    };
  }
}
