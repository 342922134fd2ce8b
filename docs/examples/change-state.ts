import { long, mapState, string } from 'tidemark';
import { openSavepoint, SavepointWriter } from 'tidemark/state';

const state = { clicksByPage: mapState(string(), long()) };

// #region change
const savepoint = await openSavepoint('.tidemark/checkpoints', { jobName: 'first-clicks' });
await SavepointWriter.fromExistingSavepoint(savepoint)
  .transformKeyedState('first-click', { from: state }, ({ key, state: { clicksByPage } }) => {
    const shown = new Map([...(clicksByPage ?? [])].filter(([page]) => page !== '/'));
    return shown.size === 0 ? undefined : { key, state: { clicksByPage: shown } };
  })
  .write('.tidemark/savepoints/without-home-page');
// #endregion
