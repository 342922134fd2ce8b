import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';

/** Lets the peak memory of the process count anew from here, where the system can. */
export function resetPeakMemory(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Then the peak is that since the process began.
  }
}

/** Highest resident memory since the last reset, MB. */
export function peakMemoryMb(): number {
  try {
    const match = /^VmHWM:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'));
    if (match !== null) return Math.floor(Number(match[1]) / 1024);
  } catch {
    // Not Linux.
  }
  return Math.floor(process.resourceUsage().maxRSS / 1024);
}

export function loadAverage(): number {
  return loadavg()[0]!;
}

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
