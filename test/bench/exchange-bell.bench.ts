/**
 * Waking another thread that sleeps in its event loop: Atomics.waitAsync and a MessagePort.
 * Run: npm run bench -- exchange-bell    Unit: us per round trip (two wakings), ns per ring    TIDEMARK_BENCH=test: tiny sizes
 */
import { once } from 'node:events';
import { isMainThread, MessageChannel, type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads';
import { BellRinger, createSharedBells, type SharedBells, ThreadBell } from '../../engine/exchange/thread-bell.ts';

const ROUND_TRIPS = process.env['TIDEMARK_BENCH'] === 'test' ? 10 : 10_000;

interface Ends {
  readonly bells: SharedBells;
  readonly port: MessagePort;
}

if (isMainThread) await measure();
else answer(workerData as Ends);

async function measure(): Promise<void> {
  const bells = createSharedBells(2);
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL(import.meta.url), { workerData: { bells, port: port2 }, transferList: [port2] });
  await once(worker, 'message');
  const bell = new ThreadBell(bells, 0);
  const other = new BellRinger(bells, 1);
  await time('bell (Atomics.waitAsync)', (done) => {
    let left = ROUND_TRIPS;
    bell.onRing = () => {
      if (left-- === 0) return done();
      bell.arm();
      other.ring();
    };
    bell.onRing();
  });
  bell.close();
  await time('MessagePort', (done) => {
    let left = ROUND_TRIPS;
    port1.on('message', () => (left-- === 0 ? done() : port1.postMessage(0)));
    port1.postMessage(0);
  });
  port1.close();
  const notified = new Int32Array(new SharedArrayBuffer(4));
  const rings = ROUND_TRIPS * 10;
  ring('Atomics.notify', rings, () => void Atomics.notify(notified, 0));
  const idle = new MessageChannel();
  ring('postMessage', rings, () => idle.port1.postMessage(0));
  ring('a bell that is not armed', rings, () => other.ring());
  idle.port1.close();
  await worker.terminate();
}

function answer({ bells, port }: Ends): void {
  const bell = new ThreadBell(bells, 1);
  const main = new BellRinger(bells, 0);
  bell.onRing = () => {
    bell.arm();
    main.ring();
  };
  bell.arm();
  port.on('message', () => port.postMessage(0));
  parentPort!.postMessage('ready');
}

async function time(name: string, run: (done: () => void) => void): Promise<void> {
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  await new Promise<void>((resolve) => run(resolve));
  const { user, system } = process.cpuUsage(cpu);
  const wallUs = ((performance.now() - startMs) * 1000) / ROUND_TRIPS;
  console.log(`  ${name.padEnd(28)} ${wallUs.toFixed(1)} us, CPU ${((user + system) / ROUND_TRIPS).toFixed(1)} us`);
}

function ring(name: string, count: number, run: () => void): void {
  const startMs = performance.now();
  for (let i = 0; i < count; i++) run();
  console.log(`  ${name.padEnd(28)} ${(((performance.now() - startMs) * 1e6) / count).toFixed(0)} ns`);
}
