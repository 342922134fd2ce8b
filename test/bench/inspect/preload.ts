/*
 * Loaded before a bench, in its process, in each of its child processes and threads (by NODE_OPTIONS): records what
 * TIDEMARK_INSPECT says into the folder TIDEMARK_INSPECT_DIR, until the process exits.
 */
import { writeFileSync, writeSync } from 'node:fs';
import { Session } from 'node:inspector';
import { PerformanceObserver } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { isMainThread, threadId } from 'node:worker_threads';

const SAMPLING_INTERVAL_US = 500;
const ALLOCATION_SAMPLING_BYTES = 32_768;

const kind = process.env['TIDEMARK_INSPECT'];
const file = `${process.env['TIDEMARK_INSPECT_DIR']}/${process.pid}-${threadId}`;

if (kind === 'profile') recordCpu();
else if (kind === 'mem') recordMemory();
else if (kind === 'deopt' && isMainThread) setFlagsFromString('--trace-deopt');

function recordCpu(): void {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: SAMPLING_INTERVAL_US });
  session.post('Profiler.start');
  process.once('exit', () => {
    session.post('Profiler.stop', (error, result) => {
      if (error === null) writeFileSync(`${file}.cpuprofile`, JSON.stringify(result.profile));
    });
  });
}

function recordMemory(): void {
  const session = new Session();
  session.connect();
  session.post('HeapProfiler.enable');
  // Objects that were collected count too: what is thrown away at once is what the collector works for.
  session.post('HeapProfiler.startSampling', {
    samplingInterval: ALLOCATION_SAMPLING_BYTES,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  } as never);
  const pauses: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) pauses.push(entry.duration);
  });
  observer.observe({ entryTypes: ['gc'] });
  process.once('exit', () => {
    for (const entry of observer.takeRecords()) pauses.push(entry.duration);
    session.post('HeapProfiler.stopSampling', (error, result) => {
      if (error === null) writeFileSync(`${file}.heapprofile`, JSON.stringify(result.profile));
    });
    const totalMs = pauses.reduce((sum, ms) => sum + ms, 0);
    const peakMb = process.resourceUsage().maxRSS / 1024;
    const text = `process ${process.pid} thread ${threadId}: ${pauses.length} collections, ${totalMs.toFixed(0)} ms in all, longest ${Math.max(0, ...pauses).toFixed(1)} ms; peak RSS of the process ${peakMb.toFixed(0)} MB\n`;
    writeSync(process.stderr.fd, text);
  });
}
