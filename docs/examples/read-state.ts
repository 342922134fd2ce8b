import { long, mapState, string } from 'tidemark';
import { openSavepoint } from 'tidemark/state';

// #region read
const savepoint = await openSavepoint('.tidemark/checkpoints', { jobName: 'first-clicks' });
const state = { clicksByPage: mapState(string(), long()) };
for await (const entry of savepoint.readKeyedState('first-click', { state })) {
  process.stdout.write(`${entry.key} ${JSON.stringify([...(entry.state.clicksByPage ?? [])])}\n`);
}
// #endregion
