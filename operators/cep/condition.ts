/** What a condition can ask besides the record itself. One object, reused: do not keep it. */
export interface ConditionContext<T> {
  /** The records that the partial match has taken for a stage so far, in order; empty when there are none. */
  eventsForPattern(name: string): readonly T[];
  /** Time of the record that is judged, milliseconds: its own, or in processing time when it is processed. */
  readonly timestamp: number;
  readonly currentProcessingTime: number;
}

/**
 * Says whether a record fits a stage. Pure. A condition with one parameter is asked once per record, whatever the number of
 * partial matches; one that takes the context, once per record and partial match at least.
 */
export type PatternCondition<F, T = F> = (event: F, context: ConditionContext<T>) => boolean;

/** Conditions as data, for the compiler. */
export type Condition =
  | { readonly kind: 'always' }
  | { readonly kind: 'test'; readonly test: PatternCondition<never, never> }
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly of: Condition };

export const ALWAYS: Condition = { kind: 'always' };

export function testOf<F extends T, T>(test: PatternCondition<F, T>): Condition {
  return { kind: 'test', test: test as unknown as PatternCondition<never, never> };
}

/** `right` may be absent: then it is `left`. */
export function and(left: Condition, right: Condition | undefined): Condition {
  if (right === undefined || right.kind === 'always') return left;
  return left.kind === 'always' ? right : { kind: 'and', left, right };
}

export function or(left: Condition, right: Condition): Condition {
  return { kind: 'or', left, right };
}

export function not(of: Condition): Condition {
  return { kind: 'not', of };
}
