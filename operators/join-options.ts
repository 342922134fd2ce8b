import { UserError } from '../engine/base/errors.ts';
import type { Schema } from '../state/schema/schema.ts';
import type { JoinLogic } from './join/join-function.ts';
import type { StatefulOperatorOptions } from './stream-graph-builder.ts';

/** How the rows of both sides are stored, and who the operator is. */
export interface JoinOptions<L, R> extends StatefulOperatorOptions {
  readonly leftSchema: Schema<L>;
  readonly rightSchema: Schema<R>;
}

/** A join function, or what makes one per subtask. */
export type JoinFunction<L, R, OUT> = JoinLogic<L, R, OUT> | (() => JoinLogic<L, R, OUT>);

/** One result per call. */
export function mappingJoin<L, R, OUT>(join: (left: L, right: R) => OUT): JoinLogic<L, R, OUT> {
  return { processElement: (left, right, _context, out) => out.collect(join(left, right)) };
}

export function joinLogicOf<L, R, OUT>(joinFunction: JoinFunction<L, R, OUT>): JoinLogic<L, R, OUT> {
  return typeof joinFunction === 'function' ? joinFunction() : joinFunction;
}

/** @throws UserError when a schema is missing. */
export function requireJoinSchemas(kind: string, options: JoinOptions<unknown, unknown>): void {
  if (options.leftSchema !== undefined && options.rightSchema !== undefined) return;
  throw new UserError('JOB_DEFINITION', `${kind} '${options.uid}' keeps rows but has no schema for them`, {
    hint: 'Pass { leftSchema, rightSchema } with the schemas of the rows of both sides.',
  });
}
