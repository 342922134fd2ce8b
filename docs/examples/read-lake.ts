import { readManifests } from 'tidemark';

// #region read
for (const { entries, tidemark } of await readManifests('lake/clicks', { sinkUid: 'clicks-lake' })) {
  const urls = entries.map(({ url }) => url);
  process.stdout.write(`checkpoint ${tidemark.checkpointId}: ${tidemark.rows} rows in ${urls.join(' ')}\n`);
}
// #endregion
