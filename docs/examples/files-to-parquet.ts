import {
  defineJob,
  fileSource,
  type Infer,
  jsonLines,
  parquetSink,
  record,
  string,
  timestampMs,
  type UndecodableFileRecord,
  WatermarkStrategy,
} from 'tidemark';
import { z } from 'zod';

const Click = record('Click', { userId: string(), page: string(), at: timestampMs() });
type Click = Infer<typeof Click>;
const Broken = record('Broken', { file: string(), reason: string() });
type Broken = Infer<typeof Broken>;

const isClick = (row: Click | Broken): row is Click => 'userId' in row;
const isBroken = (row: Click | Broken): row is Broken => !isClick(row);

export default defineJob({
  name: 'files-to-parquet',
  params: { input: z.string().default('clicks'), lake: z.string().default('lake') },
  build(env, { input, lake }) {
    // #region job
    const rows = env.fromSource(
      fileSource({
        path: input,
        format: jsonLines(Click),
        watch: '10s',
        onError: ({ file, error }: UndecodableFileRecord): Broken => ({ file, reason: error.message }),
      }),
      'clicks',
      WatermarkStrategy.forBoundedOutOfOrderness<Click | Broken>('20s')
        .withTimestamp((row) => (isClick(row) ? row.at : Number.NaN))
        .withIdleness('1m'),
    );
    const day = (click: Click): string => `dt=${new Date(click.at).toISOString().slice(0, 10)}`;
    rows
      .filter(isClick)
      .sinkTo(parquetSink({ path: `${lake}/clicks`, schema: Click, partitionBy: day }), { uid: 'clicks-lake' });
    rows.filter(isBroken).sinkTo(parquetSink({ path: `${lake}/broken`, schema: Broken }), { uid: 'broken-lake' });
    // #endregion
  },
});
