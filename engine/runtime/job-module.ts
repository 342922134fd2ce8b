import { UserError } from '../base/errors.ts';
import type { JobDefinition } from '../graph/job-definition.ts';

/**
 * Imports a job module.
 *
 * @param url `file:` address of the module.
 * @param shownPath how messages call it.
 * @throws UserError JOB_NOT_FOUND when it does not load, or exports no job.
 */
export async function importJob(url: string, shownPath: string): Promise<JobDefinition> {
  let module: { readonly default?: unknown };
  try {
    module = (await import(url)) as { readonly default?: unknown };
  } catch (error) {
    throw new UserError('JOB_NOT_FOUND', `the job module ${shownPath} does not load: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const job = module.default as Partial<JobDefinition> | undefined;
  if (job === undefined || typeof job.name !== 'string' || typeof job.createGraph !== 'function') {
    throw new UserError('JOB_NOT_FOUND', `${shownPath} does not export a job by default`, {
      hint: "End the module with: export default defineJob({ name: '...', params: {}, build(env) { ... } });",
    });
  }
  return job as JobDefinition;
}
