import type { BenchInput } from './input.ts';

/** What a variant is started with, as JSON in its first argument. */
export interface VariantArguments {
  readonly input: BenchInput;
  readonly cacheBytes: number;
  readonly checkpointInterval: string;
  readonly store: 'rocksdb' | 'heap';
  readonly brokers?: string | undefined;
  readonly topic?: string | undefined;
}

export function readArguments(): VariantArguments {
  return JSON.parse(process.argv[2]!) as VariantArguments;
}

/** Wall and CPU time of the whole process since it was made (garbage collection, RocksDB and I/O threads included). */
export class Usage {
  readonly #startMs = performance.now();
  readonly #startCpu = process.cpuUsage();

  stop(): { readonly seconds: number; readonly cpuSeconds: number } {
    const cpu = process.cpuUsage(this.#startCpu);
    return { seconds: (performance.now() - this.#startMs) / 1000, cpuSeconds: (cpu.user + cpu.system) / 1e6 };
  }
}

export interface VariantResult {
  readonly events: number;
  readonly matches: number;
  readonly checkpoints?:
    | { readonly completedCount: number; readonly totalBytes: number; readonly totalDurationMs: number }
    | undefined;
}

/** Prints the JSON line of a variant. */
export function report(
  variant: string,
  usage: { readonly seconds: number; readonly cpuSeconds: number },
  result: VariantResult,
): void {
  const { checkpoints, events, matches } = result;
  const round = (value: number): number => Math.round(value * 1000) / 1000;
  const line = {
    bench: 'attribution',
    variant,
    events,
    matches,
    seconds: round(usage.seconds),
    eventsPerSecond: Math.round(events / usage.seconds),
    cpuSeconds: round(usage.cpuSeconds),
    eventsPerCpuSecond: Math.round(events / usage.cpuSeconds),
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
    checkpoints: checkpoints?.completedCount ?? 0,
    checkpointBytes: checkpoints?.totalBytes ?? 0,
    checkpointMs: Math.round(checkpoints?.totalDurationMs ?? 0),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
