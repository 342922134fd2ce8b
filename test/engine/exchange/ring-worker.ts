/** Reads messages from a ring on a thread of its own and compares them with what their number says. */
import { parentPort, workerData } from 'node:worker_threads';
import { RingReader } from '../../../engine/exchange/ring-reader.ts';
import type { SharedRing } from '../../../engine/exchange/shared-ring.ts';
import { testCreateMessage, testPause, TestReceiver } from './ring-messages.ts';

const { ring, seed, count, bytesMax } = workerData as {
  readonly ring: SharedRing;
  readonly seed: number;
  readonly count: number;
  readonly bytesMax: number;
};
const receiver = new TestReceiver(new RingReader(ring));
let wrong = 0;
for (let nth = 0; nth < count;) {
  const message = receiver.read();
  if (message === undefined) {
    testPause();
    continue;
  }
  if (!message.equals(testCreateMessage(seed, nth, bytesMax))) wrong++;
  nth++;
}
parentPort!.postMessage(wrong);
