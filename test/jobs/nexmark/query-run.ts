import type { MemoryFileSystem } from '../../../engine/base/file-system-memory.ts';
import { QUERIES, type QueryName } from '../../../jobs/nexmark/queries/queries.ts';
import type { EmitMode, NexmarkQuery } from '../../../jobs/nexmark/queries/query.ts';
import { type InputKind, NexmarkInput } from '../../../jobs/nexmark/source/nexmark-input.ts';
import type { CollectedRows } from '../../../operators/sink/collect/collect-sink.ts';
import { collectSink } from '../../../operators/sink/collect/collect-sink.ts';
import { isRetraction } from '../../../engine/task/row-kind.ts';
import { startVirtualJob, type VirtualJob, type VirtualJobOptions } from '../../harness/virtual-job.ts';
import { AVRO_PATH } from './event-files.ts';

export interface QueryRunOptions extends Omit<VirtualJobOptions, 'build' | 'files'> {
  readonly query: QueryName;
  readonly files: MemoryFileSystem;
  readonly rows: CollectedRows<object>;
  readonly kind?: InputKind;
  readonly path?: string;
  readonly events?: number;
  readonly tps?: number;
  readonly emit?: EmitMode;
}

let runCount = 0;

/** Starts a query as a job of its own, or, with a `checkpointRoot`, as the one that left its checkpoints there. */
export function startQuery(options: QueryRunOptions): VirtualJob {
  const { query, rows, kind = 'avro', path = AVRO_PATH, emit = 'changelog', events = 0, tps = 100, ...job } = options;
  return startVirtualJob({
    checkpointRoot: `/checkpoints/${runCount++}`,
    restart: { kind: 'none' },
    ...job,
    build(env) {
      const input = new NexmarkInput(env, { kind, path, events, seed: 1, tps });
      const built: NexmarkQuery = QUERIES[query];
      built.build({ input, emit }).sinkTo(collectSink<object>({ into: rows }), { uid: 'result' });
    },
  });
}

/** The rows that stand at the end, as text, sorted. @throws Error when one is taken back that is not there. */
export function standingRows(query: QueryName, rows: CollectedRows<object>): string[] {
  const columns = Object.keys(QUERIES[query].result.fields);
  const counts = new Map<string, number>();
  for (const { value, kind } of rows.records()) {
    const text = columns.map((column) => String((value as Record<string, unknown>)[column])).join('|');
    counts.set(text, (counts.get(text) ?? 0) + (isRetraction(kind) ? -1 : 1));
  }
  return [...counts]
    .flatMap(([text, count]) => {
      if (count < 0) throw new Error(`retracted more often than added: ${text}`);
      return Array.from({ length: count }, () => text);
    })
    .sort();
}
