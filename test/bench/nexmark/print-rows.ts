import { writeFileSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { zstdDecompressSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import { ROW_KIND_COLUMN } from '../../../jobs/nexmark/job.ts';
import { QUERIES, type QueryName } from '../../../jobs/nexmark/queries/queries.ts';
import type { NexmarkQuery } from '../../../jobs/nexmark/queries/query.ts';
import { readManifests } from '../../../operators/sink/parquet/manifest.ts';

const COMPRESSORS = { ZSTD: (bytes: Uint8Array): Uint8Array => zstdDecompressSync(bytes) };

/** Rows as text with how often each stands, and how many have reached the sink but for those before an update. */
export interface FoldedRows {
  readonly counts: Map<string, number>;
  readonly outputRows: number;
}

/** Folds the changelog in a folder of results into the rows that stand at its end. @throws Error when one is taken back that is not there. */
export async function foldRows(query: QueryName, folder: string): Promise<FoldedRows> {
  const { result, scales = {} }: NexmarkQuery = QUERIES[query];
  const columns = Object.keys(result.fields);
  const counts = new Map<string, number>();
  let outputRows = 0;
  for (const { entries } of await readManifests(folder, { sinkUid: 'result' })) {
    for (const { url } of entries) {
      const { buffer } = new Uint8Array(readFileSync(url.startsWith('file:') ? fileURLToPath(url) : url));
      for (const row of await parquetReadObjects({ file: buffer, compressors: COMPRESSORS })) {
        const text = columns.map((column) => textOf(row[column], scales[column])).join('|');
        const kind = String(row[ROW_KIND_COLUMN]);
        if (kind !== '-U') outputRows++;
        const count = (counts.get(text) ?? 0) + (kind.startsWith('+') ? 1 : -1);
        if (count === 0) counts.delete(text);
        else counts.set(text, count);
      }
    }
  }
  for (const [text, count] of counts)
    if (count < 0) throw new Error(`${query}: retracted more often than added: ${text}`);
  return { counts, outputRows };
}

/** Writes rows in order, each as often as it stands, fields joined by `|`. */
export function writeRows(file: string, { counts }: FoldedRows): void {
  const lines: string[] = [];
  for (const [text, count] of counts) for (let i = 0; i < count; i++) lines.push(`${text}\n`);
  writeFileSync(file, lines.sort().join(''));
}

/** Times as epoch milliseconds, scaled numbers with their point. */
function textOf(value: unknown, scale: number | undefined): string {
  if (value instanceof Date) return String(value.getTime());
  const text = String(value);
  if (scale === undefined) return text;
  const digits = text.padStart(scale + 1, '0');
  return `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
