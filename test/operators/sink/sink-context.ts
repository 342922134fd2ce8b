import type { Environment } from '../../../engine/base/environment.ts';
import { InternalError } from '../../../engine/base/errors.ts';
import { MetricGroup } from '../../../engine/base/metrics.ts';
import type { SinkContext } from '../../../engine/task/sink.ts';
import type { ObjectStorage } from '../../../state/storage/object-storage.ts';

/** A sink context for tests: everything but the environment has a default. */
export function testCreateSinkContext(
  options: Partial<SinkContext> & { readonly environment: Environment },
): SinkContext {
  return {
    logger: options.environment.logger,
    metrics: new MetricGroup(),
    jobName: 'job',
    sinkUid: 'sink',
    subtaskIndex: 0,
    parallelism: 1,
    attempt: 1,
    storage: NO_STORAGE,
    storagePrefix: 'staged/sink',
    ...options,
  };
}

const NO_STORAGE = new Proxy({} as ObjectStorage, {
  get: () => {
    throw new InternalError('this test gives the sink no storage');
  },
});
