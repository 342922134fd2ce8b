import type { RunOptions, RunReading } from './run-query.ts';
import { loadAverage, medianOf } from './usage.ts';

/** A run for people. */
export function reportRun(query: string, reading: RunReading): string {
  const { seconds, cpuSeconds, outputRows, peakRssMb, checkpoints } = reading;
  return `${query}: ${seconds.toFixed(2)} s, ${cpuSeconds.toFixed(2)} CPU s, rows ${outputRows}, ${peakRssMb} MB, ${checkpoints} checkpoints`;
}

/** The JSON line of all runs of a query: medians, and what the last one had. */
export function reportLine(options: RunOptions, engine: string, readings: readonly RunReading[]): string {
  const { query, input, store, parallelism, workers } = options;
  const median = (of: (reading: RunReading) => number): number => medianOf(readings.map(of));
  const seconds = median((reading) => reading.seconds);
  const cpuSeconds = median((reading) => reading.cpuSeconds);
  const last = readings.at(-1)!;
  return JSON.stringify({
    query,
    input: input.kind,
    backend: engine === 'loop' ? 'loop' : store,
    parallelism,
    workers,
    events: input.eventCount,
    seconds: rounded(seconds),
    eventsPerSecond: Math.round(input.eventCount / seconds),
    cpuSeconds: rounded(cpuSeconds),
    eventsPerCpuSecond: Math.round(input.eventCount / cpuSeconds),
    peakRssMb: median((reading) => reading.peakRssMb),
    checkpoints: median((reading) => reading.checkpoints),
    lastCheckpointMs: Math.round(last.lastCheckpointMs),
    lastCheckpointMb: Math.floor(last.lastCheckpointBytes / (1 << 20)),
    outputRows: last.outputRows,
    wallSeconds: rounded(median((reading) => reading.wallSeconds)),
    loadAverage: rounded(loadAverage()),
    runs: readings.map((reading) => [rounded(reading.seconds), rounded(reading.cpuSeconds)]),
  });
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
