import type { DataStream } from '../../../operators/data-stream.ts';
import type { RecordFields, RecordOf, RecordSchema } from '../../../state/schema/record.ts';
import type { NexmarkInput } from '../source/nexmark-input.ts';

/** How rows that change come out: the old row as `-U` and the new one as `+U`, or the new one only. */
export type EmitMode = 'changelog' | 'upsert';

/** What a query is built with. */
interface QueryContext {
  readonly input: NexmarkInput;
  /** How rows that change come out of queries whose result is updated. */
  readonly emit: EmitMode;
}

/** A query of the benchmark. */
export interface NexmarkQuery<F extends RecordFields = RecordFields, R extends RecordOf<F> = RecordOf<F>> {
  /** A row of the result, its columns in order; what rows have besides is not written. */
  readonly result: RecordSchema<F>;
  /** Columns that hold decimals as whole numbers: digits after the point. */
  readonly scales?: { readonly [K in keyof F]?: number } | undefined;
  /** Folder of a row below the output. Default: none. */
  readonly partitionBy?: ((row: R) => string) | undefined;
  build(context: QueryContext): DataStream<R>;
}

export function defineQuery<F extends RecordFields, R extends RecordOf<F>>(query: NexmarkQuery<F, R>): NexmarkQuery {
  return query as unknown as NexmarkQuery;
}

/** How long updates of a result are folded, where that helps: as the benchmark's settings for Flink have it. */
export const MINI_BATCH = { latency: '2s', size: 50_000 } as const;
