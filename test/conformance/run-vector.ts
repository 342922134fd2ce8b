import { PAGED_BACKEND, type TestBackendKind } from '../harness/operators/backends.ts';
import { compare } from './compare.ts';
import { NotCovered, Observed } from './observed.ts';
import { asyncWait } from './types/async-wait.ts';
import * as barriers from './types/barriers.ts';
import { keyedBroadcastProcess } from './types/broadcast.ts';
import { cep } from './types/cep.ts';
import * as joins from './types/joins.ts';
import * as keys from './types/keys.ts';
import * as process from './types/process.ts';
import { temporalJoin } from './types/temporal-join.ts';
import * as time from './types/time.ts';
import * as ttl from './types/ttl.ts';
import { trigger } from './types/trigger.ts';
import { twoPhaseCommitSinkType } from './types/two-phase-commit.ts';
import { window } from './types/window.ts';
import {
  mergeWindows,
  mergingWindowSet,
  windowAssigner,
  windowIntersects,
  windowStart,
} from './types/window-assigners.ts';
import { malformation, type Vector } from './vector.ts';
import type { VectorType } from './observed.ts';

const TYPES: Readonly<Record<string, VectorType>> = {
  ...time,
  ...keys,
  ...barriers,
  ...ttl,
  ...process,
  ...joins,
  asyncWait,
  cep,
  temporalJoin,
  keyedBroadcastProcess,
  trigger,
  twoPhaseCommitSink: twoPhaseCommitSinkType,
  window,
  windowAssigner,
  windowStart,
  windowIntersects,
  mergeWindows,
  mergingWindowSet,
};

export interface VectorResult {
  readonly name: string;
  readonly type: string;
  readonly result: 'ok' | 'fail' | 'skip';
  /** The first difference, or why it was skipped. */
  readonly detail: string;
}

/**
 * Replays one vector against the engine's own operators, on a kind of keyed state. Never throws: what goes wrong is the
 * result.
 */
export async function runVector(vector: Vector, backend: TestBackendKind = PAGED_BACKEND): Promise<VectorResult> {
  const malformed = malformation(vector);
  if (malformed !== undefined) return { ...headOf(vector), result: 'fail', detail: `malformed vector: ${malformed}` };
  const head = headOf(vector);
  const create = Object.hasOwn(TYPES, head.type) ? TYPES[head.type] : undefined;
  if (create === undefined) return { ...head, result: 'skip', detail: `type ${head.type} is not covered` };
  const observed = new Observed();
  try {
    const run = await create(vector, observed, backend);
    for (const step of vector.input) {
      observed.step++;
      await run.step(step);
    }
    observed.step++;
    await run.end?.();
    await run.close?.();
    const difference = compare(vector, observed);
    return { ...head, result: difference === undefined ? 'ok' : 'fail', detail: difference ?? '' };
  } catch (error) {
    if (error instanceof NotCovered) return { ...head, result: 'skip', detail: error.message };
    return { ...head, result: 'fail', detail: `step ${observed.step}: ${traceOf(error)}` };
  }
}

/** Name and type of what may be no vector. */
export function headOf(vector: unknown): Pick<VectorResult, 'name' | 'type'> {
  const { name, operator } = (vector ?? {}) as Partial<Vector>;
  return {
    name: typeof name === 'string' ? name : '(without name)',
    type: typeof operator?.type === 'string' ? operator.type : '(without type)',
  };
}

/** The error and where it came from, in one line. */
function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [place = ''] = /^ +at .*$/m.exec(error.stack ?? '') ?? [];
  return `${error.name}: ${error.message.replaceAll('\n', ' ')} ${place.trim()}`;
}
