import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '../base/errors.ts';
import type { JobDefinition } from '../graph/job-definition.ts';

/**
 * Imports a job module by path.
 *
 * @throws UserError JOB_NOT_FOUND when there is no such file, it does not load, or exports no job.
 */
export async function loadJob(path: string): Promise<JobDefinition> {
  const file = resolve(path);
  if (!existsSync(file)) {
    throw new UserError('JOB_NOT_FOUND', `there is no job module at ${path}`, {
      hint: 'Give the path of a TypeScript or JavaScript file whose default export is defineJob({ ... }).',
    });
  }
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(file).href)) as { readonly default?: unknown };
  } catch (error) {
    throw new UserError('JOB_NOT_FOUND', `the job module ${path} does not load: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const job = module.default as Partial<JobDefinition> | undefined;
  if (job === undefined || typeof job.name !== 'string' || typeof job.createGraph !== 'function') {
    throw new UserError('JOB_NOT_FOUND', `${path} does not export a job by default`, {
      hint: "End the module with: export default defineJob({ name: '...', params: {}, build(env) { ... } });",
    });
  }
  return job as JobDefinition;
}
