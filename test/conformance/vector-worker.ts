/* The thread of `run-isolated.ts`: answers with one result per vector. */
import { parentPort, workerData } from 'node:worker_threads';
import { runVector } from './run-vector.ts';
import type { Vector } from './vector.ts';

for (const vector of workerData as readonly Vector[]) parentPort!.postMessage(await runVector(vector));
