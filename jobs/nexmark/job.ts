import { z } from 'zod';
import { defineJob } from '../../operators/define-job.ts';
import { parquetSink } from '../../operators/sink/parquet/parquet-sink.ts';
import { countingSink } from './counting-sink.ts';
import { QUERIES, QUERY_NAMES } from './queries/queries.ts';
import type { NexmarkQuery } from './queries/query.ts';
import { NexmarkInput } from './source/nexmark-input.ts';

/** Column of the kind of a row (`+I`, `-U`, `+U`, `-D`) in files of results. */
export const ROW_KIND_COLUMN = 'rowKind';

/** Runs a query of the Nexmark benchmark over a file of events, or over events that it makes itself. */
export default defineJob({
  name: 'nexmark',
  description: 'Runs a query of the Nexmark benchmark.',
  params: {
    query: z.enum(QUERY_NAMES).describe('the query: q0 to q5, q7 to q23'),
    kind: z
      .enum(['generated', 'avro', 'json', 'container'])
      .default('generated')
      .describe('where events come from: made here, a file with its index of blocks, or Avro container files'),
    input: z.string().optional().describe('the file of events; for containers also a folder'),
    events: z.number().int().min(0).default(1_000_000).describe('generated: how many'),
    tps: z.number().positive().default(100_000).describe('generated: events per second of event time'),
    seed: z.number().int().default(1).describe('generated: equal seeds give equal events'),
    output: z.string().optional().describe('folder or s3://bucket/prefix for Parquet files; default: rows are counted'),
    emit: z
      .enum(['changelog', 'upsert'])
      .default('changelog')
      .describe('rows that change: with the row that was before, or without'),
  },
  build(env, { query: name, kind, input: path, events, tps, seed, output, emit }) {
    const query: NexmarkQuery = QUERIES[name];
    const rows = query.build({ input: new NexmarkInput(env, { kind, path, events, tps, seed }), emit });
    const sink =
      output === undefined
        ? countingSink<never>()
        : parquetSink({
            path: output,
            schema: query.result,
            partitionBy: query.partitionBy,
            rowKindColumn: ROW_KIND_COLUMN,
          });
    rows.sinkTo(sink, { uid: 'result' });
  },
});
