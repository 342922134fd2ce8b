import type { QueryName } from '../../../../jobs/nexmark/queries/queries.ts';
import { q20, q3, q4, q9 } from './join-loops.ts';
import type { QueryLoop } from './query-loop.ts';
import { q0, q1, q13, q2 } from './stateless-loops.ts';
import { q15, q18, q19 } from './update-loops.ts';
import { q11, q5, q7, q8 } from './window-loops.ts';

export const LOOPS = {
  q0,
  q1,
  q2,
  q3,
  q4,
  q5,
  q7,
  q8,
  q9,
  q11,
  q13,
  q15,
  q18,
  q19,
  q20,
} as const satisfies Readonly<Partial<Record<QueryName, QueryLoop>>>;
export type LoopQuery = keyof typeof LOOPS;

export function isLoopQuery(query: QueryName): query is LoopQuery {
  return query in LOOPS;
}
