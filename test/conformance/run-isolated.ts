import { Worker } from 'node:worker_threads';
import { createNodeEnvironment } from '../../engine/base/environment-node.ts';
import { headOf, type VectorResult } from './run-vector.ts';
import type { Vector } from './vector.ts';

/** A vector that is not done by then never will be: they take milliseconds. */
const VECTOR_MS_MAX = 10_000;
const HEAP_MEGABYTES_MAX = 2048;

export interface RunIsolatedOptions {
  /** How long one vector may take, milliseconds of real time. Default 10 s. */
  readonly vectorMsMax?: number | undefined;
}

/**
 * Replays vectors one after the other where none can stop the others: one that hangs, runs out of memory or ends the
 * thread has failed, and the next one is run on a fresh thread.
 *
 * @param onResult called once per vector, in order.
 */
export async function runIsolated(
  vectors: readonly Vector[],
  onResult: (result: VectorResult) => void,
  { vectorMsMax = VECTOR_MS_MAX }: RunIsolatedOptions = {},
): Promise<void> {
  let doneCount = 0;
  while (doneCount < vectors.length) {
    const reason = await runUntilStopped(vectors.slice(doneCount), vectorMsMax, (result) => {
      doneCount++;
      onResult(result);
    });
    if (doneCount === vectors.length) return;
    onResult({ ...headOf(vectors[doneCount++]), result: 'fail', detail: reason });
  }
}

/** @returns why the thread stopped, when it has not answered for all of them. */
function runUntilStopped(
  vectors: readonly Vector[],
  vectorMsMax: number,
  onResult: (result: VectorResult) => void,
): Promise<string> {
  const { scheduler } = createNodeEnvironment();
  const worker = new Worker(new URL('vector-worker.ts', import.meta.url), {
    workerData: vectors,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES_MAX },
  });
  let reason = 'the thread ended while something was awaited that never comes';
  const watch = (): { cancel(): void } =>
    scheduler.setTimer(vectorMsMax, () => {
      reason = `not done after ${vectorMsMax} ms`;
      void worker.terminate();
    });
  let watchdog = watch();
  return new Promise((resolve) => {
    worker.on('message', (result: VectorResult) => {
      watchdog.cancel();
      watchdog = watch();
      onResult(result);
    });
    worker.on('error', (error: Error) => (reason = `${error.name}: ${error.message}`));
    worker.on('exit', () => {
      watchdog.cancel();
      resolve(reason);
    });
  });
}
