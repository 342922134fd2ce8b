import { RingReceiver } from '../../../engine/exchange/ring-receiver.ts';
import { RingSender } from '../../../engine/exchange/ring-sender.ts';
import type { SharedRing } from '../../../engine/exchange/shared-ring.ts';
import { BellRinger, type SharedBells, ThreadBell } from '../../../engine/exchange/thread-bell.ts';
import { RecordBatch } from '../../../engine/task/record-batch.ts';

export interface PipeOptions {
  readonly ring: SharedRing;
  readonly bells: SharedBells;
  readonly batchRecords: number;
  readonly batchCount: number;
}

const SENDER_THREAD = 0;
const RECEIVER_THREAD = 1;

interface Row {
  readonly n: number;
  readonly text: string;
}

/** The n-th record; now and then a large one. */
function row(n: number): Row {
  return { n, text: n % 5000 === 4999 ? 'large'.repeat(50_000) : `row ${n % 17}` };
}

/** Runs `step` until it says that it is done; sleeps on the bell when it has nothing to do. Returns how often it slept. */
async function runOn(bell: ThreadBell, step: () => 'done' | 'busy' | 'idle'): Promise<number> {
  let wake = (): void => {};
  bell.onRing = () => wake();
  let sleeps = 0;
  for (;;) {
    let status = step();
    if (status === 'idle') {
      const rung = new Promise<void>((resolve) => void (wake = resolve));
      bell.arm();
      status = step();
      if (status === 'idle') {
        sleeps++;
        await rung;
      }
      bell.disarm();
    }
    if (status === 'done') break;
  }
  bell.close();
  return sleeps;
}

/** Sends batches of rows, a watermark behind each, and the end. */
export function testSendRows(options: PipeOptions): Promise<number> {
  const { ring, bells, batchRecords, batchCount } = options;
  const peer = new BellRinger(bells, RECEIVER_THREAD);
  const sender = new RingSender({ channelId: 0, ring, peer, batchRecords });
  let sent = 0;
  let next = 0;
  return runOn(new ThreadBell(bells, SENDER_THREAD), () => {
    const hasMoved = sender.pump();
    if (!sender.hasRoom) return hasMoved ? 'busy' : 'idle';
    if (sent > batchCount) return 'done';
    if (sent === batchCount) {
      sender.push({ tag: 'end' });
    } else {
      const batch = sender.acquire();
      for (let count = 1 + ((sent * 7) % batchRecords); count > 0; count--) {
        batch.keys[batch.length] = `row ${next % 17}`;
        batch.push(row(next), next);
        next++;
      }
      sender.push(batch);
      sender.push({ tag: 'watermark', watermarkMs: next });
    }
    sent++;
    return 'busy';
  });
}

/** Returns what is wrong with what arrives, and how often the thread slept. */
export async function testReceiveRows(
  options: PipeOptions,
): Promise<{ readonly wrong: number; readonly sleeps: number }> {
  const { ring, bells, batchRecords } = options;
  const peer = new BellRinger(bells, SENDER_THREAD);
  const receiver = new RingReceiver({ channelId: 0, ring, peer, batchRecords });
  let next = 0;
  let wrong = 0;
  const sleeps = await runOn(new ThreadBell(bells, RECEIVER_THREAD), () => {
    const element = receiver.take();
    if (element === undefined) return 'idle';
    if (element instanceof RecordBatch) {
      for (let i = 0; i < element.length; i++, next++) {
        const expected = row(next);
        const found = element.values[i] as Row;
        if (found.n !== expected.n || found.text !== expected.text || element.timestamps[i] !== next) wrong++;
        if (element.keys[i] !== `row ${next % 17}`) wrong++;
      }
      receiver.release(element);
    } else if (element.tag === 'watermark') {
      if (element.watermarkMs !== next) wrong++;
    } else {
      return 'done';
    }
    return 'busy';
  });
  return { wrong, sleeps };
}
