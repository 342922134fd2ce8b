import { QUERIES, type RunResult, type Store } from './run-result.ts';

/** Medians of events per CPU second of both engines and their ratio, per store and parallelism, as a Markdown table. */
export function ratioTable(results: readonly RunResult[]): string {
  const parts: string[] = [];
  for (const store of ['rocksdb', 'heap'] satisfies Store[]) {
    for (const parallelism of new Set(results.map((result) => result.parallelism))) {
      const chosen = results.filter((result) => result.store === store && result.parallelism === parallelism);
      if (chosen.length > 0) parts.push(`### ${store}, parallelism ${parallelism}\n\n${tableOf(chosen)}`);
    }
  }
  return parts.join('\n\n');
}

function tableOf(results: readonly RunResult[]): string {
  const lines = [
    '| Query | Events | Runs | Tidemark, K events per CPU s | Flink | Ratio | Checkpoints T / F | Peak RSS T / F, MB | Seconds T / F |',
    '|---|---|---|---|---|---|---|---|---|',
  ];
  const ratios: number[] = [];
  for (const query of QUERIES) {
    const ours = results.filter((result) => result.query === query && result.engine === 'tidemark');
    const theirs = results.filter((result) => result.query === query && result.engine === 'flink');
    if (ours.length === 0 || theirs.length === 0) continue;
    const ratio = medianOf(ours, 'eventsPerCpuSecond') / medianOf(theirs, 'eventsPerCpuSecond');
    ratios.push(ratio);
    const pair = (key: 'checkpoints' | 'peakRssMb' | 'seconds'): string =>
      `${round(medianOf(ours, key))} / ${round(medianOf(theirs, key))}`;
    const runs = Math.min(ours.length, theirs.length);
    lines.push(
      `| ${query} | ${ours[0]!.events / 1e6} M | ${runs} | ${spread(ours)} | ${spread(theirs)} | **${ratio.toFixed(1)}** | ${pair('checkpoints')} | ${pair('peakRssMb')} | ${pair('seconds')} |`,
    );
  }
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  lines.push(
    '',
    `Geometric mean of ${ratios.length} queries: **${mean.toFixed(2)}**; smallest ${Math.min(...ratios).toFixed(2)}.`,
  );
  return lines.join('\n');
}

/** Median with the smallest and the largest, thousands of events per CPU second. */
function spread(results: readonly RunResult[]): string {
  const all = results.map(({ eventsPerCpuSecond }) => Math.round(eventsPerCpuSecond / 1000));
  const middle = Math.round(medianOf(results, 'eventsPerCpuSecond') / 1000);
  return results.length === 1 ? `${middle}` : `${middle} (${Math.min(...all)}–${Math.max(...all)})`;
}

function medianOf(
  results: readonly RunResult[],
  key: 'eventsPerCpuSecond' | 'checkpoints' | 'peakRssMb' | 'seconds',
): number {
  const sorted = results.map((result) => result[key]).toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Math.round(value * 10) / 10);
}
