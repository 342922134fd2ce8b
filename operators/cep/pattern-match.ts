/** What matched: for each stage the records it took, in order; none for a stage that was left out. */
export type PatternMatch<T, N extends string = string> = { readonly [K in N]: readonly T[] };
