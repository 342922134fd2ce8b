import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { sendError } from './error-transfer.ts';
import type { FromWorker, ToWorker, WorkerStart } from './worker-messages.ts';
import { WorkerTasks } from './worker-tasks.ts';

/** The entry of a worker thread. */
assert(parentPort !== null, () => 'this module is the entry of a worker thread');
const port = parentPort;
const send = (message: FromWorker): void => port.postMessage(message);

// An unhandled rejection comes here too: whatever nobody has caught ends the thread, and the job hears of it.
process.on('uncaughtException', (error) => {
  send({ kind: 'died', error: sendError(error) });
  process.exit(1);
});

const building = WorkerTasks.build(workerData as WorkerStart, send);
building.then(
  () => send({ kind: 'built' }),
  (error: unknown) => send({ kind: 'refused', error: sendError(error) }),
);
port.on('message', (message: ToWorker) => {
  building.then(
    (tasks) => tasks.onMessage(message),
    // What could not be built has been closed there.
    () => {
      if (message.kind === 'close') send({ kind: 'closed' });
    },
  );
});
