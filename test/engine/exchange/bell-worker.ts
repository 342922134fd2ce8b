/** The second of two threads that pass numbers to and fro; says how often it slept. */
import { parentPort, workerData } from 'node:worker_threads';
import { testPassNumbers, type PassNumbersOptions } from './pass-numbers.ts';

parentPort!.postMessage(await testPassNumbers({ ...(workerData as PassNumbersOptions), threadIndex: 1 }));
