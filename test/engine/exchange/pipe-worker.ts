/** The receiving thread of a channel; says what was wrong with what arrived. */
import { parentPort, workerData } from 'node:worker_threads';
import { type PipeOptions, testReceiveRows } from './ring-pipe.ts';

parentPort!.postMessage(await testReceiveRows(workerData as PipeOptions));
