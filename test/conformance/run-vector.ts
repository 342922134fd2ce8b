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
import type { Vector } from './vector.ts';
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

/** Replays one vector against the engine's own operators, on a kind of keyed state. */
export async function runVector(vector: Vector, backend: TestBackendKind = PAGED_BACKEND): Promise<VectorResult> {
  const type = vector.operator.type;
  const create = TYPES[type];
  if (create === undefined) return { name: vector.name, type, result: 'skip', detail: `type ${type} is not covered` };
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
  } catch (error) {
    if (error instanceof NotCovered) return { name: vector.name, type, result: 'skip', detail: error.message };
    const detail = `step ${observed.step}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    return { name: vector.name, type, result: 'fail', detail };
  }
  const difference = compare(vector, observed);
  return { name: vector.name, type, result: difference === undefined ? 'ok' : 'fail', detail: difference ?? '' };
}
